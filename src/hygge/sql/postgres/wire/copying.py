"""COPY's data, as blocks that come and pieces that go.

https://www.postgresql.org/docs/current/protocol-flow.html, "COPY Operations"
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from hygge.sql.blocks import SPARE, Buffers, Places
from hygge.sql.postgres.wire.line import TOGETHER, Line
from hygge.sql.postgres.wire.messages import (
    COPY_DATA,
    HEAD,
    READY,
    Block,
    ServerError,
    copy_data,
    head,
)
from hygge.sql.postgres.wire.split import boundaries

if TYPE_CHECKING:
    import pyarrow as pa

Buffer: TypeAlias = "bytes | bytearray | memoryview | pa.Buffer"
Heed: TypeAlias = Callable[[int, memoryview], None]

IDLE_S = 0.05
"""After so long without a byte, what came is looked through: perhaps it was all."""
PIECE = 1 << 20
"""What is sent at a time: the server can begin with it while the next is on its way. (It takes in a
message as a whole, and none of more than 1 GB.)"""
_LEAST = 1 << 12
_READY = b"Z\0\0\0\5"
"""How ReadyForQuery begins, after which nothing comes; one byte follows."""


def blocks(line: Line, block_bytes: int, heed: Heed) -> Generator[Block, None, None]:
    """CopyData until the server is ready for more; what came after that, or after the last block
    that was taken, is left to the line.

    Parameters
    ----------
    line: on which COPY has begun.
    block_bytes: of a block, unless a message is longer.
    heed: gets every other message, with its kind.
    """
    incoming = _Incoming(line, max(block_bytes, _LEAST), heed)
    try:
        while True:
            incoming.receive()
            if (block := incoming.block()) is not None:
                yield block
            if incoming.over:
                return
            if block_bytes >= TOGETHER:  # else each of the last, though it is there, would wait
                line.flow()  # a whole block has come: there are many
            incoming.renew()
    finally:
        incoming.leave()


class _Incoming:
    """What is received, into one buffer after the other."""

    def __init__(self, line: Line, size: int, heed: Heed) -> None:
        self._line, self._size, self._heed = line, size, heed
        self._buffers = Buffers()
        self._buffer = self._buffers.take(size + SPARE)
        self._filled = self._known = 0  # what is received; what was looked through
        self._rows: list[tuple[Places, Places]] = []
        self.over = False

    def receive(self) -> None:
        """Fill the buffer, or come to the end."""
        view, patience = self._buffer.data[:-SPARE], None
        while not self.over:
            try:
                count = self._line.take(view[self._filled :], patience)
            except ServerError:
                self._look_through()  # the server may have said why
                raise
            self._filled += count
            full = self._filled == len(view)
            if full or not count or bytes(view[self._filled - 6 : self._filled - 1]) == _READY:
                self._look_through()
            if full:
                return
            patience = IDLE_S if count else None

    def _look_through(self) -> None:
        """Part the messages that are there in whole."""
        places = boundaries(self._buffer[self._known : self._filled]) + self._known
        starts, ends = places[:-1], places[1:]
        if len(starts) and int((ends - starts).min()) < HEAD:
            self._check(int(starts[int((ends - starts).argmin())]))
        self._known = int(places[-1])
        rows = self._buffer[starts] == COPY_DATA
        if not rows.all():
            self._others(starts, ends, rows)
            starts, ends = starts[rows], ends[rows]
        self._rows.append((starts + HEAD, ends))
        if self._filled - self._known >= HEAD and not self.over:
            self._check(self._known)

    def _others(self, starts: Places, ends: Places, rows: npt.NDArray[np.bool_]) -> None:
        """Give away what is no row, until the server is ready."""
        view = self._buffer.data
        for place in np.flatnonzero(~rows).tolist():
            start, end = int(starts[place]), int(ends[place])
            self._check(start)
            kind = int(self._buffer[start])
            self._heed(kind, view[start + HEAD : end])
            if kind == READY:
                self.over, self._known = True, end
                return

    def _check(self, at: int) -> int:
        """Whether a message may begin there; its length in all."""
        kind, length = head(self._buffer.data, at)
        self._line.check(kind, length)
        return 1 + length

    def block(self) -> Block | None:
        """The rows that have come; None where there are none."""
        starts, ends = (np.concatenate(found) for found in zip(*self._rows, strict=True))
        self._rows = []
        return Block(self._buffer, starts, ends) if len(starts) else None

    def renew(self) -> None:
        """Take a new buffer, with the part of a message that has come, and room for all of it."""
        rest = self._buffer[self._known : self._filled]
        size = self._check(self._known) if len(rest) >= HEAD else 0
        self._buffer = self._buffers.take(max(self._size, size + HEAD) + SPARE)
        self._buffer[: len(rest)] = rest
        self._known, self._filled = 0, len(rest)

    def leave(self) -> None:
        self._line.ebb()
        self._line.put_back(self._buffer.data[self._known : self._filled])


def send_pieces(line: Line, pieces: Iterable[Buffer], refused: Callable[[], bool]) -> bool:
    """Send CopyData; returns whether all of it was sent.

    Parameters
    ----------
    line: on which COPY has begun.
    pieces: of what is copied.
    refused: whether the server takes no more.

    Raises what taking the pieces raises.
    """
    for piece in pieces:
        view = memoryview(piece)
        view = view.cast("B") if view.nbytes else memoryview(b"")
        for start in range(0, len(view), PIECE):
            part = view[start : start + PIECE]
            line.send(copy_data(len(part)), part)
            if refused():
                return False
    return not refused()
