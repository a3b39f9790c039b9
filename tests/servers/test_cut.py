"""The line that is cut at a word: nothing is left of it, and no word slips through."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from tests.servers.cut import cut_before

WORD = b"COMMIT"


@contextmanager
def server() -> Iterator[tuple[int, list[bytes]]]:
    """One that takes one line, and answers all it gets by `+`."""
    got: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        line, _ = listener.accept()
        with line, suppress(ConnectionError):  # nobody is there for the last answer
            while data := line.recv(100):
                got.append(data)
                line.sendall(b"+")

    thread = threading.Thread(target=serve, daemon=True)  # where nobody comes, it has no end
    thread.start()
    yield listener.getsockname()[1], got
    thread.join()
    listener.close()


def end_of(line: socket.socket) -> bytes:
    try:
        return line.recv(100)
    except ConnectionError:
        return b""


@pytest.mark.parametrize("arrives", [True, False])
def test_a_word_in_pieces_is_found(arrives: bool) -> None:
    before = {*threading.enumerate()}
    with server() as (port, got), cut_before("127.0.0.1", port) as cut:
        with socket.create_connection(("127.0.0.1", cut.port)) as line:
            for said in (WORD, b"BEGIN; CO", b"M"):  # the first comes before it is armed
                line.sendall(said)
                assert line.recv(100) == b"+"
                cut.arm(WORD, arrives=arrives)
            line.sendall(b"MIT")
            assert end_of(line) == b""
        assert not cut.armed
    assert b"".join(got) == WORD + b"BEGIN; COM" + b"MIT" * arrives
    assert not {*threading.enumerate()} - before


def test_words_that_never_come_are_told() -> None:
    before = {*threading.enumerate()}
    with pytest.raises(AssertionError, match="never came"), cut_before("127.0.0.1", 1) as cut:
        cut.arm(WORD, arrives=True)
    assert not {*threading.enumerate()} - before
