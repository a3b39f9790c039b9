"""Columns from rows of MySQL's binary protocol: numpy over the bytes, no Python object per row.

A row is a zero, a bitmap of NULLs, and the values of the columns that have one, end to end, so
that where a value begins depends on those before it. They are found column by column, for all
rows at once. Texts stay where they came.

Values: https://dev.mysql.com/doc/dev/mysql-server/latest/page_protocol_binary_resultset.html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
from pymysql.constants import FIELD_TYPE as T

from hygge.core.errors import DataError
from hygge.core.fields import MAX_PRECISION
from hygge.sql.blocks import SPARE, Bytes, Places, Valid, copied, look
from hygge.sql.blocks import column as column_of
from hygge.sql.mysql.moments import DURATION, dates, datetimes, durations
from hygge.sql.mysql.wire import HEADER, Block, Definition

VECTOR = 242
"""`MYSQL_TYPE_VECTOR` of MySQL 9, which PyMySQL has no name for."""
_BITMAP_OFFSET = 2  # the binary protocol leaves the bitmap's first two bits unused
_FIRST = HEADER + 1
_MASKS = np.array([(1 << 8 * n) - 1 for n in range(9)], dtype=np.uint64)
"""What keeps the first n bytes of eight."""


class Rows:
    """The values of a block's rows, taken column after column.

    Parameters
    ----------
    block: the rows.
    columns: how many each has.
    """

    def __init__(self, block: Block, columns: int) -> None:
        self.buffer, self._starts = block.buffer, block.starts
        self.at: Places = block.starts + (_FIRST + (columns + 7 + _BITMAP_OFFSET) // 8)
        """Where each row's next value begins."""
        self._column = 0

    def __len__(self) -> int:
        return len(self.at)

    def valid(self) -> Valid | None:
        """Which rows have a value in the next column; None where all do."""
        byte, bit = divmod(self._column + _BITMAP_OFFSET, 8)
        self._column += 1
        nulls = self.buffer[self._starts + (_FIRST + byte)] & np.uint8(1 << bit)
        return nulls == 0 if nulls.any() else None

    def look(self, dtype: str, places: Places) -> npt.NDArray[Any]:
        """Values at places, aligned or not."""
        return look(self.buffer, dtype, places)

    def fixed(self, dtype: str, valid: Valid | None) -> npt.NDArray[Any]:
        """The values of a column of one width; of no meaning where there is none."""
        values = self.look(dtype, self.at)
        width = values.dtype.itemsize
        self.at = self.at + (width if valid is None else valid * width)
        return values

    def short(self, valid: Valid | None) -> tuple[Places, Bytes]:
        """Where the values of a column begin that say their length in a byte, and that length.

        It is 0 where there is no value.
        """
        lengths = self.buffer[self.at]
        if valid is not None:
            lengths = lengths * valid
        places = self.at + 1
        self.at = self.at + lengths + (1 if valid is None else valid)
        return places, lengths

    def long(self, valid: Valid | None) -> tuple[Places, Places]:
        """The same for a length-encoded integer, of 1, 3, 4 or 9 bytes.

        Raises ValueError where one leads beyond the block.
        """
        end = len(self.buffer) - SPARE
        lengths = self.buffer[self.at].astype(np.int64)
        places = self.at + 1
        if valid is not None:
            lengths *= valid
        longer = np.flatnonzero(lengths > 250)
        if len(longer):
            kinds = lengths[longer]
            for first, width in ((0xFC, 2), (0xFD, 3), (0xFE, 8)):
                those = longer[kinds == first]
                found = self.look("<u8", places[those]) & _MASKS[width]
                # One that no int64 holds is as bad as any that leads beyond the end.
                lengths[those] = np.minimum(found, np.uint64(end + 1)).astype(np.int64)
                places[those] += width
        after = places + lengths
        self.at = after if valid is None else np.where(valid, after, self.at)
        if len(self.at) and self.at.max() > end:
            raise ValueError("a value ends beyond the last row")
        return places, lengths


Reader = Callable[[Rows, Valid | None, Definition], pl.Series]


def decode(block: Block, columns: Sequence[Definition]) -> pl.DataFrame:
    """A block's rows as a frame.

    Numbers, decimals of up to 38 digits, dates, times and texts have their own dtypes, longer
    decimals are text. A column with a date that no calendar has, such as MySQL's zero date, is
    text too, in this frame.

    Raises DataError for a text that is not UTF-8, a length that leads beyond the block, and a type
    of the wire that is not known.
    """
    rows = Rows(block, len(columns))
    found = []
    for column in columns:
        read = READERS.get(column.type)
        if read is None:
            raise DataError(f"'{column.name}' is of the wire's type {column.type}, unknown here")
        try:
            found.append(read(rows, rows.valid(), column).alias(column.name))
        except (ValueError, pl.exceptions.ComputeError) as error:
            raise DataError(f"'{column.name}' cannot be read: {error}") from error
    return pl.DataFrame(found)


def empty(columns: Sequence[Definition]) -> pl.DataFrame:
    """No rows, in the dtypes that `decode` gives."""
    return decode(Block(np.zeros(SPARE, np.uint8), np.empty(0, np.int64)), columns)


def _plain(signed: str, unsigned: str, kinds: tuple[Any, Any]) -> Reader:
    def read(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
        dtype = unsigned if column.unsigned else signed
        return column_of(kinds[column.unsigned], valid, rows.fixed(dtype, valid))

    return read


def _bytes(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    return pl.Series(copied(rows.buffer, *rows.long(valid), valid))


def _text(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    """Bytes where the column holds such, else text, which is looked through for UTF-8."""
    found = _bytes(rows, valid, column)
    return found if column.binary else found.cast(pl.String)


def _json(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    return _bytes(rows, valid, column).cast(pl.String)


def _decimal(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    text = _json(rows, valid, column)
    precision = precision_of(column)
    return text if precision > MAX_PRECISION else text.cast(pl.Decimal(precision, column.scale))


def precision_of(column: Definition) -> int:
    """How many digits a decimal has in all: its length counts a sign and a point too."""
    return column.length - (not column.unsigned) - (column.scale > 0)


def _bit(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    """A BIT(1) as a bool, longer ones as numbers; the first bit is the highest."""
    places, lengths = rows.long(valid)
    unused = np.uint64(8) * (np.uint64(8) - lengths.astype(np.uint64))
    values = rows.look(">u8", places).astype(np.uint64) >> np.minimum(unused, np.uint64(63))
    found = column_of(pa.uint64(), valid, values)
    return found.cast(pl.Boolean) if column.length == 1 else found


def _null(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    return pl.Series([None] * len(rows), dtype=pl.Null)


def _date(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    return dates(rows.look, *rows.short(valid), valid)


def _datetime(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    return datetimes(rows.look, *rows.short(valid), valid, zoned=column.type == T.TIMESTAMP)


def _duration(rows: Rows, valid: Valid | None, column: Definition) -> pl.Series:
    values = durations(rows.look, *rows.short(valid))
    return column_of(pa.int64(), valid, values).cast(DURATION)


_I32 = _plain("<i4", "<u4", (pa.int32(), pa.uint32()))
_I16 = _plain("<i2", "<u2", (pa.int16(), pa.uint16()))
READERS: dict[int, Reader] = {
    T.TINY: _plain("i1", "u1", (pa.int8(), pa.uint8())),
    T.SHORT: _I16, T.YEAR: _I16, T.INT24: _I32, T.LONG: _I32,
    T.LONGLONG: _plain("<i8", "<u8", (pa.int64(), pa.uint64())),
    T.FLOAT: _plain("<f4", "<f4", (pa.float32(), pa.float32())),
    T.DOUBLE: _plain("<f8", "<f8", (pa.float64(), pa.float64())),
    T.DECIMAL: _decimal, T.NEWDECIMAL: _decimal, T.BIT: _bit, T.NULL: _null,
    T.DATE: _date, T.NEWDATE: _date, T.DATETIME: _datetime, T.TIMESTAMP: _datetime,
    T.TIME: _duration, T.JSON: _json, T.GEOMETRY: _bytes, VECTOR: _bytes,
    **dict.fromkeys((T.VARCHAR, T.ENUM, T.SET, T.TINY_BLOB, T.MEDIUM_BLOB, T.LONG_BLOB, T.BLOB,
                     T.VAR_STRING, T.STRING), _text),
}  # fmt: skip
"""How each of the wire's types is read (`enum_field_types`)."""
