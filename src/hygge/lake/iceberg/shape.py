"""How an Iceberg table's files are written, and how its schema follows what comes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import BinaryIO

import polars as pl
import pyarrow as pa
from pyiceberg.io import FileIO
from pyiceberg.partitioning import PartitionField, PartitionSpec
from pyiceberg.schema import Schema as NativeSchema
from pyiceberg.table import Transaction
from pyiceberg.transforms import IdentityTransform

from hygge.core.errors import ConfigError, DataError, SchemaDrift
from hygge.core.fields import Schema
from hygge.lake.iceberg.table import shelf_of
from hygge.lake.iceberg.types import counter, native_type, widens_in_place
from hygge.lake.parts import Filler, Shape, no_facts, write_parquet
from hygge.lake.writer import Ticket

PARTS = (pl.Boolean, pl.Int32, pl.Int64, pl.Date, pl.String)
"""Dtypes of columns that a table can be partitioned by, as they lie."""


@dataclass(frozen=True)
class IcebergTicket(Ticket):
    """See Ticket.

    Parameters
    ----------
    location, io: of the table, and the library's way in.
    shape: of its files.
    schema: Arrow's, with the fields' ids; None for rows that wait, and are no file of the table's.
    """

    location: str
    io: FileIO
    shape: Shape
    schema: pa.Schema | None

    def filler(self, stem: str) -> Filler:
        waits = self.schema is None
        return Filler(
            shelf_of(self.location, self.io), f"{self.folder}/{stem}", self.shape.sizes,
            self.shape.compression, no_facts, () if waits else self.shape.partition,
            encode=None if waits else self._encoded, keep=True,
        )  # fmt: skip

    def _encoded(self, frame: pl.DataFrame, out: BinaryIO) -> None:
        assert self.schema is not None  # rows that wait are written plainly
        frame = frame.select(self.schema.names)
        for column in frame.iter_columns():
            if column.dtype == pl.Time and (column.cast(pl.Int64) % 1000 != 0).any():
                raise DataError(
                    f"{self.entity}: '{column.name}' has times with a fraction of a microsecond, "
                    "which Iceberg does not hold",
                    hint=f"`cast: {{{column.name}: string}}`",
                )
        write_parquet(frame, out, self.shape.compression, arrow_schema=self.schema)


def columns_of(spec: PartitionSpec, schema: NativeSchema, place: str) -> tuple[str, ...]:
    """The columns that a table is partitioned by. Raises ConfigError where it is by more than
    their plain values."""
    for field in spec.fields:
        if not isinstance(field.transform, IdentityTransform):
            raise ConfigError(
                f"{place} is partitioned by {field.transform} of a column, which hygge does not "
                "write",
                hint="choose another table, or partition it by plain columns",
            )
    return tuple(schema.find_column_name(f.source_id) or "" for f in spec.fields)


def spec_of(partition: Sequence[str], schema: NativeSchema) -> PartitionSpec:
    """Iceberg's partition spec over plain columns."""
    return PartitionSpec(
        *(
            PartitionField(schema.find_field(name).field_id, 1000 + at, IdentityTransform(), name)
            for at, name in enumerate(partition)
        )
    )


def evolve(
    transaction: Transaction,
    there: Schema,
    lying: Schema,
    *,
    drop: bool,
    parted: Sequence[str],
    place: str,
) -> bool:
    """Change a table's schema so that it takes the columns that come.

    Parameters
    ----------
    transaction: in which.
    there, lying: its columns as they are, and as they are to be.
    drop: whether columns that do not come go.
    parted: those by which the table is partitioned, which cannot.
    place: its name in errors.

    Returns
    -------
    Whether files must be written anew, for a column of a type that none of theirs can become.
    Raises SchemaDrift where that cannot be.
    """
    changed = [f for f in lying if f.name in there and there[f.name].type != f.type]
    wider = [f for f in changed if widens_in_place(there[f.name].type, f.type)]
    other = [f for f in changed if f not in wider]
    gone = [f.name for f in other] + [n for n in there.names if drop and n not in lying]
    new = [f for f in lying if f.name not in there or f in other]
    if stuck := set(gone) & set(parted):
        raise SchemaDrift(
            f"{place} is partitioned by '{min(stuck)}', which cannot get another type or go",
            hint="drop the table, and it is made anew",
        )
    if gone:
        with transaction.update_schema(allow_incompatible_changes=True) as update:
            for name in gone:
                update.delete_column((name,))
    if wider or new:
        with transaction.update_schema(allow_incompatible_changes=True) as update:
            for field in wider:
                update.update_column((field.name,), native_type(field.type, counter()))
            for field in new:
                update.add_column((field.name,), native_type(field.type, counter()))
    return bool(other)


def drift(there: Schema, lying: Schema, place: str, *, owned: bool, moves: bool) -> None:
    """Refuse columns that others made, where that would lose something.

    Parameters
    ----------
    there, lying: the table's columns as they are, and as they are to be.
    place: its name in errors.
    owned: whether hygge loaded it.
    moves: whether rows that are there are put in again.

    Raises SchemaDrift.
    """
    strange = [name for name in there.names if name not in lying]
    wrong = [f.name for f in lying if f.name not in there or there[f.name].type != f.type]
    if not owned and (wrong or strange):
        raise SchemaDrift(
            f"{place} is a table that hygge has not loaded, of other columns: "
            f"{', '.join([*wrong, *strange])}",
            hint="choose another table, or `mode: replace`",
        )
    if strange and moves:
        raise SchemaDrift(
            f"{place}: rows are put in anew, and the table has columns that hygge did not make: "
            f"{', '.join(strange)}",
            hint="drop those columns",
        )
