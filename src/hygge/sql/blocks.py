"""Columns out of a block of bytes in which values lie row by row: numpy, no Python object per row.

Texts are found by Arrow's views, which point into the block. Those of frames that are kept are then
copied, a column in one go: with the block, such a frame would hold its other columns twice, and the
next block would be new memory, which the system has to clear first:
https://arrow.apache.org/docs/format/Columnar.html#variable-size-binary-view-layout.
"""

from __future__ import annotations

from collections import deque
from typing import Any
from weakref import finalize

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from hygge.core.arrow import cast

Bytes = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]
Valid = npt.NDArray[np.bool_]
Heads = npt.NDArray[np.uint32]

SPARE = 64
"""Bytes after the values of a block, so that some may be looked for where a row has ended."""
INLINE = 12
"""A view of so many bytes holds them itself."""
_VIEW = 16
_KEPT = np.array(
    [[(1 << 8 * min(4, max(0, n - 4 * word))) - 1 for word in range(3)] for n in range(INLINE + 1)],
    dtype=np.uint32,
)
"""What keeps the first n of a view's own bytes."""


def look(buffer: Bytes, dtype: npt.DTypeLike, places: Places) -> npt.NDArray[Any]:
    """Values of a dtype at places of a block, aligned or not. Raises IndexError beyond its end."""
    kind = np.dtype(dtype)
    size = len(buffer) - kind.itemsize + 1
    if kind.fields is None:
        return np.ndarray((size,), kind, buffer.data, 0, (1,))[places]
    # numpy copies fields one by one, and takes four times as long.
    whole = np.dtype((np.void, kind.itemsize))
    return np.ndarray((size,), whole, buffer.data, 0, (1,))[places].view(kind)


def column(kind: Any, valid: Valid | None, *buffers: npt.NDArray[Any]) -> pl.Series:
    """Arrow's buffers of a type as a Series, which holds them.

    Parameters
    ----------
    kind: pyarrow's type.
    valid: which rows have a value; None where all do.
    buffers: but that of validity; the first has a value for each row.
    """
    return pl.Series(array(kind, valid, *buffers))


def array(kind: Any, valid: Valid | None, *buffers: npt.NDArray[Any]) -> Any:
    """The same as an array of Arrow's."""
    parts = [bitmap(valid), *map(pa.py_buffer, buffers)]
    return pa.Array.from_buffers(kind, len(buffers[0]), parts)


def bitmap(bits: Valid | None) -> Any:
    """Truth values as a buffer of Arrow's, a bit for each; None for none."""
    return None if bits is None else pa.py_buffer(np.packbits(bits, bitorder="little"))


def heads(buffer: Bytes, places: Places) -> Heads:
    """What lies around each place as four numbers: the four bytes before it, in which every
    protocol sends a value's length, and the INLINE bytes after it."""
    before = _VIEW - INLINE
    return look(buffer, np.dtype((np.void, _VIEW)), places - before).view("<u4").reshape(-1, 4)


def views(
    buffer: Bytes, places: Places, lengths: Places, valid: Valid | None, made: Heads | None = None
) -> Any:
    """Slices of a block as an array of bytes, which copies nothing but what is short.

    Parameters
    ----------
    buffer: the block, with SPARE bytes after the last slice.
    places, lengths: of each slice, in bytes; there are four bytes before each, and a length is 0
        where there is no value.
    valid: which rows have a value; None where all do.
    made: the places' `heads`, if they are known already; they become the array's own.
    """
    made = heads(buffer, places) if made is None else made
    made[:, 0] = lengths
    short = lengths <= INLINE
    if short.all():
        made[:, 1:] &= _KEPT[lengths]
    elif not short.any():
        made[:, 2] = 0
        made[:, 3] = places
    else:
        made[:, 1:] &= _KEPT[np.minimum(lengths, INLINE)]
        made[:, 2] *= short
        made[:, 3] = np.where(short, made[:, 3], places)
    return array(pa.binary_view(), valid, made, buffer)


def copied(
    buffer: Bytes, places: Places, lengths: Places, valid: Valid | None, made: Heads | None = None
) -> Any:
    """The same as an array of its own, which does not hold the block."""
    return cast(views(buffer, places, lengths, valid, made), pa.large_binary())


_MUCH = 4


class Buffers:
    """Buffers for blocks of about one size, each taken again once nothing points into it: memory
    that is new to the process has to be cleared by the system first.

    Parameters
    ----------
    most: how many wait to be taken again, at most.
    """

    def __init__(self, most: int = 4) -> None:
        self._free: deque[bytearray] = deque(maxlen=most)

    def take(self, size: int) -> Bytes:
        """A buffer of this many bytes, of no meaning."""
        try:
            whole = self._free.pop()
        except IndexError:
            whole = bytearray(size)
        if not size <= len(whole) <= _MUCH * size:  # that of one long row is not kept for others
            whole = bytearray(size)
        # Of bytes that are no array: a slice of an array's slice would hold on to that one alone.
        taken = np.frombuffer(whole, np.uint8, size)
        finalize(taken, self._free.append, whole).atexit = False
        return taken
