"""One open connection to DuckDB."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from threading import Event, Lock, Thread, Timer
from typing import Any, Self

import duckdb
import polars as pl

from hygge.core.errors import (
    Cancelled,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.memory import give_back, keep
from hygge.core.telling import telling
from hygge.sql.duckdb.errors import MORE, told
from hygge.sql.duckdb.frames import frame
from hygge.sql.duckdb.threads import Threads
from hygge.sql.link import Link

READING_KB, QUERY_KB, WRITING_KB = 62_500, 125_000, 205_000
"""What DuckDB may use to read tables, for queries of any kind and to write, beside batches on their
way, unless a limit is set: 64, 128 and 210 MB."""
_THREADS = 4
"""Most threads that read for one who takes the rows in order: more only hold more memory."""
_COLUMN_KB = 512
"""What each thread may hold of each column: blocks of 256 KB and what is read from them. 0.4 MB
were seen of 600 columns, half of them text."""
_LONG, _LONG_KB = 8 << 10, 50_000
"""Values of so many bytes in the mean of a batch are long, and so much of them needs more memory:
DuckDB holds those of a part of a table, some ten thousand rows, all at once as it commits them."""
_AGAIN_S = 0.1
"""How long after an interruption the next one comes, if what is under way goes on."""
_rooms: dict[str, int] = {}
"""The limit of each file that this process has opened, in KB; it never sinks."""
_reading: Counter[str] = Counter()
"""How many columns are being read of each file, by all that read it."""
_filling: defaultdict[str, dict[tuple[int, str], int]] = defaultdict(dict)
"""How many columns each table has that is being filled in each file, by the link and its name."""
_guard = Lock()
_lifted: set[str] = set()
"""The files whose limit was lifted in this process."""


class DuckDBLink(Link):
    """A connection; threads share a database by cursors of it, each of which is one of these."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, label: str, timeout_s: float = 0
    ) -> None:
        self._connection, self.label, self._timeout_s = connection, label, timeout_s
        self._cancelled, self._fixed = False, True
        self._under_way: Event | None = None  # set once the statement under way has ended
        self._threads = Threads(connection, label)
        self._long_kb = 0.0  # of long values, since the transaction began
        # Times are then in UTC, whatever this machine's zone; a `session` statement may differ.
        self._connection.execute("SET TimeZone = 'UTC'")

    @classmethod
    def open(
        cls, path: str, token: str | None, *, writing: bool = False, timeout_s: float = 0,
        memory: str | None = None,
    ) -> Self:  # fmt: skip
        """Open a file, made if it is to be written to, or a MotherDuck database.

        Parameters
        ----------
        path: of the file, or `md:NAME`.
        token: MotherDuck's; None where it is in the environment, or for a file.
        writing: whether it is to be written to.
        timeout_s: how long one statement may take; 0 for any time.
        memory: how much DuckDB may use, e.g. `4GB`; None for READING_KB or WRITING_KB. Left to
            itself it keeps all blocks that it has read or written, 1.3 GB of a table of 10 M rows.
        """
        remote = path.startswith("md:")
        if not remote:
            _check(Path(path), writing=writing)
        if writing:
            keep()
        else:
            give_back()
        config: dict[str, Any] = {"motherduck_token": token} if token else {}
        with told(path):
            try:
                opened = duckdb.connect(path, read_only=not (remote or writing), config=config)
                if not remote and path not in _lifted:
                    if memory:
                        opened.execute(f"SET memory_limit = '{memory}'")
                    else:
                        _raise(opened, path, WRITING_KB if writing else READING_KB)
                if not (remote or writing or memory):
                    (threads,) = opened.execute("SELECT current_setting('threads')").fetchall()[0]
                    opened.execute(f"SET threads = {min(_THREADS, threads)}")
            except duckdb.ConnectionException:  # this process has it open to write already
                opened = duckdb.connect(path, config=config)
            # In a notebook, and in a process started for work, DuckDB would draw its own.
            opened.execute("SET enable_progress_bar = false")
            link = cls(opened, path, timeout_s)
        link._fixed = remote or memory is not None
        return link

    @property
    def is_narrow(self) -> bool:
        """Whether the limit is one that `lift` may take away."""
        return not self._fixed and self.label not in _lifted

    def lift(self) -> None:
        """Let DuckDB use most of what memory there is, unless a limit was set, from now on.

        The index of a table's key is held in memory, all of it: 210 MB are enough for some ten
        million whole numbers. What else was open of the file shares the limit, so it never sinks.
        """
        if self.is_narrow:
            with _guard:
                _lifted.add(self.label)
                # Apart, whatever has become of a transaction. Where the file can be used no more,
                # or settings are locked, what failed for want of memory says more.
                with suppress(duckdb.Error), self._connection.cursor() as apart:
                    apart.execute("RESET memory_limit")

    def make_room(self, kb: int) -> None:
        """Raise the limit to so much, unless it is higher or one was set. It never sinks; see
        `lift`."""
        if not self._fixed and self.label not in _lifted and kb > _rooms.get(self.label, 0):
            _raise(self._connection, self.label, kb)

    @contextmanager
    def _room_for(self, columns: int) -> Iterator[None]:
        """Room for a result with so many columns, beside all others of the file: a block of each is
        held by each thread, and DuckDB fails rather than wait."""
        with _guard:
            _reading[self.label] += columns
            wanted = _reading[self.label] * _THREADS * _COLUMN_KB
        try:
            self.make_room(wanted)
            yield
        finally:
            with _guard:
                _reading[self.label] -= columns

    def _make_room_to_fill(self, table: str, columns: int) -> None:
        """Room for a table with so many columns, beside all others that are filled in the file: one
        thread fills each, and what it holds stays until the transaction ends; see `filled`."""
        with _guard:
            _filling[self.label][id(self), table] = columns
            *others, most = sorted(_filling[self.label].values())
        self.make_room(max(WRITING_KB, most * _COLUMN_KB) + sum(others) * _COLUMN_KB)

    def filled(self) -> None:
        """The transaction is over, and with it what is held of the tables that it filled."""
        self._long_kb = 0
        with _guard:
            filling = _filling[self.label]
            for at in [at for at in filling if at[0] == id(self)]:
                del filling[at]

    def execute(self, sql: str) -> None:
        with self._statement():
            self._connection.execute(sql)

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self._statement():
            found: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
            return found

    def append(self, table: str, rows: pl.DataFrame) -> int:
        """Append a frame to a table, column by column's name; returns how many rows it took. One of
        several: see `appended`."""
        self._make_room_to_fill(table, rows.width)
        self._long_kb += _long_bytes(rows) / 1024
        if self._long_kb > _LONG_KB:
            self.lift()
        # Found by its name, which no table has: what is registered stays in memory until the
        # transaction ends. As a stream, a batch goes as soon as it was read.
        _hygge_rows = rows.to_arrow(compat_level=pl.CompatLevel.newest()).to_reader()
        with self._statement():
            self._threads.rest()
            done = self._connection.execute(
                f"INSERT INTO {table} BY NAME SELECT * FROM _hygge_rows"
            )
            (taken,) = done.fetchone() or (0,)
        return int(taken)

    def appended(self) -> None:
        """No more is appended for now, and the file's threads have other work again. Safe more than
        once, and while another thread appends."""
        self._threads.resume()

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self._deadline() as late, ExitStack() as held:
            with self._statement(late):
                found = self._connection.sql(sql)
                held.enter_context(self._room_for(len(found.columns)))
                reader = found.to_arrow_reader(batch_rows)
            try:
                yield self._frames(reader, late)
            finally:
                reader.close()

    def _frames(self, reader: Any, late: Event) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame(reader.schema.empty_table())
        while True:
            with self._statement(late):
                batch = next(reader, None)
            if batch is None:
                return
            yield frame(batch)

    @contextmanager
    def _statement(self, late: Event | None = None) -> Iterator[None]:
        """One statement, or one more batch of one whose deadline is another's matter."""
        with ExitStack() as held:
            late = held.enter_context(self._deadline()) if late is None else late
            over = self._under_way = Event()
            held.callback(over.set)
            if self._cancelled:
                raise Cancelled(f"{self.label}: stopped on request")
            try:
                with told(self.label):
                    yield
            except Cancelled:
                if late.is_set() and not self._cancelled:
                    raise self._too_long() from None
                raise
            except DataError as error:
                if error.hint != MORE or not self.is_narrow:
                    raise
                self.lift()
                again = "what is tried again has most of the memory there is; to have it at once, "
                raise TransientError(error.message, hint=again + MORE) from error
            if late.is_set() and not self._cancelled:
                raise self._too_long()

    @contextmanager
    def _deadline(self) -> Iterator[Event]:
        """Interrupt what is under way when the time is over; DuckDB has no such setting."""
        late, over = Event(), Event()

        def interrupt() -> None:
            late.set()
            self._interrupt(over)

        timer = Timer(self._timeout_s, interrupt) if self._timeout_s else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            yield late
        finally:
            over.set()
            if timer is not None:
                timer.cancel()

    def _interrupt(self, over: Event) -> None:
        """Interrupt what is under way until it has ended: DuckDB forgets an interruption that comes
        before a statement has begun."""
        while not over.is_set():
            self._connection.interrupt()
            over.wait(_AGAIN_S)

    def _too_long(self) -> HyggeError:
        return TransientError(
            f"{self.label}: a statement took longer than {self._timeout_s:g} seconds",
            hint="raise `statement_timeout`",
        )

    def cancel(self) -> None:
        self._cancelled = True
        if (over := self._under_way) is not None and not over.is_set():
            self._connection.interrupt()
            Thread(target=self._interrupt, args=(over,), name="interrupt", daemon=True).start()

    def close(self) -> None:
        self.filled()
        self.appended()
        self._connection.close()


def _long_bytes(rows: pl.DataFrame) -> int:
    """How much there is in columns whose values are long."""
    sizes = (int(column.estimated_size()) for column in rows)
    return sum(size for size in sizes if size > _LONG * rows.height)


def _raise(connection: duckdb.DuckDBPyConnection, path: str, kb: int) -> None:
    """Set the limit of a file to so much, or to what it is already, where that is more, or none."""
    with _guard:
        if path not in _lifted:  # by another thread, since it was looked up
            _rooms[path] = max(kb, _rooms.get(path, 0))
            connection.execute(f"SET memory_limit = '{_rooms[path]}KiB'")


def _check(path: Path, *, writing: bool) -> None:
    """Raise ConnectError for a path that no DuckDB file is at or can be made at. It is looked at,
    never opened: that would drop the locks that this process has on it."""
    with telling(str(path)):
        if writing:
            path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            raise ConnectError(f"{path} is a folder", hint="choose the path of a file")
        if not path.is_file():
            if writing:
                return
            raise ConnectError(f"there is no DuckDB file {path}", hint="check the path")
