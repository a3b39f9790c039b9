"""The line to a server: bytes sent, messages received, and what becomes of it when it breaks.

The socket never blocks by itself: who waits, waits here, so that what the server says is taken in
while something is sent to it. Otherwise each could come to wait for the other to read.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from contextlib import suppress
from typing import NoReturn

from hygge.sql.postgres.wire.messages import (
    ERROR,
    HEAD,
    KNOWN,
    LONG,
    MOST_SHORT,
    ServerError,
    error,
    head,
)

SIZE = 64 << 10
"""Of what is received at a time where no block is filled."""
MOST_KEPT = 1 << 20
"""What the buffer of messages that lie one by one may be left with, after a long one."""
GONE = (
    "server closed the connection unexpectedly\n\tThis probably means the server terminated "
    "abnormally\n\tbefore or while processing the request."
)
_NO_LINE = "no connection to the server"
_IN, _OUT = 1, 4
"""POLLIN and POLLOUT: poll.h of every system that has poll(2)."""
TOGETHER, TOGETHER_S = 512 << 10, 0.005
"""Bytes that one waits for, and how long, where there are many to come. The server sends 8 KB at a
time: taken as they came, 1 M rows made for ten times as many calls, and 5 % more time in all."""
_LAST_WORDS_S = 5.0
"""What a server that broke the line has said before is there at once, or never."""


class Unreached(ServerError):
    """Nobody answers at an address, or not in time."""

    def __init__(self, text: str = "timeout expired") -> None:
        super().__init__(text)


class Line:
    """A connected socket.

    Parameters
    ----------
    end: it, perhaps with TLS; it becomes this line's.
    until: the moment of the monotonic clock at which waiting ends; None for never.

    Every method raises ServerError, and the line is closed, where the connection broke or what
    came is no message.
    """

    def __init__(self, end: socket.socket, until: float | None = None) -> None:
        end.setblocking(False)
        self.end, self.until = end, until
        self.encrypted = hasattr(end, "pending")
        self._poll = select.poll()
        self._poll.register(end, _IN)
        self._buffer = bytearray(SIZE)
        self._at = self._filled = 0
        self._closing = threading.Lock()
        self._flows = False
        self.closed = False
        self.sending = False
        """Whether a message has been sent in part."""

    # Waiting --------------------------------------------------------------------------------------

    def _wait(self, events: int, most_s: float | None = None) -> int:
        """Wait until the socket is ready; what for, 0 where the time given was over before."""
        if self.until is not None:
            left = self.until - time.monotonic()
            if left <= 0:
                self.close()
                raise Unreached
            most_s = left if most_s is None else min(left, most_s)
        try:
            self._poll.modify(self.end, events)
            found = self._poll.poll(None if most_s is None else max(1, most_s * 1000))
        except (OSError, ValueError):
            self.fail(_NO_LINE)  # closed by another thread
        return found[0][1] if found else 0

    # Receiving ------------------------------------------------------------------------------------

    def take(self, into: memoryview, most_s: float | None = None) -> int:
        """What has come, at least a byte; 0 where nothing came in so many seconds."""
        if count := min(len(into), self._filled - self._at):
            into[:count] = memoryview(self._buffer)[self._at : self._at + count]
            self._at += count
            return count
        if self._flows:
            self._wait(_IN, TOGETHER_S)
        while not (count := self._receive(into)):
            self.ebb()
            if not self._wait(_IN, most_s) and most_s is not None:
                return 0
        return count

    def flow(self) -> None:
        """Have `take` wait for TOGETHER bytes, until nothing has come for TOGETHER_S."""
        if not (self.encrypted or self.closed or self._flows):  # what TLS holds, no socket knows of
            self._flows = self._rouse_at(TOGETHER)

    def ebb(self) -> None:
        """Have it take what there is again, as everything else does."""
        if self._flows:
            self._flows = False
            self._rouse_at(1)

    def _rouse_at(self, count: int) -> bool:
        """Have poll tell of what has come once it is so many bytes (socket(7), SO_RCVLOWAT);
        whether the system has that."""
        with suppress(OSError):
            self.end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, count)
            return True
        return False

    def put_back(self, received: memoryview) -> None:
        """Have what was taken be received again, before all that comes."""
        rest = bytes(received) + self._buffer[self._at : self._filled]
        self._buffer = bytearray(rest) + bytearray(SIZE)
        self._at, self._filled = 0, len(rest)

    def _receive(self, into: memoryview) -> int:
        """What is there already: 0 where that is nothing."""
        try:
            count = self.end.recv_into(into)
        except BlockingIOError:
            return 0
        except OSError as error:
            if _would_block(error):
                return 0
            self._broke(error)
        if self.closed:
            self.fail(_NO_LINE)  # by another thread; what was received is of no TLS any more
        if not count:
            self.fail(GONE)
        return count

    def _absorb(self) -> int:
        """Take what is there into this line's own buffer, without waiting."""
        if self._at == self._filled:
            self._at = self._filled = 0
            if len(self._buffer) > MOST_KEPT:
                self._buffer = bytearray(SIZE)
        if self._filled == len(self._buffer):
            if self._at:
                rest = self._buffer[self._at : self._filled]
                self._buffer[: len(rest)] = rest
                self._at, self._filled = 0, len(rest)
            else:
                self._buffer = self._buffer + bytearray(len(self._buffer))
        count = self._receive(memoryview(self._buffer)[self._filled :])
        self._filled += count
        return count

    def message(self) -> tuple[int, memoryview]:
        """The next message: its kind, and its body, which is good until the next is asked for."""
        while not self.ready():
            if not self._absorb():
                self._wait(_IN)
        kind, length = head(memoryview(self._buffer), self._at)
        start, self._at = self._at + HEAD, self._at + 1 + length
        return kind, memoryview(self._buffer)[start : self._at]

    def ready(self) -> bool:
        """Whether there is a whole message that has been received."""
        have = self._filled - self._at
        if have < HEAD:
            return False
        kind, length = head(memoryview(self._buffer), self._at)
        self.check(kind, length)
        return have > length

    def look(self) -> bool:
        """Whether there is a whole message, without waiting."""
        self._absorb()
        return self.ready()

    def check(self, kind: int, length: int) -> None:
        """Whether a message may begin so; otherwise the place in the stream is lost."""
        if kind not in KNOWN or length < 4 or (length > MOST_SHORT and kind not in LONG):
            self.fail(
                f"lost synchronization with server: got message type "
                f'"{ascii(chr(kind))[1:-1]}", length {length}'
            )

    # Sending --------------------------------------------------------------------------------------

    def send(self, *parts: bytes | memoryview) -> None:
        """Send all of it, taking in what comes meanwhile."""
        left = [view for part in parts if (view := memoryview(part)).nbytes]
        self.sending = True
        while left:
            sent = self._send(left)
            if not sent and self._wait(_IN | _OUT) & ~_OUT:
                self._absorb()
            while left and sent >= left[0].nbytes:
                sent -= left.pop(0).nbytes
            if sent:
                left[0] = left[0][sent:]
        self.sending = False

    def _send(self, parts: list[memoryview]) -> int:
        """What the system takes at once: 0 where that is nothing."""
        try:
            return self.end.send(parts[0]) if self.encrypted else self.end.sendmsg(parts)
        except OSError as error:
            if _would_block(error):
                return 0
            if self.closed:
                self.fail(_NO_LINE)
        self._last_words()

    def _last_words(self) -> NoReturn:
        """Raise why the server broke the line: what it said of it, if that has come."""
        self.until = time.monotonic() + _LAST_WORDS_S
        while True:
            kind, body = self.message()
            if kind == ERROR:
                self.close()
                raise error(body)

    # The end --------------------------------------------------------------------------------------

    def _broke(self, error: OSError) -> NoReturn:
        """Raise what an error of the system's comes to, as libpq words it."""
        if self.closed:
            self.fail(_NO_LINE)
        if type(error).__name__ in ("SSLEOFError", "SSLZeroReturnError"):
            self.fail("SSL connection has been closed unexpectedly")
        if isinstance(error, (ConnectionResetError, BrokenPipeError)):
            self.fail(GONE)
        self.fail(f"could not receive data from server: {error.strerror or error}")

    def fail(self, text: str) -> NoReturn:
        """Close the line, and raise why."""
        self.close()
        raise ServerError(text)

    def close(self) -> None:
        """At once, whoever may be waiting; safe more than once."""
        with self._closing:
            if self.closed:
                return
            self.closed = True
        with suppress(OSError):
            socket.socket.shutdown(self.end, socket.SHUT_RDWR)  # which wakes who waits
        self.end.close()


def _would_block(error: OSError) -> bool:
    """Whether an operation has to wait, as a socket says it, or TLS."""
    return isinstance(error, BlockingIOError) or type(error).__name__ in (
        "SSLWantReadError", "SSLWantWriteError",
    )  # fmt: skip
