"""How a Delta table's files are written, and by what they are parted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from deltalake import DeltaTable

from hygge.core.errors import ConfigError
from hygge.core.fields import Schema
from hygge.lake.delta.facts import PARTS, partition_values, statistics
from hygge.lake.parts import Filler, Key, Sizes
from hygge.lake.place import Place
from hygge.lake.writer import Ticket


@dataclass(frozen=True)
class Shape:
    """How a table's files are written.

    Parameters
    ----------
    sizes, compression: of a file.
    partition: columns of which every file has one value.
    """

    sizes: Sizes
    compression: str
    partition: tuple[str, ...] = ()


@dataclass(frozen=True)
class DeltaTicket(Ticket):
    """See Ticket.

    Parameters
    ----------
    place, shape: of the table.
    staged: whether its rows wait there, and belong to no partition yet.
    """

    place: Place
    shape: Shape
    staged: bool

    def filler(self, stem: str) -> Filler:
        partition = () if self.staged else self.shape.partition

        def facts(rows: pl.DataFrame, key: Key) -> Mapping[str, Any]:
            return {
                "stats": statistics(rows),
                "partition": partition_values(partition, key, self.entity),
            }

        return Filler(
            self.place.shelf(), f"{self.folder}/{stem}", self.shape.sizes,
            self.shape.compression, facts, partition,
        )  # fmt: skip


def parted_by(
    wanted: tuple[str, ...], table: DeltaTable | None, lying: Schema, place: str
) -> tuple[str, ...]:
    """The columns that a table is parted by.

    Parameters
    ----------
    wanted: as configured; none says nothing of a table that is there.
    table: as it is; None where it is yet to be made.
    lying: its columns as they lie.
    place: its name in errors.

    Raises
    ------
    ConfigError: no table can be parted by those, or this one is parted otherwise.
    """
    there = tuple(table.metadata().partition_columns) if table is not None else wanted
    if wanted and there != wanted:
        raise ConfigError(
            f"{place} is partitioned by {', '.join(there) or 'nothing'}, and `partition_by` says "
            f"{', '.join(wanted)}",
            hint="set it as the table is, or move the table away and load anew",
        )
    for name in there:
        if name not in lying:
            raise ConfigError(
                f"{place}: `partition_by` names '{name}', which is none of its columns",
                hint=f"its columns: {', '.join(lying.names[:12])}",
            )
        if lying[name].type.physical not in PARTS:
            raise ConfigError(
                f"{place}: a table cannot be partitioned by '{name}', a {lying[name].type}",
                hint="partition by whole numbers, days, texts or truth values",
            )
    if there and len(there) == len(lying):
        raise ConfigError(f"{place}: `partition_by` leaves no column for the files")
    return there
