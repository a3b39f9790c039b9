"""Delta tables as a Store."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.context import Context
from hygge.core.importing import needing
from hygge.core.settings import StoreConfig
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.terms import ABILITIES
from hygge.lake.config import Filed, Located
from hygge.lake.placed import Placed
from hygge.lake.writer import LakeWriter

if TYPE_CHECKING:
    from hygge.lake.delta.shape import DeltaTicket
    from hygge.lake.delta.store import DeltaStoreSession


class DeltaStoreConfig(Located, Filed, StoreConfig):
    """Settings of a Delta Store."""

    cluster: tuple[str, ...] = Field(
        default=(),
        description="Columns by which rows are laid together (Z-order) when files are joined",
        examples=[["customer_id"]],
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if both := set(self.partition_by) & set(self.cluster):
            raise ValueError(f"`cluster` names '{min(both)}', which `partition_by` has already")
        return self


class DeltaStore(Placed, Store):
    """Settles into a Delta table: `DeltaStore("users", path="lake/users")`."""

    Config = DeltaStoreConfig
    config: DeltaStoreConfig
    keeps_state = True
    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append", "merge", "delete_insert", "scd2")
    abilities = frozenset(ABILITIES)

    def readers(self, mode: Mode) -> str:
        return "the rows before or the rows after: one commit"

    def open(self, context: Context) -> DeltaStoreSession:
        with needing("delta"):
            from hygge.lake.delta.store import DeltaStoreSession
            from hygge.lake.delta.upkeep import DeltaUpkeep
        config = self.config
        often = config.optimize
        upkeep = DeltaUpkeep(
            often.compact_every, often.vacuum_after, config.cluster, config.compression
        )
        return DeltaStoreSession(self._bound, config.shape, upkeep, context)

    def writer(self, ticket: DeltaTicket, chunk: int, context: Context) -> LakeWriter:
        return LakeWriter(ticket, chunk, context)

    def compact(self, context: Context) -> tuple[int, int]:
        """Join small files, along `cluster` where it is set. Returns how many files there were,
        and how many there are now."""
        with self.open(context) as session:
            return session.compact()
