"""Rows laid end to end from their columns: Arrow's views, interleaved row by row, copied once.

A row is a sequence of pieces, and each piece a column of Arrow's binary views. Bytes of any length
stay where they are; what has one width, such as numbers and the lengths of what comes after them,
is written to one place in each row of a buffer. The views of all pieces side by side are one array,
whose cast to `binary` lays down the rows.

Views: https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hygge.sql.blocks import INLINE, SPARE, Bytes, Valid, views

Numbers = npt.NDArray[Any]
_REACH = 2**31 - 1
"""Of the offsets of Arrow's `binary`, and those in its views."""
MOST_BYTES = _REACH - 1023
"""The most that rows, or a part of them, may be: with some to spare."""
_VIEW, _INSIDE = 16, 4
"""A view's bytes, and which of them is the first of those that it holds itself."""


class TooLarge(Exception):
    """The rows are more than MOST_BYTES."""


class _Run:
    """Fields of fixed widths that lie end to end in each row."""

    def __init__(self) -> None:
        self.width = 0
        self.missing: Numbers | None = None
        self._common = bytearray()  # what is the same in each row
        self._fields: list[tuple[np.dtype[Any], int, Numbers]] = []

    def put(self, dtype: str, values: int | Numbers) -> None:
        kind = np.dtype(dtype)
        if isinstance(values, int):
            self._common += np.array(values, kind).tobytes()
        else:
            self._common += bytes(kind.itemsize)
            self._fields.append((kind, self.width, values))
        self.width += kind.itemsize

    def lengths(self) -> int | Numbers:
        return self.width if self.missing is None else self.width - self.missing

    def write(self, target: Numbers, rows: int, place: int, stride: int) -> None:
        """Write all rows: the first to a place in the target, the others each a stride further."""
        whole = np.ndarray((rows,), f"V{self.width}", target.data, place, (stride,))
        whole[:] = np.void(bytes(self._common))
        for kind, at, values in self._fields:
            np.ndarray((rows,), kind, target.data, place + at, (stride,))[:] = values

    def array(self, rows: int) -> Any:
        """The rows as an array of views. Raises TooLarge."""
        if rows * self.width > MOST_BYTES:
            raise TooLarge
        data = np.empty(_INSIDE + rows * self.width + SPARE, np.uint8)
        self.write(data, rows, _INSIDE, self.width)
        places = np.arange(rows, dtype=np.int64) * self.width + _INSIDE
        return views(data, places, np.broadcast_to(self.lengths(), rows), None)


class Layout:
    """Rows in the making, field by field.

    Parameters
    ----------
    rows: how many there are, at least one.
    """

    def __init__(self, rows: int) -> None:
        self.rows = rows
        self._pieces: list[Any] = []  # a _Run, or Arrow's array
        self._run = _Run()

    def put(self, dtype: str, values: int | Numbers) -> None:
        """A field of one width: the same number in all rows or one for each, as numpy's dtype."""
        self._run.put(dtype, values)

    def cut(self, missing: Numbers | None = None) -> None:
        """End the fields that lie together: the last `missing` bytes of them are not in a row."""
        if self._run.width:
            self._run.missing = missing
            self._pieces.append(self._run)
            self._run = _Run()

    def bytes(self, array: Any) -> None:
        """A field of any width: Arrow's array of views, none of whose bytes are there for NULL."""
        self.cut()
        self._pieces.append(array)

    def join(self) -> tuple[Any, Numbers]:
        """The rows end to end as Arrow's buffer, and where in it each begins, and the last ends.

        Raises TooLarge.
        """
        self.cut()
        count = len(self._pieces)
        words = np.empty((self.rows, count, 2), np.uint64)
        buffers: list[Any] = []
        for number, piece in enumerate(self._pieces):
            if not isinstance(piece, _Run):
                _refer(words[:, number], piece, buffers)
            elif piece.width > INLINE:
                _refer(words[:, number], piece.array(self.rows), buffers)
            else:
                words[:, number, 0] = piece.lengths()
                piece.write(words, self.rows, number * _VIEW + _INSIDE, count * _VIEW)
        total = int(words.view(np.uint32)[:, :, 0].sum(dtype=np.int64))
        if total > MOST_BYTES:
            raise TooLarge
        parts = [None, pa.py_buffer(words), *buffers]
        laid = pa.Array.from_buffers(pa.binary_view(), self.rows * count, parts).cast(pa.binary())
        _, offsets, data = laid.buffers()
        return data.slice(0, total), np.frombuffer(offsets, np.int32)[::count]


def valid(array: Any) -> Valid | None:
    """Which places of an array of Arrow's have a value; None where all do."""
    return bits(array, 0).view(np.bool_) if array.null_count else None


def bits(array: Any, number: int) -> Bytes:
    """The bits that an array has in one of its buffers, as zeros and ones."""
    packed, first = np.frombuffer(array.buffers()[number], np.uint8), array.offset
    some = np.unpackbits(packed[first // 8 :], count=first % 8 + len(array), bitorder="little")
    return some[first % 8 :]


def lengths(array: Any) -> Numbers:
    """How many bytes each view of an array is of; of no meaning where it is NULL."""
    return _words(array).view(np.int32)[:, 0]


def _words(array: Any) -> npt.NDArray[np.uint64]:
    _, made, *_ = array.buffers()
    first = array.offset
    return np.frombuffer(made, np.uint64).reshape(-1, 2)[first : first + len(array)]


def _refer(target: npt.NDArray[np.uint64], array: Any, buffers: list[Any]) -> None:
    """Copy an array's views, and make them point to where its buffers come to be."""
    words, there = _words(array), valid(array)
    sizes = words.view(np.uint32)[:, 0]
    _, _, *own = array.buffers()
    if any(buffer.size > _REACH for buffer in own):
        raise TooLarge
    target[:] = words
    if buffers and own:
        target[:, 1] += (sizes > INLINE) * np.uint64(len(buffers))
    if there is not None:
        target[:, 0] *= there
    buffers += own
