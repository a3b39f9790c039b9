"""Rows as COPY takes them in its binary format, from a frame's columns.

A row is the number of its values, and each value its length (-1 for NULL) and its bytes:
https://www.postgresql.org/docs/current/sql-copy.html "Binary Format"; the values are as each type's
receive function wants them: https://github.com/postgres/postgres/tree/master/src/backend/utils/adt.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import pyarrow as pa

from hygge.core.errors import DataError
from hygge.sql.blocks import SPARE, Valid, views
from hygge.sql.postgres.wire import pg_type
from hygge.sql.postgres.wire.decode import EPOCH_DAYS, EPOCH_US, SIGNATURE
from hygge.sql.postgres.wire.layout import Layout, Numbers, TooLarge, bits, lengths, valid
from hygge.sql.postgres.wire.numeric import NEGATIVE, groups, unsigned

HEADER = SIGNATURE + bytes(8)
"""No flags, and no more of a header."""
TRAILER = b"\xff\xff"
_NEWEST = pl.CompatLevel.newest()  # texts as views, which are not copied
MOST_ROWS = 8192
"""Of a piece: numbers of so many rows are small enough for the C library to keep their memory."""
PIECE_BYTES = 4 << 20
"""About, with what is made on the way: what the processor's caches hold."""
_FRAMING = 16  # bytes that each value takes beside itself, about
_HEAD = 20  # of an array of one dimension, before its elements

Writer = Callable[[Layout, Any], None]
"""Lays down a column, an array of Arrow's."""


def pieces_of(frames: Iterable[pl.DataFrame], oids: Sequence[int]) -> Iterator[Any]:
    """The rows of frames, without the format's header and trailer, in buffers of Arrow's.

    Parameters
    ----------
    frames: of the same columns, in the types that `postgres.encode.encoded` gives.
    oids: for each column the type in the table.

    Raises DataError for a column that has no form as its type, and where one row alone has more
    than 2 GB.
    """
    layout = Layout()
    for frame in filter(len, frames):
        writers = [_known(oid, column) for oid, column in zip(oids, frame, strict=True)]
        columns = [column.to_arrow(compat_level=_NEWEST) for column in frame]
        size = int(frame.estimated_size()) + _FRAMING * sum(map(_values_in, columns))
        rows = max(1, min(MOST_ROWS, frame.height * PIECE_BYTES // max(1, size)))
        for first in range(0, frame.height, rows):
            count = min(rows, frame.height - first)
            yield from _laid(layout, writers, [c.slice(first, count) for c in columns], count)


def _values_in(column: Any) -> int:
    if not pa.types.is_large_list(column.type):
        return len(column)
    ends = _ends(column)
    return len(column) + int(ends[-1] - ends[0])


def _laid(
    layout: Layout, writers: Sequence[Writer], columns: Sequence[Any], rows: int
) -> Iterator[Any]:
    layout.begin(rows)
    try:
        layout.put(">i2", len(columns))
        for writer, column in zip(writers, columns, strict=True):
            writer(layout, column)
        piece, _ = layout.join()
    except TooLarge:
        half = rows // 2
        if not half:
            raise DataError("a row has more than 2 GB, and PostgreSQL's values at most 1") from None
        yield from _laid(layout, writers, [c.slice(0, half) for c in columns], half)
        yield from _laid(layout, writers, [c.slice(half) for c in columns], rows - half)
    else:
        yield piece


def _known(oid: int, column: pl.Series) -> Writer:
    found = _writer(oid, column.dtype)
    if found is None:
        raise DataError(
            f"'{column.name}' is {column.dtype}, which has no form as PostgreSQL's type {oid}",
            hint="run it again, if somebody has altered the table meanwhile",
        )
    return found


def _writer(oid: int, dtype: Any) -> Writer | None:
    if dtype == pl.Null:
        return _nulls
    if isinstance(dtype, pl.List):
        element = _ELEMENTS.get(oid, 0)
        inner = _writer(element, dtype.inner) if element else None
        return partial(_list, element, inner) if inner else None
    if isinstance(dtype, pl.Datetime) and (
        dtype.time_unit != "us" or (dtype.time_zone is not None) != (oid == pg_type.TIMESTAMPTZ)
    ):
        return None
    if isinstance(dtype, pl.Duration) and dtype.time_unit != "us":
        return None
    return _WRITERS.get((oid, dtype.base_type()))


def _nulls(layout: Layout, _: Any) -> None:
    layout.put(">i4", -1)


def _lengths(sizes: int | Numbers, there: Valid | None) -> int | Numbers:
    return sizes if there is None else np.where(there, np.int32(sizes), np.int32(-1))


def _missing(sizes: int | Numbers, there: Valid | None) -> Numbers | None:
    return None if there is None else np.where(there, 0, sizes)


def _fixed(layout: Layout, there: Valid | None, *fields: tuple[str, int | Numbers]) -> None:
    """Values of one width, of one field or more."""
    size = sum(np.dtype(dtype).itemsize for dtype, _ in fields)
    layout.put(">i4", _lengths(size, there))
    for dtype, values in fields:
        layout.put(dtype, values)
    if there is not None:
        layout.cut(_missing(size, there))


def _values(array: Any, dtype: str) -> Numbers:
    """An array's values, of no meaning where it has none."""
    first = array.offset
    return np.frombuffer(array.buffers()[1], dtype)[first : first + len(array)]


def _number(source: str, target: str, epoch: int = 0, parts: int = 1) -> Writer:
    """Numbers that count from an epoch, and of which `parts` are one of PostgreSQL's."""

    def write(layout: Layout, array: Any) -> None:
        values = _values(array, source)
        if epoch:
            values = values - values.dtype.type(epoch)
        if parts > 1:
            values = values // parts
        _fixed(layout, valid(array), (target, values))

    return write


def _bool(layout: Layout, array: Any) -> None:
    _fixed(layout, valid(array), ("u1", bits(array, 1)))


def _interval(layout: Layout, array: Any) -> None:
    """Microseconds, days and months (interval_recv)."""
    _fixed(layout, valid(array), (">i8", _values(array, "i8")), (">i4", 0), (">i4", 0))


def _decimal(layout: Layout, array: Any) -> None:
    first, there = 2 * array.offset, valid(array)
    low, high = np.frombuffer(array.buffers()[1], np.int64)[first:].reshape(-1, 2)[: len(array)].T
    if there is not None:
        low, high = low * there, high * there
    _numeric(layout, there, unsigned(low, high), high < 0, array.type.scale)


def _whole(source: str) -> Writer:
    def write(layout: Layout, array: Any) -> None:
        values = _values(array, source)
        limbs = [values] if source == "u8" else unsigned(values.astype(np.int64, copy=False))
        _numeric(layout, valid(array), limbs, values < 0, 0)

    return write


def _numeric(layout: Layout, there: Valid | None, number: Any, negative: Any, scale: int) -> None:
    """How many groups of digits, the first one's weight, sign and scale, and the groups."""
    digits, weight = groups(number, scale)
    sign = negative * np.uint16(NEGATIVE) if negative.any() else 0
    head = ((">i2", len(digits)), (">i2", weight), (">u2", sign), (">u2", scale))
    _fixed(layout, there, *head, *((">i2", group) for group in digits))


def _bytes(layout: Layout, array: Any) -> None:
    layout.put(">i4", _lengths(lengths(array), valid(array)))
    layout.add(array)


def _jsonb(layout: Layout, array: Any) -> None:
    """After the number of its form (jsonb_recv): 1, the only one."""
    there = valid(array)
    layout.put(">i4", _lengths(lengths(array) + 1, there))
    layout.put("u1", 1)
    layout.cut(_missing(1, there))
    layout.add(array)


def _ends(array: Any) -> Numbers:
    """Where an array's lists begin in its values, and the last one ends."""
    return np.frombuffer(array.buffers()[1], np.int64)[array.offset :][: len(array) + 1]


def _list(element: int, inner: Writer, layout: Layout, array: Any) -> None:
    """How many dimensions, none where it is empty, whether there are NULLs, and the elements' type
    (array_recv); the dimension's size and lower bound; the elements as values of a row."""
    there, ends = valid(array), _ends(array)
    items = array.values.slice(ends[0], ends[-1] - ends[0])
    block, places = np.zeros(4 + SPARE, np.uint8), np.zeros(1, np.int64)
    if len(items):
        elements = Layout()
        elements.begin(len(items))
        inner(elements, items)
        body, places = elements.join()
        block = np.concatenate([block[:4], np.frombuffer(body, np.uint8), block[4:]])
    begins = places[ends - ends[0]].astype(np.int64)
    counts, sizes = np.diff(ends), np.diff(begins)
    if there is not None:
        counts, sizes = counts * there, sizes * there
    some = counts > 0
    less = np.where(some, 0, 8)  # without the size and the bound
    layout.put(">i4", _lengths(_HEAD + sizes - less, there))
    layout.put(">i4", some)
    layout.put(">i4", int(items.null_count > 0))
    layout.put(">u4", element)
    layout.put(">i4", counts)
    layout.put(">i4", 1)
    layout.cut(less if there is None else np.where(there, less, _HEAD))
    layout.add(views(block, begins[:-1] + 4, sizes, None))


_WHOLE: dict[Any, str] = {
    pl.Int8: "i1", pl.Int16: "i2", pl.Int32: "i4", pl.Int64: "i8",
    pl.UInt8: "u1", pl.UInt16: "u2", pl.UInt32: "u4", pl.UInt64: "u8",
}  # fmt: skip
_NUMBERS: dict[Any, str] = {**_WHOLE, pl.Float32: "f4", pl.Float64: "f8"}
_WIDTHS = {
    pg_type.INT2: ">i2", pg_type.INT4: ">i4", pg_type.INT8: ">i8", pg_type.OID: ">u4",
    pg_type.FLOAT4: ">f4", pg_type.FLOAT8: ">f8",
}  # fmt: skip
_TEXTS = (pg_type.TEXT, pg_type.VARCHAR, pg_type.BPCHAR, pg_type.JSON)
_WRITERS: dict[tuple[int, Any], Writer] = {
    **{(oid, dtype): _number(source, target)
       for oid, target in _WIDTHS.items() for dtype, source in _NUMBERS.items()
       if np.can_cast(source, target, "safe") and (target[1] == "f") == (source[0] == "f")},
    **{(pg_type.NUMERIC, dtype): _whole(source) for dtype, source in _WHOLE.items()},
    (pg_type.NUMERIC, pl.Decimal): _decimal,
    **{(oid, pl.String): _bytes for oid in _TEXTS},
    (pg_type.JSONB, pl.String): _jsonb,
    (pg_type.BYTEA, pl.Binary): _bytes,
    (pg_type.UUID, pl.Binary): _bytes,
    (pg_type.BOOL, pl.Boolean): _bool,
    (pg_type.DATE, pl.Date): _number("i4", ">i4", EPOCH_DAYS),
    (pg_type.TIME, pl.Time): _number("i8", ">i8", parts=1000),  # of nanoseconds
    (pg_type.TIMESTAMP, pl.Datetime): _number("i8", ">i8", EPOCH_US),
    (pg_type.TIMESTAMPTZ, pl.Datetime): _number("i8", ">i8", EPOCH_US),
    (pg_type.INTERVAL, pl.Duration): _interval,
}  # fmt: skip
_ELEMENTS = {array: element for element, array in pg_type.ARRAYS.items()}
