"""How a file's settings are while tables of it are filled."""

from __future__ import annotations

from contextlib import suppress
from threading import Lock

import duckdb

from hygge.sql.duckdb.room import THREADS

_guard = Lock()
_filling: dict[str, set[int]] = {}
"""Who is filling tables, by file."""
_before: dict[str, tuple[int, bool]] = {}
"""What each of those files had: how many threads, and whether rows stay in order."""


class Filling:
    """That of one connection's file; other connections to it share the settings.

    Rows need not stay in the order in which they come: then each of DuckDB's threads makes up parts
    of the table by itself, as large as they are to be, and within a limit of memory. 10 M rows
    that lay ready, of batches of 10,000, went in in 9.5 s instead of 17.9 s with one thread, and
    20.3 s where two keep them in order, on two processors.

    Parameters
    ----------
    connection: any to the file.
    path: what tells the file from others.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, path: str) -> None:
        self._connection, self._path = connection, path

    def begin(self) -> int:
        """From now on a table is filled, by so many threads; safe more than once."""
        with _guard:
            filling = _filling.setdefault(self._path, set())
            if not filling:
                _before[self._path] = self._set()
            filling.add(id(self))
            return min(THREADS, _before[self._path][0])

    def end(self) -> None:
        """All is as before, once every connection has said so; safe more than once."""
        with _guard:
            filling = _filling.get(self._path, set())
            if id(self) in filling:
                filling.remove(id(self))
                if not filling:
                    self._reset(*_before.pop(self._path))

    def _set(self) -> tuple[int, bool]:
        with self._connection.cursor() as apart:  # the connection itself may be at work
            before: tuple[int, bool] = apart.execute(
                "SELECT current_setting('threads'), current_setting('preserve_insertion_order')"
            ).fetchall()[0]
            with suppress(duckdb.Error):  # of settings that are locked; it is only slower
                apart.execute("SET preserve_insertion_order = false")
                if before[0] > THREADS:
                    apart.execute(f"SET threads = {THREADS}")
        return before

    def _reset(self, threads: int, ordered: bool) -> None:
        with suppress(duckdb.Error), self._connection.cursor() as apart:  # unless it is unusable
            apart.execute(f"SET preserve_insertion_order = {ordered}")
            if threads > THREADS:
                apart.execute(f"SET threads = {threads}")
