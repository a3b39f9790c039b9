"""A server that says what a test has it say, to whoever connects."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from hygge.sql.postgres.wire.client import Wire
from hygge.sql.postgres.wire.messages import TLS, message

READY = message(b"Z", b"I")
OK = message(b"R", bytes(4))
GREETING = OK + message(b"S", b"client_encoding\0UTF8\0") + message(b"K", b"\0\0\0\7abcd") + READY
NOTES = (
    message(b"N", b"SNOTICE\0Mhear\0\0")
    + message(b"S", b"application_name\0it\0")
    + message(b"A", b"\0\0\0\7channel\0payload\0")
)
"""What may come at any time."""
COPIES = message(b"H", b"\1\0\0")
COPIED = message(b"c") + message(b"C", b"COPY 3\0") + READY

Talk = Callable[[socket.socket], None]


def exactly(end: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (more := end.recv(size - len(found))):
        found += more
    return found


def heard(end: socket.socket) -> tuple[bytes, bytes]:
    """A message from the client; an empty kind where it has gone."""
    head = exactly(end, 5)
    if len(head) < 5:
        return b"", b""
    return head[:1], exactly(end, int.from_bytes(head[1:], "big") - 4)


def started(end: socket.socket) -> bytes:
    """StartupMessage; TLS is refused before it."""
    while True:
        size = int.from_bytes(exactly(end, 4), "big")
        body = exactly(end, size - 4)
        if body[:4] != TLS.to_bytes(4, "big"):
            return body
        end.sendall(b"N")


def saying(*answers: bytes, greeting: bytes = GREETING) -> Talk:
    """Let the client in, and give it the next answer to each message of its own; then go."""

    def talk(end: socket.socket) -> None:
        started(end)
        end.sendall(greeting)
        for answer in answers:
            heard(end)
            end.sendall(answer)

    return talk


@contextmanager
def scripted(*talks: Talk) -> Iterator[int]:
    """The port of a server that talks to one client after the other."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            for talk in talks:
                end, _ = listener.accept()
                with end, suppress(OSError):  # of a client that has gone
                    talk(end)

        thread = threading.Thread(target=serve)
        thread.start()
        port = int(listener.getsockname()[1])
        try:
            yield port
        finally:
            while thread.is_alive():  # who was never connected to still waits
                with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    pass
                thread.join(0.1)


def info(port: int, **more: str) -> dict[str, str]:
    """How such a server is connected to."""
    return {"host": "127.0.0.1", "port": str(port), "dbname": "d", "user": "u", "password": "pw",
            "sslmode": "disable", **more}  # fmt: skip


@contextmanager
def wired(*answers: bytes) -> Iterator[Wire]:
    """A connection to a server that has these answers."""
    with scripted(saying(*answers)) as port:
        wire = Wire.open(info(port))
        try:
            yield wire
        finally:
            wire.close()
