"""The ledger of a load into files: a file in its stage, to which records are appended, durably."""

from __future__ import annotations

import os
import threading
from pathlib import Path

from hygge.core.errors import StateError
from hygge.core.ledger import Done, Head, Ledger, encode, ledger_of
from hygge.files import local

NAME = "ledger"


class LedgerFile:
    """A ledger that is being written. Thread-safe.

    Parameters
    ----------
    path: of the file.
    last: the digest of its last record.
    """

    def __init__(self, path: Path, last: str) -> None:
        self._path, self._last = path, last
        self._lock = threading.Lock()
        self.done: dict[int, Done] = {}

    @classmethod
    def begin(cls, path: Path, head: Head) -> LedgerFile:
        """A new ledger, with its head. Raises TypeError where that is not made of plain values."""
        line, last = encode(head.to_json(), "")
        path.write_bytes(line)
        local.sync(path)
        local.sync(path.parent)
        return cls(path, last)

    @classmethod
    def go_on(cls, path: Path) -> LedgerFile:
        """Write on in a ledger that was read: a torn tail is cut off. Raises StateError."""
        ledger, last, good = ledger_of(path.read_bytes())
        if ledger is None:
            raise StateError(f"{path} has no head")
        os.truncate(path, good)
        local.sync(path)
        found = cls(path, last)
        found.done = dict(ledger.done)
        return found

    def add(self, done: Done) -> None:
        """Enter a chunk."""
        with self._lock:
            line, last = encode(done.to_json(), self._last)
            with self._path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
            self._last = last
            self.done[done.receipt.chunk] = done


def read(folder: Path) -> Ledger | None:
    """The ledger in a stage's folder; None where there is none, or nothing in it.

    Raises StateError where it is damaged.
    """
    try:
        data = (folder / NAME).read_bytes()
    except FileNotFoundError:
        return None
    return ledger_of(data)[0]
