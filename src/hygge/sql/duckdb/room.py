"""How much memory DuckDB may use for a file."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Lock

import duckdb

from hygge.sql.duckdb.errors import told

READING_KB, QUERY_KB, WRITING_KB, KEYS_KB = 62_500, 125_000, 160_000, 205_000
"""What DuckDB may use to read tables, for queries of any kind, to write and to compare a table's
keys, beside batches on their way, unless a limit is set: 64, 128, 164 and 210 MB."""
THREADS = 4
"""Most threads that read for one who takes the rows in order, or fill a table: more only hold more
memory."""
_COLUMN_KB = 512
"""What each thread may hold of each column: blocks of 256 KB and what is read from them. 0.4 MB
were seen of 600 columns, half of them text."""
_INDEXES = "SELECT memory_usage_bytes FROM duckdb_memory() WHERE tag = 'ART_INDEX'"
_guard = Lock()
_limits: dict[str, int] = {}
"""The limit of each file that this process has opened, in KB, beside what its indexes take; it
never sinks."""
_lifted: defaultdict[str, set[int]] = defaultdict(set)
"""Whose transactions have each file's limit lifted."""
_unlimited: set[str] = set()
"""The files whose limit was lifted for good."""
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
        self._until_over = False  # what this transaction has lifted stays so while it commits

    @property
    def is_given(self) -> bool:
        """Whether the limit is one that hygge gives, and may take away."""
        return not self._fixed and self._path not in _unlimited

    def lift(self, *, until_over: bool = False, for_good: bool = False) -> None:
        """Let DuckDB use most of what memory there is, unless a limit was set.

        The index of a table's key is held in memory, all of it, and to make it takes several times
        as much: 77 and 600 MB for ten million whole numbers. What else is open of the file has the
        memory, too, until all who have lifted the limit are done; see `filled`.

        Parameters
        ----------
        until_over: while the transaction commits, too: an index other than a key's is put together
            then, and what it will take is told by nothing before.
        for_good: as long as this process lasts.
        """
        with _guard:
            self._until_over |= until_over
            if self.is_given:
                was = self._is_lifted
                _lifted[self._path].add(id(self))
                if for_good:
                    _unlimited.add(self._path)
                if not was:
                    self._try("RESET memory_limit")

    def lower(self) -> None:
        """Set the limit again that this transaction had lifted, before it commits: DuckDB would
        hold all that it then reads and writes, 2.6 GB where 100,000 rows of 10 M were replaced.
        Does nothing where others have it lifted, what is held already is more, or an index needs
        it; see `lift`."""
        with _guard:
            if not self._until_over and id(self) in _lifted[self._path]:
                _lifted[self._path].remove(id(self))
                if not self._is_lifted:
                    self._limit()

    @property
    def _is_lifted(self) -> bool:
        return self._path in _unlimited or bool(_lifted[self._path])

    def _try(self, statement: str) -> None:
        # Apart, whatever has become of a transaction. Where the file can be used no more, or
        # settings are locked, what fails for want of memory says more.
        with suppress(duckdb.Error), self._connection.cursor() as apart:
            apart.execute(statement)

    def begin(self, *, writing: bool) -> None:
        """Give a file that was opened, perhaps anew, what reading or writing takes, or what it has
        already, where that is more. Nothing where that is a matter of others.

        What is written need not be in order: see `DuckDBLink.append`.
        """
        self._set(WRITING_KB if writing else READING_KB)
        if not self._fixed:
            self._try(f"SET threads = {min(THREADS, self.threads)}")
            if writing:
                self._try("SET preserve_insertion_order = false")

    @property
    def threads(self) -> int:
        """How many of DuckDB's own there are."""
        with told(self._path), self._connection.cursor() as apart:
            (threads,) = apart.execute("SELECT current_setting('threads')").fetchall()[0]
        return int(threads)

    def make(self, kb: int) -> None:
        """Raise the limit to so much, unless it is higher or one was set. It never sinks."""
        if kb > _limits.get(self._path, 0):
            self._set(kb)

    def _set(self, kb: int) -> None:
        with _guard:
            if not self._fixed:
                _limits[self._path] = max(kb, _limits.get(self._path, 0))
                if not self._is_lifted:
                    self._limit()

    def _limit(self) -> None:
        """Set the limit again."""
        with suppress(duckdb.Error), self._connection.cursor() as apart:  # see `_try`
            sizes = apart.execute(_INDEXES).fetchall()
            # Twice: the commit puts what is new of an index into another.
            kb = _limits[self._path] + 2 * sum(size for (size,) in sizes) // 1024
            self._try(f"SET memory_limit = '{kb}KiB'")

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

    def to_fill(self, table: str, columns: int) -> None:
        """Room for a table with so many columns, beside all others that are filled in the file:
        all of its threads fill them, and one more for each other table. What they hold stays until
        the transaction ends; see `filled`."""
        with _guard:
            _filling[self._path][id(self), table] = columns
            *others, most = sorted(_filling[self._path].values())
        self.make(max(WRITING_KB, most * self.threads * _COLUMN_KB) + sum(others) * _COLUMN_KB)

    def filled(self) -> None:
        """The transaction is over, and with it what is held of the tables that it filled. Safe more
        than once."""
        with _guard:
            filling = _filling[self._path]
            for at in [at for at in filling if at[0] == id(self)]:
                del filling[at]
            self._until_over = False
        self.lower()
