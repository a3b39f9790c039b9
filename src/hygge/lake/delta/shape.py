"""How a Delta table's files are written, and how its fields differ from those that come."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
from deltalake import DeltaTable

from hygge.core.errors import SchemaDrift
from hygge.core.fields import Schema
from hygge.lake.delta.facts import partition_values, statistics
from hygge.lake.delta.types import logical_schema
from hygge.lake.parts import Filler, Key, Shape
from hygge.lake.place import Place
from hygge.lake.writer import Ticket


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


def drift(
    table: DeltaTable | None, lying: Schema, place: str, *, owned: bool, moves: bool
) -> tuple[bool, bool]:
    """Whether columns come that a table does not have, and whether some get another type.

    Parameters
    ----------
    table: whose rows stay; None where there is none.
    lying: the fields as they are to lie.
    place: its name in errors.
    owned: whether hygge loaded it.
    moves: whether rows that are there are taken out and put in again.

    Raises SchemaDrift for a table that hygge has not made, of other columns, or where columns that
    it does not know would lose their values.
    """
    if table is None:
        return False, False
    there = logical_schema(table.schema(), place)
    added = [f.name for f in lying if f.name not in there]
    changed = [f.name for f in lying if f.name in there and there[f.name].type != f.type]
    strange = [name for name in there.names if name not in lying]
    if not owned and (added or changed or strange):
        raise SchemaDrift(
            f"{place} is a table that hygge has not loaded, of other columns: "
            f"{', '.join([*added, *changed, *strange])}",
            hint="choose another path, or `mode: replace`",
        )
    if strange and (changed or moves):
        why = f"'{changed[0]}' needs a wider type" if changed else "rows are put in anew"
        raise SchemaDrift(
            f"{place}: {why}, and the table has columns that hygge did not make: "
            f"{', '.join(strange)}",
            hint="drop those columns",
        )
    return bool(added), bool(changed)
