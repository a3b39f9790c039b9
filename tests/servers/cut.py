"""A line that is cut at a word: what lies between a client and its server loses an answer."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

SIZE = 1 << 16


class Cut:
    """A proxy before a server. Armed, it waits for one of some words, and cuts that line.

    Parameters
    ----------
    host, port: of the server.
    """

    def __init__(self, host: str, port: int) -> None:
        self._far = host, port
        self._words: Sequence[bytes] = ()
        self._arrives = False
        self.done = threading.Event()
        """Set when a line has been cut."""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, *words: bytes, arrives: bool) -> None:
        """Cut the next line on which the client sends one of the words.

        Parameters
        ----------
        arrives: whether the server gets it, and its answer alone is lost.
        """
        self.done.clear()
        self._words, self._arrives = words, arrives

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # closed
            while True:
                near, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near, socket.create_connection(self._far) as far:
            back = threading.Thread(target=self._back, args=(far, near), daemon=True)
            back.start()
            with contextlib.suppress(OSError):
                while data := near.recv(SIZE):
                    if any(word in data for word in self._words):
                        self._end(data, near, far)
                        break
                    far.sendall(data)
            for end in (near, far):
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
            back.join()

    def _back(self, far: socket.socket, near: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(SIZE):
                near.sendall(data)

    def _end(self, data: bytes, near: socket.socket, far: socket.socket) -> None:
        self._words = ()
        near.shutdown(socket.SHUT_RDWR)  # so that the answer goes nowhere
        if self._arrives:
            far.sendall(data)
            far.shutdown(socket.SHUT_WR)  # a server ends what it has been given, then the line
        else:
            far.shutdown(socket.SHUT_RDWR)
        self.done.set()

    def close(self) -> None:
        self._listener.close()


@contextmanager
def cut_before(host: str, port: int) -> Iterator[Cut]:
    """A `Cut` before a server, closed at the end of the block."""
    cut = Cut(host, port)
    try:
        yield cut
    finally:
        cut.close()
