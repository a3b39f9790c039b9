"""Where the messages of a block begin: each says its length, so that one leads to the next.

Followed one by one they would take longer than reading what is in them. They are followed from many
places at once: from where something looks like a beginning, and each until it comes to where the
next one began. A way that does not come out there shows that the next did not begin at a message.

https://www.postgresql.org/docs/current/protocol-overview.html#PROTOCOL-MESSAGE-CONCEPTS
"""

from __future__ import annotations

import struct

import numpy as np

from hygge.sql.blocks import Bytes, Places
from hygge.sql.postgres.wire.messages import COPY_DATA, HEAD

WAYS = 256
"""How many are followed at once, at most."""
_LOOK = 4
"""After so many steps it is looked for whether any way goes on."""
_FEW = 64 << 10
"""A block of fewer bytes is not worth the trouble."""
_LIKE = 7
"""The first bytes that show whether something looks like a row: those of the message, and how many
values the row has."""
_length = struct.Struct(">I").unpack_from


def boundaries(data: Bytes) -> Places:
    """Where each whole message of a block begins, and at last where the last of them ends.

    Parameters
    ----------
    data: messages; the first begins at 0, the last may be cut off.

    Returns one place where there is no whole message: 0.
    """
    if len(data) >= _FEW:
        found = _followed(data)
        if found is not None:
            return found
    return _walked(data)


def _walked(data: Bytes, at: int = 0) -> Places:
    """One after the other."""
    view, size, places = data.data, len(data), [at]
    while at + HEAD <= size:
        at += 1 + _length(view, at + 1)[0]
        if at > size:
            break
        places.append(at)
    return np.fromiter(places, np.int64, len(places))


def _followed(data: Bytes) -> Places | None:
    """By many ways at once; None where one began at what is no message."""
    begins = _beginnings(data)
    if begins is None:
        return None
    at, ends = begins[:-1], begins[1:]
    furthest = len(data) - HEAD
    lengths = np.ndarray((furthest + 1,), ">u4", data.data, 1, (1,))
    steps, goes = [at], at < ends
    while len(steps) % _LOOK or goes.any():
        after = lengths[np.minimum(at, furthest)] + (at + 1)
        at = np.where(goes, after, at)
        steps.append(at)
        goes = at < ends
    if not np.array_equal(at, ends):
        return None
    table = np.stack(steps)
    new = table != ends  # where the next way begins
    new[1:] &= table[1:] != table[:-1]
    return np.concatenate((table.T[new.T], _walked(data, int(begins[-1]))))


def _beginnings(data: Bytes) -> Places | None:
    """Places in order, the first of them 0, which look like the beginning of a row as the second
    message does; None where there are too few. (The first may have a header before its row.)"""
    second = 1 + int(_length(data.data, 1)[0])
    if second + _LIKE > _FEW:
        return None
    some = 2 * (HEAD + int(_length(data.data, second + 1)[0]))
    ways = min(WAYS, len(data) // (4 * some))
    if ways < 2:
        return None
    step = len(data) // ways
    shape = (ways - 1, some)
    high, low = data[second + HEAD], data[second + HEAD + 1]

    def at(offset: int) -> Bytes:
        return np.ndarray(shape, np.uint8, data.data, step + offset, (step, 1))

    like = (at(0) == COPY_DATA) & (at(HEAD) == high) & (at(HEAD + 1) == low)
    found = like.argmax(axis=1)
    places = np.arange(1, ways, dtype=np.int64) * step + found
    return np.concatenate(([0], places[like.any(axis=1)]))
