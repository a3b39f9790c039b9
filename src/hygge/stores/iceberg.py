"""Iceberg tables as a Store."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hygge.core.context import Context
from hygge.core.importing import needing
from hygge.core.settings import StoreConfig
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.terms import ABILITIES
from hygge.lake.config import Filed
from hygge.lake.iceberg.config import Cataloged, InCatalog
from hygge.lake.upkeep import Upkeep
from hygge.lake.writer import LakeWriter

if TYPE_CHECKING:
    from hygge.lake.iceberg.shape import IcebergTicket
    from hygge.lake.iceberg.store import IcebergStoreSession


class IcebergStoreConfig(Cataloged, Filed, StoreConfig):
    """Settings of an Iceberg Store."""


class IcebergStore(InCatalog, Store):
    """Settles into an Iceberg table: `IcebergStore("users", path="lake")`."""

    Config = IcebergStoreConfig
    config: IcebergStoreConfig
    keeps_state = True
    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append", "merge", "delete_insert", "scd2")
    abilities = frozenset(ABILITIES)

    def readers(self, mode: Mode) -> str:
        return "the rows before or the rows after: one commit"

    def open(self, context: Context) -> IcebergStoreSession:
        with needing("iceberg"):
            from hygge.lake.iceberg.store import IcebergStoreSession
            from hygge.lake.iceberg.upkeep import Tidy
        often, shape = self.config.optimize, self.config.shape
        tidy = Tidy(Upkeep(often.compact_every, often.vacuum_after), shape)
        return IcebergStoreSession(self._bound, shape, tidy, context)

    def writer(self, ticket: IcebergTicket, chunk: int, context: Context) -> LakeWriter:
        return LakeWriter(ticket, chunk, context)

    def compact(self, context: Context) -> tuple[int, int]:
        """Join small files. Returns how many files there were, and how many there are now."""
        with self.open(context) as session:
            return session.compact()
