"""Columns from rows as COPY sends them in its binary format.

A row is the number of its values, and each value its length (-1 for NULL) and its bytes, so that
where one begins depends on those before it: they are found column by column, for all rows at once.

https://www.postgresql.org/docs/current/sql-copy.html "Binary Format"; the values are those of each
type's send function, as in https://github.com/postgres/postgres/tree/master/src/backend/utils/adt.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from hygge.core.arrow import cast
from hygge.core.errors import DataError
from hygge.sql.blocks import SPARE, Bytes, Places, Valid, array, bitmap, copied, heads, look
from hygge.sql.postgres.wire import numeric, pg_type
from hygge.sql.postgres.wire.messages import Column
from hygge.sql.postgres.wire.rows import Rows

SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
HEADER = len(SIGNATURE) + 8
"""The signature, flags, and the length of what else there is of a header; PostgreSQL has none."""
EPOCH_DAYS, EPOCH_US = 10_957, 946_684_800_000_000
"""2000-01-01, from which PostgreSQL counts, since 1970-01-01."""


@dataclass(frozen=True, slots=True)
class Fixed:
    """A type whose values are all of one width.

    Parameters
    ----------
    dtype: as they are sent.
    make: Arrow's array of values and of which rows have one, None for all.
    """

    dtype: str
    make: Callable[[npt.NDArray[Any], Valid | None], Any]

    def __call__(self, rows: Rows) -> Any:
        ((values, valid),) = rows.fixed([self.dtype])
        return self.make(values, valid)

    @property
    def size(self) -> int:
        """With its length, in bytes."""
        return 4 + np.dtype(self.dtype).itemsize


Reader = Callable[[Rows], Any]
"""Takes the next column as Arrow's array."""


def _number(dtype: str, kind: Any, epoch: int = 0) -> Fixed:
    """What it counts from 2000, if it does, is counted from 1970; infinity wraps around to what no
    calendar has."""
    native = np.dtype(dtype).newbyteorder("=")

    def make(values: npt.NDArray[Any], valid: Valid | None) -> Any:
        ours = values.astype(native)
        if epoch:
            ours += native.type(epoch)
        return array(kind, valid, ours)

    return Fixed(dtype, make)


def _bits(values: npt.NDArray[Any], valid: Valid | None) -> Any:
    return pa.Array.from_buffers(pa.bool_(), len(values), [bitmap(valid), bitmap(values != 0)])


def _bytes(rows: Rows) -> Any:
    return rows.bytes()


def _text(rows: Rows) -> Any:
    """Raises pa.ArrowInvalid for what is not UTF-8."""
    return _as_text(_bytes(rows))


def _as_text(values: Any) -> Any:
    """Bytes that are looked through for UTF-8, of which ASCII is found as a whole: for five texts
    a row, two of them with other letters, in 25 instead of 38 ns."""
    data = values.buffers()[2]
    if data is None or np.frombuffer(data, np.uint8).max(initial=0) < 128:
        return values.view(pa.large_string())
    return cast(values, pa.large_string())


def _jsonb(rows: Rows) -> Any:
    """Text after the number of its form (jsonb_send): 1, the only one."""
    places, lengths, valid = rows.slices()
    made = heads(rows.buffer, places + 1)
    odd = (lengths == 0) | (made[:, 0] >> 24 != 1)
    if (odd if valid is None else odd & valid).any():
        raise ValueError("a jsonb is of another form than 1")
    lengths = np.maximum(lengths - 1, 0)
    return _as_text(copied(rows.buffer, places + 1, lengths, valid, made))


def _list(element: Reader) -> Reader:
    """Arrays of one dimension (array_send): its number, whether there are NULLs, the element's
    type; the size and the lower bound of a dimension; then the elements, each with its length.
    Those of more dimensions have been refused by the server; see `types.py`."""

    def read(rows: Rows) -> Any:
        places, _, valid = rows.slices()
        dimensions = look(rows.buffer, ">i4", places)
        if valid is not None:
            dimensions = np.where(valid, dimensions, 0)
        if (dimensions > 1).any():
            raise ValueError("an array has more than one dimension")
        counts = np.where(dimensions == 1, look(rows.buffer, ">i4", places + 12), 0)
        offsets = np.zeros(len(places) + 1, np.int32)
        np.cumsum(counts, out=offsets[1:])
        items = Rows(rows.buffer, _elements(rows.buffer, places + 20, counts, offsets))
        values, some = element(items), counts > 0
        if not np.array_equal(items.at[offsets[1:][some] - 1], rows.at[some]):
            raise ValueError("an array is not as long as its elements")
        parts = [bitmap(valid), pa.py_buffer(offsets)]
        return pa.Array.from_buffers(pa.list_(values.type), len(places), parts, children=[values])

    return read


def _elements(
    buffer: Bytes, at: Places, counts: npt.NDArray[Any], offsets: npt.NDArray[Any]
) -> Places:
    """Where the elements of arrays begin, each with its length: the first of all, the second ..."""
    found = np.empty(int(offsets[-1]), np.int64)
    rows = np.flatnonzero(counts)
    at, left, into = at[rows], counts[rows], offsets[:-1][rows].astype(np.int64)
    while len(at):
        found[into] = at
        lengths = look(buffer, ">i4", at).astype(np.int64)
        left = left - 1
        more = left > 0
        at = (at + 4 + np.maximum(lengths, 0))[more]
        into, left = into[more] + 1, left[more]
    return found


_INSIDE: dict[int, Reader] = {
    pg_type.BOOL: Fixed("u1", _bits), pg_type.BYTEA: _bytes,
    pg_type.INT2: _number(">i2", pa.int16()), pg_type.INT4: _number(">i4", pa.int32()),
    pg_type.INT8: _number(">i8", pa.int64()),
    pg_type.FLOAT4: _number(">f4", pa.float32()), pg_type.FLOAT8: _number(">f8", pa.float64()),
    pg_type.TEXT: _text, pg_type.VARCHAR: _text, pg_type.BPCHAR: _text, pg_type.NAME: _text,
}  # fmt: skip
"""What is read in arrays as well."""
READERS: dict[int, Reader] = {
    **_INSIDE,
    **{pg_type.ARRAYS[oid]: _list(read) for oid, read in _INSIDE.items()},
    pg_type.JSON: _text, pg_type.JSONB: _jsonb, pg_type.UNKNOWN: _text,
    pg_type.DATE: _number(">i4", pa.date32(), EPOCH_DAYS),
    pg_type.TIME: _number(">i8", pa.int64()),
    pg_type.TIMESTAMP: _number(">i8", pa.timestamp("us"), EPOCH_US),
    pg_type.TIMESTAMPTZ: _number(">i8", pa.timestamp("us", "UTC"), EPOCH_US),
}  # fmt: skip
"""How each type is read, by its oid. All others are asked for as text."""


NOTHING: tuple[Bytes, Places, Places] = (
    np.zeros(SPARE, np.uint8), np.empty(0, np.int64), np.empty(0, np.int64),
)  # fmt: skip
"""No rows, as `decode` takes them."""


def strip(buffer: Bytes, starts: Places, ends: Places, *, first: bool) -> tuple[Places, Places]:
    """Where the rows of a block are: what begins a copy, and what ends it, are left out.

    Parameters
    ----------
    buffer: the block.
    starts, ends: of its messages: a row each.
    first: whether it is the first of a copy.

    Raises DataError where the copy does not begin as its format has it.
    """
    if first and len(starts):
        at = int(starts[0])
        if bytes(buffer[at : at + len(SIGNATURE)]) != SIGNATURE:
            raise _odd("a copy that does not begin as COPY's format has it")
        extra = int(look(buffer, ">i4", starts[:1] + HEADER - 4)[0])
        starts = starts.copy()
        starts[0] += HEADER + extra
        if starts[0] == ends[0]:
            starts, ends = starts[1:], ends[1:]
    if len(ends) and look(buffer, ">i2", starts[-1:])[0] == -1:
        starts, ends = starts[:-1], ends[:-1]
    return starts, ends


def decode(buffer: Bytes, starts: Places, ends: Places, columns: Sequence[Column]) -> pl.DataFrame:
    """Rows as a frame: numbers, truth values, dates, moments, text, bytes and lists of them have
    their own dtypes; times of day are microseconds (Int64), since 24:00 is one.

    Parameters
    ----------
    buffer: the block, with `blocks.SPARE` bytes after the last row.
    starts, ends: of each row.
    columns: its values.

    Raises
    ------
    DataError: what came is not what the query's columns are, or is no UTF-8.
    """
    if (look(buffer, ">i2", starts) != len(columns)).any():
        raise _odd(f"rows that do not have {len(columns)} values")
    rows = Rows(buffer, starts + 2)
    found: list[Any] = []
    readers = [_reader(column) for column in columns]
    while len(found) < len(columns):
        try:
            found += _next(rows, readers[len(found) :])
        except (ValueError, IndexError, pa.ArrowInvalid) as error:
            name = columns[len(found)].name
            raise _odd(f"values of '{name}' that cannot be read: {error}") from error
    if not np.array_equal(rows.at, ends):
        raise _odd("rows of other lengths than their values have")
    return pl.DataFrame(pa.RecordBatch.from_arrays(found, names=[c.name for c in columns]))


def _odd(what: str) -> DataError:
    return DataError(f"the server sent {what}", hint="have libpq read it: `driver: libpq`")


def _reader(column: Column) -> Reader:
    read = READERS.get(column.oid)
    if column.oid == pg_type.NUMERIC:
        read = numeric.reader(column.modifier)
    if read is None:
        raise DataError(
            f"'{column.name}' is of the type {column.oid}, which is not known here",
            hint="run it again, if somebody has altered the table meanwhile; or read it as text: "
            f"`types: {{{column.name}: string}}`",
        )
    return read


def _next(rows: Rows, readers: Sequence[Reader]) -> list[Any]:
    """The next column, or the next few of one width each, found at once."""
    run: list[Fixed] = []
    room = SPARE
    for reader in readers:
        if not isinstance(reader, Fixed) or reader.size > room:
            break
        room -= reader.size
        run.append(reader)
    if not run:
        return [readers[0](rows)]
    taken = rows.fixed([kind.dtype for kind in run])
    return [kind.make(values, valid) for kind, (values, valid) in zip(run, taken, strict=False)]
