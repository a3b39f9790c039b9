"""Fabric's open mirroring as a Store."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self

from pydantic import Field, field_validator

from hygge.core.context import Context, Surroundings
from hygge.core.durations import parse_duration
from hygge.core.errors import ConfigError
from hygge.core.settings import StoreConfig
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.terms import Ability
from hygge.core.upkeep import DurationText
from hygge.lake.mirror.load import MirrorTicket
from hygge.lake.mirror.publish import Publisher
from hygge.lake.mirror.store import MirrorStoreSession
from hygge.lake.mirror.zone import Zone
from hygge.lake.parts import Sizes
from hygge.lake.writer import LakeWriter
from hygge.storage.connection import is_remote, located
from hygge.storage.onelake import address_of

Codec = Literal["zstd", "snappy", "gzip", "uncompressed"]
"""FORMAT, "Data file and format in the landing zone"."""
_ODD = re.compile(r"[/\\?#\0]|^[._]|\.schema$|^$", re.IGNORECASE)


class OpenMirroringStoreConfig(StoreConfig):
    """Settings of a Store for open mirroring."""

    landing_zone: str = Field(
        description="The landing zone's URL, as the home page of the mirrored database shows it; "
        "with `connection` perhaps a path below that one's `url`",
        examples=["https://onelake.dfs.fabric.microsoft.com/WORKSPACE/DATABASE/Files/LandingZone"],
    )
    connection: str | None = Field(
        default=None,
        description="A connection of type `azure`; an identity of the environment without it",
        examples=["fabric"],
    )
    table: str | None = Field(
        default=None,
        description="The table, perhaps with its schema; the entity's name if not set",
        examples=["users", "sales.users"],
    )
    source_type: str | None = Field(
        default=None,
        description="What kind of source the database is told that it mirrors, in "
        "`_partnerEvents.json`",
        examples=["PostgreSQL"],
    )
    drop_timeout: DurationText = Field(
        default="10m",
        description="How long `replace` waits until Fabric has dropped the table of before",
    )
    compression: Codec = Field(default="zstd", description="Codec of the files' pages")
    part_rows: int = Field(default=1_000_000, ge=1, description="Rows of a full file")
    part_bytes: int = Field(
        default=128 << 20, ge=1 << 16, description="Bytes in memory at which a file is full"
    )

    @field_validator("landing_zone")
    @classmethod
    def _named(cls, text: str) -> str:
        if not text.strip("/ "):
            raise ValueError("the landing zone's URL is needed")
        return address_of(text)


class OpenMirroringStore(Store, type="open_mirroring"):
    """Settles into the landing zone of a mirrored database of Microsoft Fabric, which makes a table
    of it: `OpenMirroringStore("users", landing_zone="https://onelake...")`."""

    Config = OpenMirroringStoreConfig
    config: OpenMirroringStoreConfig
    keeps_state = True
    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append", "merge")
    abilities: ClassVar[frozenset[Ability]] = frozenset({"marked"})
    zone: Zone | None = None
    """Where it lies, once bound."""

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """As the flow has it; the table is the entity's name if none is set."""
        return {**settings, "table": settings.get("table") or entity}

    def bind(self, around: Surroundings) -> Self:
        """With the connection found."""
        if self.zone is not None:
            return self
        config, owner = self.config, f"the store of '{self.name}'"
        if not is_remote(config.landing_zone, config.connection):
            raise ConfigError(
                f"{owner}: '{config.landing_zone}' is no URL of a landing zone",
                hint="copy it from the home page of the mirrored database in Fabric",
            )
        found, address = located(
            config.landing_zone, around, owner=owner, connection=config.connection
        )
        schema, table = self._names
        return self.copy_with(zone=Zone(found, address, schema, table))

    @property
    def _names(self) -> tuple[str, str]:
        """Schema and table. Raises ConfigError for names that no folder can have."""
        schema, dot, table = (self.config.table or self.name).rpartition(".")
        for name in (schema, table) if dot else (table,):
            if _ODD.search(name):
                raise ConfigError(
                    f"the store of '{self.name}': '{name}' is no name of a table or schema",
                    hint="set `table`, as in `table: sales.users`",
                )
        return schema, table

    @property
    def _bound(self) -> Zone:
        if self.zone is None:
            raise ConfigError(f"{self!r} is not bound to a landing zone")
        return self.zone

    def place(self) -> str:
        """Where the table's folder is, for people."""
        if self.zone is not None:
            return str(self.zone)
        return f"{self.config.landing_zone}/{self.config.table or self.name}"

    def identity(self) -> Mapping[str, Any]:
        """The landing zone as written, and the table."""
        return {
            "type": self.type, "landing_zone": self.config.landing_zone.rstrip("/"),
            "table": self.config.table or self.name,
        }  # fmt: skip

    def readers(self, mode: Mode) -> str:
        if mode == "replace":
            return "the old rows, then no table, then the new rows file by file, as Fabric takes it"
        return "the new rows file by file, as Fabric takes them"

    def open(self, context: Context) -> MirrorStoreSession:
        config = self.config
        publisher = Publisher(self._bound, parse_duration(config.drop_timeout), context)
        return MirrorStoreSession(
            self, publisher, Sizes(config.part_rows, config.part_bytes), config.compression,
            config.source_type,
        )  # fmt: skip

    def writer(self, ticket: MirrorTicket, chunk: int, context: Context) -> LakeWriter:
        return LakeWriter(ticket, chunk, context)
