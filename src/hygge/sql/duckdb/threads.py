"""How many threads of DuckDB's own work on a file."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

import duckdb

FEW = 4
"""Where there are more, they take nobody's processor, and a `merge` beside has use for them."""
_guard = Lock()
_filling: dict[str, set[int]] = {}
"""Who is filling tables, by file."""
_before: dict[str, int] = {}
"""How many threads each of those files had."""


class Threads:
    """Those of one connection's file; other connections to it share them.

    A batch is too small for several threads. DuckDB would still pass each from the caller's thread
    to one of its own and back, which takes their processors from those who make ready the next:
    100 batches of 10,000 rows went in in 1.4 s instead of 1.6 s on two processors with nothing
    else running, and whole loads of them from PostgreSQL were faster by 4 %. So they rest where
    there are few.

    Parameters
    ----------
    connection: any to the file.
    path: what tells the file from others.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: str) -> None:
        self._connection, self._path = connection, path

    def rest(self) -> None:
        """From now on statements are worked on by who asks for them alone; safe more than once."""
        with _guard:
            filling = _filling.setdefault(self._path, set())
            if not filling:
                with suppress(duckdb.Error):  # of settings that are locked; it is only slower
                    self._begin()
            filling.add(id(self))

    def resume(self) -> None:
        """All work again, once every connection has said so; safe more than once."""
        with _guard:
            filling = _filling.get(self._path, set())
            if id(self) in filling:
                filling.remove(id(self))
                before = None if filling else _before.pop(self._path, None)
                if before is not None:
                    with suppress(duckdb.Error), self._connection.cursor() as apart:
                        apart.execute(f"SET threads = {before}")  # unless the file is unusable

    def _begin(self) -> None:
        with self._connection.cursor() as apart:  # the connection itself may be at work
            (before,) = apart.execute("SELECT current_setting('threads')").fetchall()[0]
            if before <= FEW:
                apart.execute("SET threads = 1")
                _before[self._path] = before
