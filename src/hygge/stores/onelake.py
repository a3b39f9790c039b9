"""OneLake, Microsoft Fabric's storage, as a Store: Delta tables, and folders of Parquet files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import Field, field_validator, model_validator

from hygge.core import registry
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.settings import StoreConfig
from hygge.core.settling import StoreSession
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.terms import ABILITIES
from hygge.storage.onelake import HOST

_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_PLAIN = re.compile(r"[\w.-]+")
"""What an `abfss://` address takes, which has no spaces: "URI syntax" in onelake-access-api."""
_PART = re.compile(r"[^/\\?#\0]+")
OURS = ("type", "path", "connection")


class OneLakeStoreConfig(StoreConfig):
    """Settings of a Store in OneLake."""

    workspace: str = Field(
        description="The workspace's name, or its id where the name has more than letters, digits, "
        "'-', '_' and '.'",
        examples=["sales"],
    )
    item: str = Field(
        description="The lakehouse or another item with its type, or its id with the workspace's",
        examples=["shop.Lakehouse"],
    )
    table: str | None = Field(
        default=None,
        description="A Delta table below `Tables/`, perhaps with its schema; the entity's name if "
        "not set",
        examples=["users", "dbo.users"],
    )
    files: str | None = Field(
        default=None,
        description="A folder below `Files/` for Parquet files, instead of a table. With entities "
        "it is the parent of theirs",
        examples=["landing/users"],
    )
    connection: str | None = Field(
        default=None,
        description="A connection of type `azure`; an identity of the environment without it",
        examples=["fabric"],
    )
    region: str | None = Field(
        default=None,
        description="The region of the workspace's capacity, so that nothing is routed elsewhere",
        examples=["westus"],
    )
    options: Mapping[str, Any] = Field(
        default_factory=dict,
        description="More settings, of `type: delta` for a table or `type: parquet` for files",
        examples=[{"compression": "snappy"}],
    )

    @field_validator("workspace")
    @classmethod
    def _plain(cls, text: str) -> str:
        if not _PLAIN.fullmatch(text):
            raise ValueError(f"'{text}' cannot stand in an address: give the workspace's id")
        return text

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        by_id = bool(_ID.fullmatch(self.item))
        if not by_id and not re.fullmatch(r"[^/\\?#\0]+\.\w+", self.item):
            raise ValueError("`item` needs its type, as in `shop.Lakehouse`, or is an id")
        if by_id != bool(_ID.fullmatch(self.workspace)):
            raise ValueError("`workspace` and `item` are both names, or both ids")
        if self.table is not None and self.files is not None:
            raise ValueError("`table` and `files` exclude each other")
        if taken := set(self.options) & set(OURS):
            raise ValueError(f"`options`: '{min(taken)}' is made of the settings here")
        return self


class OneLakeStore(Store, type="onelake"):
    """Settles into a Delta table or a folder of Parquet files in OneLake:
    `OneLakeStore("users", workspace="sales", item="shop.Lakehouse")`. It is an address for the
    Stores `delta` and `parquet`, one of which does the work."""

    Config = OneLakeStoreConfig
    config: OneLakeStoreConfig
    keeps_state = True
    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append", "merge", "delete_insert", "scd2")
    abilities = frozenset(ABILITIES) - {"told"}

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """A table of the entity's name if none is set; a folder below that of its flow."""
        if settings.get("files") is None:
            return {**settings, "table": settings.get("table") or entity}
        return {**settings, "files": f"{settings['files']}/{entity}"} if shared else dict(settings)

    def bind(self, around: Surroundings) -> Store:
        """The Store that does the work, bound."""
        return self._worker().bind(around)

    def _worker(self) -> Store:
        config = self.config
        kind: type[Store] = registry.lookup("store", "delta" if config.files is None else "parquet")
        settings = {**config.options, "path": self.place(), "connection": config.connection}
        return kind(self.name, options=settings)

    @property
    def _path(self) -> str:
        """Within the item. Raises ConfigError for names that no folder can have."""
        if self.config.files is not None:
            return f"Files/{self.config.files.strip('/')}"
        parts = (self.config.table or self.name).split(".", 1)
        for part in parts:
            if not _PART.fullmatch(part):
                raise ConfigError(
                    f"the store of '{self.name}': '{part}' is no name of a table or schema",
                    hint="set `table`, as in `table: dbo.users`",
                )
        return "/".join(["Tables", *parts])

    def place(self) -> str:
        """The address, for people and for those who do the work."""
        region = f"{self.config.region.lower()}-" if self.config.region else ""
        return f"abfss://{self.config.workspace}@{region}{HOST}/{self.config.item}/{self._path}"

    def identity(self) -> Mapping[str, Any]:
        """What is settled into, whatever region it is reached by."""
        config = self.config
        return {"type": self.type, "workspace": config.workspace, "item": config.item,
                "path": self._path}  # fmt: skip

    def open(self, context: Context) -> StoreSession:
        return self._worker().open(context)
