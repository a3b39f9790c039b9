"""Connections that read, passed on from one session to the next."""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from hygge.core.errors import HyggeError
from hygge.sql.sqlite.access import Database, open_reader

_Key = tuple[str, int, int]
"""A file: its path, its device and its number there, by which another in its place is told."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A connection that was taken, and what it is to.

    Parameters
    ----------
    db: the connection.
    key: the file.
    """

    db: Database
    key: _Key

    @property
    def path(self) -> Path:
        return Path(self.key[0])


class Readers:
    """The connections of a process to files that are only read. Thread-safe.

    To open one costs a millisecond, most of which goes into the schema of a file with 200 tables.
    One that is given back waits for the next session as long as another session reads the same
    file; the last one closes them all, so that no file is held open that nobody reads.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: Counter[_Key] = Counter()
        self._idle: defaultdict[_Key, list[Database]] = defaultdict(list)

    def take(self, path: Path) -> Reader:
        """A connection outside any transaction. Raises ConnectError, TransientError."""
        key = _key(path)
        with self._lock:
            self._out[key] += 1
            idle = self._idle[key]
            db = idle.pop() if idle else None
        try:
            return Reader(open_reader(path) if db is None else db, key)
        except BaseException:
            self._left(key, None)
            raise

    def give(self, reader: Reader, *, clean: bool) -> None:
        """Give it back.

        Parameters
        ----------
        clean: whether it is outside any transaction and statement, and as it was when it was
            opened; else it is closed.
        """
        if not clean:
            reader.db.close()
        self._left(reader.key, reader.db if clean else None)

    def _left(self, key: _Key, db: Database | None) -> None:
        with self._lock:
            self._out[key] -= 1
            if db is not None:
                self._idle[key].append(db)
            if self._out[key]:
                return
            del self._out[key]
            waiting = self._idle.pop(key, [])
        for each in waiting:
            each.close()


READERS = Readers()
"""Those of this process."""


def rolled_back(db: Database) -> bool:
    """End a read transaction; whether that worked."""
    try:
        db.execute("ROLLBACK")
    except HyggeError:
        return False
    return True


def _key(path: Path) -> _Key:
    try:
        found = path.stat()
    except OSError:
        return (str(path), 0, 0)  # opening it says what is wrong
    return (str(path), found.st_dev, found.st_ino)
