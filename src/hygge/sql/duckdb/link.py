"""One open connection to DuckDB."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from itertools import chain
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any, Self

import duckdb
import polars as pl
import pyarrow as pa

from hygge.core.errors import (
    Cancelled,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.memory import give_back
from hygge.core.telling import telling
from hygge.sql.duckdb.errors import MORE, told
from hygge.sql.duckdb.frames import frame
from hygge.sql.duckdb.room import Room
from hygge.sql.link import Link

_LONG, _LONG_KB = 8 << 10, 50_000
"""Values of so many bytes in the mean of a batch are long, and so much of them needs more memory:
DuckDB holds those of a part of a table, some ten thousand rows, all at once as it commits them."""
_BLOCKS = 300 << 10
"""What the C library maps alone is from here on where tables are changed, larger than the blocks of
256 KB that DuckDB takes from it and gives back for every few rows of an index: of a table with two,
50,000 rows were replaced in 1.2 s instead of 6."""
_AGAIN_S = 0.1
"""How long after an interruption the next one comes, if what is under way goes on."""


class DuckDBLink(Link):
    """A connection; threads share a database by cursors of it, each of which is one of these."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, label: str, room: Room, timeout_s: float = 0
    ) -> None:
        self._connection, self.label, self._timeout_s = connection, label, timeout_s
        self.room, self._cancelled = room, False
        self._under_way: Event | None = None  # set once the statement under way has ended
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
        memory: how much DuckDB may use, e.g. `4GB`; None for what `Room` gives it. Left to itself
            it keeps all blocks that it has read or written, 1.3 GB of a table of 10 M rows.
        """
        remote = path.startswith("md:")
        if not remote:
            _check(Path(path), writing=writing)
        if writing:
            give_back(_BLOCKS)
        else:
            give_back()
        config: dict[str, Any] = {"motherduck_token": token} if token else {}
        with told(path):
            try:
                opened = duckdb.connect(path, read_only=not (remote or writing), config=config)
                room = Room(opened, path, fixed=remote or memory is not None)
                if memory and not remote:
                    opened.execute(f"SET memory_limit = '{memory}'")
                room.begin(writing=writing)
            except duckdb.ConnectionException:  # this process has it open to write already
                opened = duckdb.connect(path, config=config)
                room = Room(opened, path, fixed=remote or memory is not None)
            # In a notebook, and in a process started for work, DuckDB would draw its own.
            opened.execute("SET enable_progress_bar = false")
            return cls(opened, path, room, timeout_s)

    def filled(self) -> None:
        """The transaction is over, and with it what is held of the tables that it filled."""
        self._long_kb = 0
        self.room.filled()

    def execute(self, sql: str) -> None:
        with self._statement():
            self._connection.execute(sql)

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self._statement():
            found: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
            return found

    def append(self, table: str, batches: Iterable[pl.DataFrame]) -> int:
        """Append frames, at least one, to a table as they come, column by column's name, in any
        order; returns how many rows it took. What taking a frame raises is raised.

        They go in as one statement. Since rows need not stay in order, each of DuckDB's threads
        makes up parts of the table by itself, as large as they are to be, and within the limit of
        memory: 10 M rows that lay ready went in in 9.5 s, on two processors. It was 17.9 s by a
        statement and one thread for each 10,000, and 20.3 s where two threads keep the order.
        """
        failed: list[BaseException] = []
        frames = iter(batches)
        first = next(frames)
        self.room.to_fill(table, first.width)
        # Found by its name, which no table has: what is registered stays in memory until the
        # transaction ends. As a stream, a batch goes as soon as it was read.
        _hygge_rows = pa.RecordBatchReader.from_batches(
            _arrow(first.clear()).schema, self._pieces(chain([first], frames), failed)
        )
        try:
            with self._statement():
                done = self._connection.execute(
                    f"INSERT INTO {table} BY NAME SELECT * FROM _hygge_rows"
                )
                (taken,) = done.fetchone() or (0,)
        except HyggeError:
            if failed:
                raise failed[0] from None
            raise
        return int(taken)

    def _pieces(self, frames: Iterable[pl.DataFrame], failed: list[BaseException]) -> Iterator[Any]:
        """Arrow's batches, and what went wrong: DuckDB tells that in its own words."""
        try:
            for rows in frames:
                self._long_kb += _long_bytes(rows) / 1024
                if self._long_kb > _LONG_KB:
                    self.room.lift(for_good=True)
                yield from _arrow(rows.rechunk()).to_batches()  # one, that one thread takes
        except BaseException as error:
            failed.append(error)
            raise

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self._deadline() as late, ExitStack() as held:
            with self._statement(late):
                found = self._connection.sql(sql)
                held.enter_context(self.room.to_read(len(found.columns)))
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
                if error.hint != MORE or not self.room.is_given:
                    raise
                self.room.lift(for_good=True)
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
        self._connection.close()


def _arrow(rows: pl.DataFrame) -> Any:
    return rows.to_arrow(compat_level=pl.CompatLevel.newest())


def _long_bytes(rows: pl.DataFrame) -> int:
    """How much there is in columns whose values are long."""
    sizes = (int(column.estimated_size()) for column in rows)
    return sum(size for size in sizes if size > _LONG * rows.height)


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
