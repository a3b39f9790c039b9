"""Further connections to a file, in the very snapshot of the first, so that threads share work."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

from hygge.core.errors import HyggeError
from hygge.sql.relation import meanings
from hygge.sql.source import Source
from hygge.sql.sqlite.access import Database
from hygge.sql.sqlite.catalogue import quote

TWIN_BYTES = 16 << 20
"""A smaller file has been read by the time that a second reader has begun."""
FEWEST = 1000
"""Ranges of fewer rows would cost more than they save."""
SPARSE = 8
"""Rowids are read in ranges while at least one in so many is there."""


LONG = 100_000
"""A table with fewer rowids has been read by then, too."""


def is_long(db: Database, source: Source) -> bool:
    """Whether a table has so many rowids that it may be worth sharing; asked in no snapshot."""
    if source.query or source.condition or source.chunk_column:
        return False
    for names in meanings(source.schema, source.table):
        table = ".".join(quote(name) for name in names if name)
        with suppress(HyggeError):  # no table of that name, or one without rowids
            low, high = db.row(
                f"SELECT (SELECT min(rowid) FROM {table}), (SELECT max(rowid) FROM {table})"
            )
            return isinstance(low, int) and isinstance(high, int) and high - low >= LONG
    return False


def begin(db: Database) -> None:
    """Begin a read transaction, and its snapshot by a first read."""
    db.execute("BEGIN")
    db.rows("SELECT count(*) FROM sqlite_master")


def twins_of(path: Path, db: Database, many: int) -> list[Database]:
    """Begin a read transaction; and others in the same snapshot, each on a connection of its own.

    The proof that it is the same: each of them asks for its `data_version` before the first begins,
    and again in its own transaction. Had anything been committed in between, it would be another
    number (https://sqlite.org/pragma.html#pragma_data_version).

    Parameters
    ----------
    path: the file.
    db: the first connection; in a transaction afterwards, whatever is returned.
    many: how many more are wanted.

    Returns
    -------
    As many as were wanted; none at all where they could not be had at once, e.g. since a writer
    waits for its turn, or where something was committed in between.
    """
    with ExitStack() as opened:
        twins: list[Database] = []
        versions: list[int] = []
        with suppress(HyggeError):
            for _ in range(many):
                twins.append(opened.enter_context(Database(path, "ro", timeout_s=0)))
                versions.append(_version(twins[-1]))
        begin(db)
        if len(versions) < many:
            return []
        with suppress(HyggeError):
            for twin in twins:
                begin(twin)
            if [_version(twin) for twin in twins] == versions:
                opened.pop_all()
                return twins
        return []


def _version(db: Database) -> int:
    return int(db.row("PRAGMA data_version")[0])


def spans(low: int, high: int, size: int) -> Iterator[tuple[int, int]]:
    """Ranges, ends included, that are disjoint and together `low` to `high`."""
    for first in range(low, high + 1, size):
        yield first, min(first + size - 1, high)


class Answer:
    """A number that a connection is asked for by a thread of its own.

    Parameters
    ----------
    db: asked nothing else meanwhile.
    query: gives one number.
    """

    def __init__(self, db: Database, query: str) -> None:
        self.query = query
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="answer")
        self._coming = self._pool.submit(lambda: int(db.row(query)[0]))

    def wait(self) -> int:
        """The number. Raises what asking raised."""
        return self._coming.result()

    def close(self) -> None:
        """Wait until the connection is free. Safe more than once."""
        self._pool.shutdown()
