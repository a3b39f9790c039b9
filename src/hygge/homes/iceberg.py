"""Iceberg tables as a Home."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from hygge.core.context import Context
from hygge.core.home import Home
from hygge.core.importing import needing
from hygge.core.settings import HomeConfig
from hygge.lake.iceberg.config import Cataloged, InCatalog

if TYPE_CHECKING:
    from hygge.lake.iceberg.read import IcebergSession


class IcebergHomeConfig(Cataloged, HomeConfig):
    """Settings of an Iceberg Home."""

    snapshot: int | None = Field(
        default=None, description="The id of the snapshot to read; the newest without it"
    )
    where: str = Field(
        default="",
        description="A condition that rows must meet, as pyiceberg reads it",
        examples=["country = 'DK' and id > 100"],
    )


class IcebergHome(InCatalog, Home):
    """Reads an Iceberg table: `IcebergHome("users", path="lake")`."""

    Config = IcebergHomeConfig
    config: IcebergHomeConfig
    incremental = True

    def identity(self) -> Mapping[str, Any]:
        """Where it is, and what is read of it."""
        only = {"snapshot": self.config.snapshot, "where": self.config.where or None}
        return {**super().identity(), **{k: v for k, v in only.items() if v is not None}}

    def open(self, context: Context) -> IcebergSession:
        with needing("iceberg"):
            from hygge.lake.iceberg.read import IcebergSession
        return IcebergSession(self, self._bound, self.config.snapshot, self.config.where, context)
