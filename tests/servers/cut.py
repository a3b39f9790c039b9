"""A line that is cut at a word: what lies between a client and its server loses an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from hygge.sql.pool import close_pools

SIZE = 1 << 16
LONGEST = 256
"""How many bytes a word may have."""


class Cut:
    """A proxy before a server. Armed, it waits for one of some words, and cuts that line.

    Parameters
    ----------
    host, port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._far = host, port
        self._guard = threading.Lock()
        self._words: Sequence[bytes] = ()
        self._arrives = self._closed = False
        self._ends: set[socket.socket] = set()
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._door = self._started(self._accept)

    @property
    def armed(self) -> bool:
        """Whether a line is still to be cut."""
        return bool(self._words)

    @property
    def used(self) -> bool:
        """Whether anybody has come through."""
        return bool(self._threads)

    def arm(self, *words: bytes, arrives: bool) -> None:
        """Cut the next line on which the client sends one of the words.

        Parameters
        ----------
        arrives: whether the server gets it, and its answer alone is lost.
        """
        with self._guard:
            self._words, self._arrives = words, arrives

    def _started(self, work: Callable[..., None], *args: Any) -> threading.Thread:
        thread = threading.Thread(target=work, args=args, daemon=True)
        thread.start()
        return thread

    def _accept(self) -> None:
        while True:
            near, _ = self._listener.accept()
            if self._closed:
                near.close()
                return
            self._threads.append(self._started(self._serve, near))

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._far) as far:
            with self._guard:
                if self._closed:
                    return
                self._ends |= {near, far}
            mute = threading.Event()
            back = self._started(self._back, far, near, mute)
            with contextlib.suppress(OSError):
                self._forth(near, far, mute)
            _shut(near, far)
            back.join()
            with self._guard:
                self._ends -= {near, far}

    def _forth(self, near: socket.socket, far: socket.socket, mute: threading.Event) -> None:
        before = b""
        while data := near.recv(SIZE):
            arrives = self._cuts(before, data)
            if arrives is None:
                far.sendall(data)
                before = (before + data)[-LONGEST:]
                continue
            mute.set()
            if arrives:
                far.sendall(data)
                far.shutdown(socket.SHUT_WR)
            _shut(near)
            while arrives and far.recv(SIZE):  # a server ends what it has been given, then the line
                pass
            return

    def _cuts(self, before: bytes, data: bytes) -> bool | None:
        """Whether what comes gets to the server though the line is cut; None: it is not cut.

        Parameters
        ----------
        before: what came before, and has been sent on; a word may begin in it.
        """
        with self._guard:
            if not any(word in before[1 - len(word) :] + data for word in self._words):
                return None
            self._words = ()
            return self._arrives

    def _back(self, far: socket.socket, near: socket.socket, mute: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while (data := far.recv(SIZE)) and not mute.is_set():
                near.sendall(data)

    def close(self) -> None:
        """Cut all lines, and end all threads."""
        with self._guard:
            self._closed = True
            ends = tuple(self._ends)
        # A listener that is closed while a thread waits at it goes on listening: it is woken first.
        socket.create_connection(("127.0.0.1", self.port)).close()
        self._door.join()
        self._listener.close()
        _shut(*ends)
        for thread in self._threads:
            thread.join()


def _shut(*ends: socket.socket) -> None:
    for end in ends:
        with contextlib.suppress(OSError):  # closed already, from one side or the other
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cut_before(host: str, port: int) -> Iterator[Cut]:
    """A `Cut` before a server, closed at the end of the block, together with all connections that
    lie idle in pools: those through it are of no use any more, and another may get its port.

    Raises AssertionError where it was armed, and nobody sent a word.
    """
    cut = Cut(host, port)
    try:
        yield cut
        assert not cut.armed, "no line was cut: the words never came"
    finally:
        if cut.used:
            close_pools()
        cut.close()
