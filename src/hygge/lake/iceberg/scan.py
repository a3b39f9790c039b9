"""Reading an Iceberg table's files: as they lie where that is all there is to it.

The library's own reading takes a NULL list of structs for an empty one, and decodes all files at
once. It is asked only for files of which rows have been deleted apart, or which were written by
other means, or under a schema that differs inside of a column.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.expressions import AlwaysTrue
from pyiceberg.io.pyarrow import ArrowScan
from pyiceberg.schema import Schema as NativeSchema
from pyiceberg.table import FileScanTask, Table
from pyiceberg.types import ListType, MapType, StructType, UUIDType

from hygge.core.errors import UnsupportedError
from hygge.lake.iceberg.types import logical_schema
from hygge.lake.shelf import READ_ROWS

_ID = b"PARQUET:field_id"


def frames_of(
    table: Table, tasks: Iterable[FileScanTask], schema: NativeSchema
) -> Iterator[pl.DataFrame]:
    """The rows of some files, one file after another, in the columns of a schema of the table's.

    Raises UnsupportedError for a file that cannot be read without altering values.
    """
    physical = logical_schema(schema, table.name()[-1]).physical
    parted = {field.source_id for spec in table.specs().values() for field in spec.fields}
    for task in tasks:
        with (
            table.io.new_input(task.file.file_path).open() as source,
            pq.ParquetFile(source, pre_buffer=False) as file,
        ):
            names = None if task.delete_files else _names(file.schema_arrow, schema, parted)
            if names is not None:
                yield from _as_it_lies(file, names, schema, physical)
                continue
        yield from _by_the_library(table, task, schema)


def _names(there: pa.Schema, schema: NativeSchema, parted: set[int]) -> dict[int, str] | None:
    """The columns of a file by their fields' ids; None where it takes more than that."""
    if not all(field.metadata and _ID in field.metadata for field in there):
        return None
    by_id = {int(field.metadata[_ID]): field for field in there}
    for field in schema.fields:
        found = by_id.get(field.field_id)
        if found is None:
            if field.field_id in parted or field.initial_default is not None:
                return None
        elif _ids(found) != _own_ids(field.field_id, field.field_type):
            return None
    return {number: field.name for number, field in by_id.items()}


def _ids(field: pa.Field) -> tuple[object, ...]:
    """The ids in a column of a file, as they are nested, with the names of its members."""
    kind = field.type
    number = int(field.metadata[_ID]) if field.metadata and _ID in field.metadata else -1
    if pa.types.is_struct(kind):
        members = (kind.field(at) for at in range(kind.num_fields))
        return (number, *((member.name, _ids(member)) for member in members))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return (number, _ids(kind.value_field))
    if pa.types.is_map(kind):
        return (-1,)
    return (number,)


def _own_ids(number: int, kind: object) -> tuple[object, ...]:
    """The same, as the table's schema has them."""
    if isinstance(kind, StructType):
        return (number, *((f.name, _own_ids(f.field_id, f.field_type)) for f in kind.fields))
    if isinstance(kind, ListType):
        return (number, _own_ids(kind.element_id, kind.element_type))
    return (number,)


def _as_it_lies(
    file: pq.ParquetFile, names: dict[int, str], schema: NativeSchema, physical: pl.Schema
) -> Iterator[pl.DataFrame]:
    wanted = [
        _plain(pl.col(names[f.field_id]), f.field_type, physical[f.name]).alias(f.name)
        if f.field_id in names
        else pl.lit(None, dtype=physical[f.name]).alias(f.name)
        for f in schema.fields
    ]
    columns = [names[f.field_id] for f in schema.fields if f.field_id in names]
    some = columns or [next(iter(names.values()))]  # rows of columns that a file lacks count, too
    for batch in file.iter_batches(READ_ROWS, columns=some, use_threads=False):
        frame = pl.DataFrame(batch)
        yield frame.with_columns(wanted).select(f.name for f in schema.fields)


def _by_the_library(
    table: Table, task: FileScanTask, schema: NativeSchema
) -> Iterator[pl.DataFrame]:
    for field in schema.fields:
        if _loses_nulls(field.field_type):
            raise UnsupportedError(
                f"{'.'.join(table.name())}: '{field.name}' is a list of structs in a file that has "
                "been altered by other means, of which pyiceberg reads NULL as an empty list",
                hint="have the table's files rewritten by what altered it, or leave the column out",
            )
    scan = ArrowScan(table.metadata, table.io, schema, AlwaysTrue())
    physical = logical_schema(schema, table.name()[-1]).physical
    for batch in scan.to_record_batches([task]):
        yield pl.DataFrame(batch).select(
            _plain(pl.col(f.name), f.field_type, physical[f.name]) for f in schema.fields
        )


def _plain(column: pl.Expr, kind: object, physical: pl.DataType) -> pl.Expr:
    """A column in its dtype; of UUIDs Arrow has the 16 bytes."""
    if not isinstance(kind, UUIDType):
        return column.cast(physical)
    digits = column.cast(pl.Binary).bin.encode("hex")
    spans = ((0, 8), (8, 4), (12, 4), (16, 4), (20, 12))
    parts = [digits.str.slice(at, length) for at, length in spans]
    return pl.concat_str(parts, separator="-")


def _loses_nulls(kind: object) -> bool:
    if isinstance(kind, ListType):
        return isinstance(kind.element_type, StructType) or _loses_nulls(kind.element_type)
    if isinstance(kind, StructType):
        return any(_loses_nulls(f.field_type) for f in kind.fields)
    return isinstance(kind, MapType)
