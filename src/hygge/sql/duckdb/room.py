"""How much memory DuckDB may use for a file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import duckdb

READING_KB, QUERY_KB, WRITING_KB = 62_500, 125_000, 160_000
"""What DuckDB may use to read tables, for queries of any kind and to write, beside batches on their
way, unless a limit is set: 64, 128 and 164 MB."""
THREADS = 4
"""Most threads that read for one who takes the rows in order, or fill a table: more only hold more
memory."""
_COLUMN_KB = 512
"""What each thread may hold of each column: blocks of 256 KB and what is read from them. 0.4 MB
were seen of 600 columns, half of them text."""
_guard = Lock()
_limits: dict[str, int] = {}
"""The limit of each file that this process has opened, in KB; it never sinks."""
_lifted: set[str] = set()
"""The files whose limit was lifted in this process."""
_reading: Counter[str] = Counter()
"""How many columns are being read of each file, by all that read it."""
_filling: defaultdict[str, dict[tuple[int, str], int]] = defaultdict(dict)
"""How many columns each table has that is being filled in each file, by the link's room and its
name."""


class Room:
    """That of one connection; what else is open of the file in this process shares it.

    Parameters
    ----------
    connection: to the file.
    path: what tells the file from others.
    fixed: whether it is a matter of others: a limit was set, or it is no file.
    """

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, path: str, *, fixed: bool = False
    ) -> None:
        self._connection, self._path, self._fixed = connection, path, fixed

    @property
    def is_narrow(self) -> bool:
        """Whether the limit is one that `lift` may take away."""
        return not self._fixed and self._path not in _lifted

    def lift(self) -> None:
        """Let DuckDB use most of what memory there is, unless a limit was set, from now on.

        The index of a table's key is held in memory, all of it: 210 MB are enough for some ten
        million whole numbers. What else was open of the file shares the limit, so it never sinks.
        """
        with _guard:
            if self.is_narrow:
                _lifted.add(self._path)
                # Apart, whatever has become of a transaction. Where the file can be used no more,
                # or settings are locked, what failed for want of memory says more.
                with suppress(duckdb.Error), self._connection.cursor() as apart:
                    apart.execute("RESET memory_limit")

    def begin(self, *, writing: bool) -> None:
        """Set the limit of a file that was opened, perhaps anew, to what reading or writing takes;
        or to what it is already, where that is more."""
        self._set(WRITING_KB if writing else READING_KB)

    def make(self, kb: int) -> None:
        """Raise the limit to so much, unless it is higher or one was set. It never sinks; see
        `lift`."""
        if kb > _limits.get(self._path, 0):
            self._set(kb)

    def _set(self, kb: int) -> None:
        with _guard:
            if self.is_narrow:
                _limits[self._path] = max(kb, _limits.get(self._path, 0))
                self._connection.execute(f"SET memory_limit = '{_limits[self._path]}KiB'")

    @contextmanager
    def to_read(self, columns: int) -> Iterator[None]:
        """Room for a result with so many columns, beside all others of the file: a block of each is
        held by each thread, and DuckDB fails rather than wait."""
        with _guard:
            _reading[self._path] += columns
            wanted = _reading[self._path] * THREADS * _COLUMN_KB
        try:
            self.make(wanted)
            yield
        finally:
            with _guard:
                _reading[self._path] -= columns

    def to_fill(self, table: str, columns: int, threads: int) -> None:
        """Room for a table with so many columns that so many threads fill, beside all others that
        are filled in the file, for which they have one thread more each. What they hold stays until
        the transaction ends; see `filled`."""
        with _guard:
            _filling[self._path][id(self), table] = columns
            *others, most = sorted(_filling[self._path].values())
        self.make(max(WRITING_KB, most * threads * _COLUMN_KB) + sum(others) * _COLUMN_KB)

    def filled(self) -> None:
        """The transaction is over, and with it what is held of the tables that it filled."""
        with _guard:
            filling = _filling[self._path]
            for at in [at for at in filling if at[0] == id(self)]:
                del filling[at]
