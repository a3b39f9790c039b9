"""Delta tables as a Home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from hygge.core.context import Context
from hygge.core.home import Home
from hygge.core.importing import needing
from hygge.core.settings import HomeConfig
from hygge.lake.config import Located
from hygge.lake.placed import Placed

if TYPE_CHECKING:
    from hygge.lake.delta.read import DeltaSession


class DeltaHomeConfig(Located, HomeConfig):
    """Settings of a Delta Home."""

    version: int | None = Field(
        default=None, ge=0, description="The version to read; the newest without it", examples=[12]
    )
    where: str = Field(
        default="",
        description="An SQL condition that rows must meet; names that are not plain stand in "
        "backquotes",
        examples=["country = 'DK'"],
    )


class DeltaHome(Placed, Home):
    """Reads a Delta table: `DeltaHome("users", path="lake/users")`."""

    Config = DeltaHomeConfig
    config: DeltaHomeConfig
    incremental = True

    def identity(self) -> Mapping[str, Any]:
        """Where it is, and what is read of it."""
        only = {"version": self.config.version, "where": self.config.where or None}
        return {**super().identity(), **{k: v for k, v in only.items() if v is not None}}

    def open(self, context: Context) -> DeltaSession:
        with needing("delta"):
            from hygge.lake.delta.read import DeltaSession
        return DeltaSession(self, self._bound, self.config.version, self.config.where, context)
