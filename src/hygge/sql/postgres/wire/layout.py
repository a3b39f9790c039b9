"""Rows laid end to end from their columns: Arrow's views, interleaved row by row, copied once.

A row is a sequence of pieces, and each piece a column of Arrow's binary views. Bytes of any length
stay where they are; what has one width, such as numbers and the lengths of what comes after them,
is written to one place in each row of a buffer. The views of all pieces side by side are one array,
whose cast to `binary` lays down the rows.

Views: https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout.
"""

from __future__ import annotations

from operator import attrgetter
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from hygge.core.arrow import cast
from hygge.sql.blocks import INLINE, SPARE, Bytes, Valid, views

Numbers = npt.NDArray[Any]
_REACH = 2**31 - 1
"""Of the offsets of Arrow's `binary`, and those in its views."""
MOST_BYTES = _REACH - 1023
"""The most that rows, or a part of them, may be: with some to spare."""
_size = attrgetter("size")
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


class Layout:
    """Rows in the making, field by field. The memory that they are made in is used again: with
    that of each frame given back and taken anew, a third of the time would go by clearing it."""

    def __init__(self) -> None:
        self._scratch: list[Bytes] = []

    def begin(self, rows: int) -> None:
        """Begin so many rows, at least one, and forget those that were not joined."""
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

    def add(self, array: Any) -> None:
        """A field of any width: Arrow's array of views, none of whose bytes are there for NULL."""
        self.cut()
        self._pieces.append(array)

    def join(self) -> tuple[Any, Numbers]:
        """The rows end to end as Arrow's buffer, and where in it each begins, and the last ends.

        Raises TooLarge.
        """
        self.cut()
        count = len(self._pieces)
        words = self._room(0, self.rows * count * _VIEW).view(np.uint64)
        words = words.reshape(self.rows, count, 2)
        buffers: list[Any] = []
        total = 0
        for number, piece in enumerate(self._pieces):
            place = words[:, number]
            if not isinstance(piece, _Run):
                total += _refer(place, piece, buffers)
                continue
            sizes = piece.lengths()
            total += sizes * self.rows if isinstance(sizes, int) else int(sizes.sum())
            if piece.width <= INLINE:
                place[:, 0] = sizes
                piece.write(words, self.rows, number * _VIEW + _INSIDE, count * _VIEW)
            else:
                self._apart(place, number, piece, sizes, buffers)
        if total > MOST_BYTES:
            raise TooLarge
        parts = [None, pa.py_buffer(words), *buffers]
        placed = pa.Array.from_buffers(pa.binary_view(), self.rows * count, parts)
        laid = cast(placed, pa.binary())
        _, offsets, data = laid.buffers()
        return data.slice(0, total), np.frombuffer(offsets, np.int32)[::count]

    def _apart(
        self, place: Numbers, number: int, run: _Run, sizes: int | Numbers, buffers: list[Any]
    ) -> None:
        """Write fields that are too wide to be within their views."""
        size = self.rows * run.width
        if size > MOST_BYTES:
            raise TooLarge
        data = self._room(number + 1, _INSIDE + size + SPARE)
        run.write(data, self.rows, _INSIDE, run.width)
        places = np.arange(self.rows, dtype=np.int64) * run.width + _INSIDE
        if not isinstance(sizes, int) and sizes.min() <= INLINE:
            _refer(place, views(data, places, sizes, None), buffers)
            return
        place[:, 0] = sizes  # the first bytes, which a view may have too, are not looked at
        place[:, 1] = (places << 32) + len(buffers)
        buffers.append(pa.py_buffer(data))

    def _room(self, number: int, size: int) -> Bytes:
        """Memory of its own for each number, as it was left."""
        while len(self._scratch) <= number:
            self._scratch.append(np.empty(0, np.uint8))
        if len(self._scratch[number]) < size:
            self._scratch[number] = np.empty(size, np.uint8)
        return self._scratch[number][:size]


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
    return _words(array, array.buffers()).view(np.int32)[:, 0]


def _words(array: Any, buffers: list[Any]) -> npt.NDArray[np.uint64]:
    first = array.offset
    return np.frombuffer(buffers[1], np.uint64).reshape(-1, 2)[first : first + len(array)]


def _refer(place: npt.NDArray[np.uint64], array: Any, buffers: list[Any]) -> int:
    """Copy an array's views, which are to point to where its buffers come to be in `buffers`.

    Returns how many bytes they are of.
    """
    there, parts = valid(array), array.buffers()
    words, own = _words(array, parts), parts[2:]
    if max(map(_size, own), default=0) > _REACH:
        raise TooLarge
    sizes = words.view(np.uint32)[:, 0]
    np.add(words[:, 1], (sizes > INLINE) * np.uint64(len(buffers)), out=place[:, 1])
    place[:, 0] = words[:, 0]
    if there is not None:
        place[:, 0] *= there
        sizes = sizes * there
    buffers += own
    return int(sizes.sum(dtype=np.int64))
