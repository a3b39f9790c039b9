"""Delta tables as a Store."""

from __future__ import annotations

from datetime import timedelta
from typing import ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.context import Context
from hygge.core.load import Mode
from hygge.core.settings import StoreConfig
from hygge.core.store import Store
from hygge.core.terms import ABILITIES
from hygge.core.upkeep import Optimize
from hygge.lake.config import Filed, Located
from hygge.lake.delta.shape import DeltaTicket
from hygge.lake.delta.store import DeltaStoreSession
from hygge.lake.delta.upkeep import Upkeep
from hygge.lake.placed import Placed
from hygge.lake.writer import LakeWriter

LEAST_VACUUM = timedelta(days=1)
"""Vacuum removes what an unfinished load has written, too, once it is so old."""


class DeltaStoreConfig(Located, Filed, StoreConfig):
    """Settings of a Delta Store."""

    cluster: tuple[str, ...] = Field(
        default=(),
        description="Columns by which rows are laid together (Z-order) when files are joined",
        examples=[["customer_id"]],
    )
    optimize: Optimize = Field(
        default=Optimize(),
        description="Housekeeping after a load, when it is due",
        examples=[{"compact": "24h", "vacuum": "7d"}],
    )

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        age = self.optimize.vacuum_after
        if age is not None and age < LEAST_VACUUM:
            raise ValueError("`optimize.vacuum` must be at least 1d: loads under way need theirs")
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
        config = self.config
        upkeep = Upkeep(config.optimize.compact_every, config.optimize.vacuum_after, config.cluster)
        return DeltaStoreSession(self._bound, config.shape, upkeep, context)

    def writer(self, ticket: DeltaTicket, chunk: int, context: Context) -> LakeWriter:
        return LakeWriter(ticket, chunk, context)

    def compact(self, context: Context) -> tuple[int, int]:
        """Join small files, along `cluster` where it is set. Returns how many files there were,
        and how many there are now."""
        with self.open(context) as session:
            return session.compact()
