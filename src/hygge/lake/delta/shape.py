"""How a Delta table's files are written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from hygge.lake.delta.facts import partition_values, statistics
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
