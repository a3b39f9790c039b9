"""Reading an SQLite file: one connection, one read transaction, one snapshot."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from itertools import takewhile
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING

import polars as pl

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, Cancelled, DataError
from hygge.core.memory import give_back
from hygge.sql.ahead import side_by_side
from hygge.sql.placeholders import CHUNK
from hygge.sql.queries import need_chunks
from hygge.sql.ranges import range_label, range_rows, ranges_between
from hygge.sql.source import Source
from hygge.sql.sqlite import wanted
from hygge.sql.sqlite.access import Database
from hygge.sql.sqlite.base import SQLiteSessionBase
from hygge.sql.sqlite.blame import both
from hygge.sql.sqlite.catalogue import Relation
from hygge.sql.sqlite.columns import Asked, select
from hygge.sql.sqlite.frames import ahead, carried, frame_of
from hygge.sql.sqlite.readers import READERS, Reader, rolled_back
from hygge.sql.sqlite.twin import FEWEST, SPARSE, TWIN_BYTES, Answer, is_long, spans, twins_of
from hygge.sql.sqlite.types import DIALECT
from hygge.sql.sqlite.wanted import TooWide, Wanted, row_width

if TYPE_CHECKING:
    import pyarrow as pa

_SAMPLE = 1000


class SQLiteSession(SQLiteSessionBase):
    """One attempt's reading of a table, a view or a query, as Arrow from the driver.

    The read transaction begins with the first question and ends when the rows have been read and
    counted, or at `close()`: without a write-ahead log it keeps writers from committing.

    Parameters
    ----------
    db: the connection.
    source, context: see SQLiteSessionBase.
    reader: what `db` was taken from, and goes back to with the session; a read transaction then
        begins, and for a long table further ones (`twin`). None for a caller's connection, which
        may be in one already, and stays open.
    """

    consistency = "one snapshot"

    def __init__(
        self, db: Database, source: Source, context: Context, *, reader: Reader | None = None
    ) -> None:
        super().__init__(db, source, context)
        self._db, self._reader, self._read_whole = db, reader, False
        self._own, self._clean = reader is not None, not source.query  # which makes a view
        self._twins: list[Database] = []
        self._counting: Answer | None = None
        if reader is not None:
            try:
                if reader.path.stat().st_size >= TWIN_BYTES and is_long(db, source):
                    self._twins = twins_of(reader.path, db, 2)
                else:
                    db.execute("BEGIN")
            except BaseException:
                READERS.give(reader, clean=False)
                raise

    @classmethod
    def of_file(cls, path: Path, source: Source, context: Context) -> SQLiteSession:
        """A session on a file. Raises ConnectError where it cannot be read."""
        give_back()
        reader = READERS.take(path)
        return cls(reader.db, source, context, reader=reader)

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows of a chunk, in the file's order; see HomeSession.

        Raises BadValue for a value of a storage class that its declared type does not have.
        """
        asked, rows, clean = self._asked(request), request.batch_rows, self._clean
        self._clean = False  # in the middle of a statement
        source, size = self._from(request, chunk), self._file_bytes()
        if size > wanted.BATCH_BYTES:
            rows = min(rows, max(1, wanted.BATCH_BYTES // self._usual_width(source, asked)))
        guarded = size > wanted.MOST_BYTES or (source.kind != "table" and size > wanted.BATCH_BYTES)
        what = Wanted(source, asked, self._where(request, chunk), rows, guarded)
        try:
            ends = self._ends_of(request, chunk, rows)
            if ends is not None:
                what = yield from self._in_ranges(what, *ends, self._counting_sql(request, chunk))
            yield from self._stream(what)
        except TooWide as wide:
            yield from self._stream(wide.rest)
        self._read_whole, self._clean = chunk == WHOLE, clean

    def statement(self, request: ReadRequest, chunk: Chunk) -> str:
        """The SELECT that brings a chunk; rows of more than 1 GB a batch are asked for anew, and
        two connections share the work by ranges of rowids."""
        return select(self._asked(request), self._relation, self._where(request, chunk))

    def _ends_of(self, request: ReadRequest, chunk: Chunk, rows: int) -> tuple[int, int] | None:
        """The least and the largest rowid of a chunk that two connections share; else None."""
        what, source = self._source, self._relation
        other = what.query or what.condition or what.chunk_column or request.window is not None
        if not self._twins or other or source.kind != "table" or not source.rowid or rows < FEWEST:
            return None
        low, high = self._span()
        if low is None:
            return None
        first, below = chunk.bounds.get("from"), chunk.bounds.get("below")
        low = low if first is None else max(low, first)
        high = high if below is None else min(high, below - 1)
        return (low, high) if high - low >= 2 * rows else None

    def _in_ranges(
        self, what: Wanted, low: int, high: int, counting: str
    ) -> Generator[pl.DataFrame, None, Wanted]:
        """The rows by ranges of rowids, read by two connections, in order; returns what is left to
        read in one go, since few of the rowids there are taken. A third one counts them meanwhile.
        """
        idle: SimpleQueue[Database] = SimpleQueue()
        idle.put(self._db)
        idle.put(self._twins[0])
        done, dense, rowid = low - 1, True, self._relation.rowid
        self._leave_counting()

        def fetch(first: int, last: int) -> tuple[int, int, list[pa.RecordBatch]]:
            part, db = what.within(f"{rowid} BETWEEN {first} AND {last}"), idle.get()
            try:
                self._check()
                with db.stream(part.query, what.rows + 1) as reader:
                    self._check_carried(reader, what.asked)
                    return first, last, list(reader)
            finally:
                idle.put(db)

        ranges = spans(low, high, what.rows)
        calls = (partial(fetch, *ends) for ends in takewhile(lambda _: dense, ranges))
        try:
            with closing(side_by_side(calls, 2)) as parts:
                for first, last, batches in parts:
                    found = sum(batch.num_rows for batch in batches) - 1
                    dense = dense and found * SPARSE >= last - first
                    for number, batch in enumerate(batches):
                        self._check()
                        frame = frame_of(batch, what.asked, entity=self._source.label)
                        yield frame if number else frame[1:]
                    done = last
                    # Not before: a count cannot be stopped, should reading fail.
                    if self._counting is None and (done - low) * 4 >= (high - low) * 3:
                        self._counting = Answer(self._twins[1], counting)
        except DataError as error:
            raise self._told(error, what.within(f"{rowid} > {done}"), 0) from error
        return what.within(f"{rowid} > {done}")

    def _stream(self, what: Wanted) -> Iterator[pl.DataFrame]:
        given, label = 0, "first"
        try:
            with self._db.stream(what.query, what.rows) as reader:
                self._check_carried(reader, what.asked)
                for batch in ahead(reader, what.rows):
                    self._check()
                    frame = frame_of(batch, what.asked, entity=self._source.label)
                    frame = frame[1:] if label == "first" else frame
                    given, label = given + frame.height, "later"
                    yield frame
        except DataError as error:
            raise self._told(error, what, given) from error

    def _check(self) -> None:
        self._context.cancel.check()
        if self._cancelled:
            raise Cancelled("stopped on request")

    def _check_carried(self, reader: pa.RecordBatchReader, asked: Sequence[Asked]) -> None:
        if not carried(reader.schema, asked):
            raise DataError(f"{self._source.label}: not what its columns declare")

    def _told(self, error: DataError, what: Wanted, given: int) -> DataError:
        """What is to be raised for an error of the driver: the value that is wrong, if one is.

        Raises TooWide where it was a row too wide for a batch of so many.
        """
        if isinstance(error, BadValue):
            return error
        for column in what.asked:
            self._blame(what.source, column.field.name, column.wrong, what.where)
        if what.guarded:
            some = f"SELECT * FROM {what.source.sql}{both(what.where)} LIMIT -1 OFFSET {given}"
            (widest,) = self._db.row(f"SELECT max({row_width(what.asked)}) FROM ({some})")
            raise TooWide(what.narrow(widest or 0, given))
        return error

    def _file_bytes(self) -> int:
        return int(
            self._db.row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[
                0
            ]
        )

    def _usual_width(self, source: Relation, asked: list[Asked]) -> int:
        some = f"SELECT * FROM {source.sql} LIMIT {_SAMPLE}"
        (width,) = self._db.row(f"SELECT CAST(avg({row_width(asked)}) AS INTEGER) FROM ({some})")
        return max(1, width or 1)

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Ranges of equal span, of rowids or of `chunk_column`; each is read in its own snapshot.

        Raises ConfigError for a query without the placeholders that its chunks need, and for a
        column that has no whole numbers.
        """
        what = self._source
        if parts > 1 and what.query:
            need_chunks(what, DIALECT)
        if parts < 2 or not (what.chunk_column or self._relation.rowid):
            return (WHOLE,)
        name, (low, high) = what.chunk_column or "rowid", self._ends(request)
        if low is None or high - low + 1 < parts:
            return (WHOLE,)
        names = CHUNK if what.query else ("from", "below")
        # A rowid that is no column's may be another after a VACUUM (sqlite.org/lang_vacuum).
        lasting = bool(what.chunk_column or self._relation.alias)
        return [
            Chunk(
                index=at, label=range_label(name, bounds, low, high),
                bounds=dict(zip(names, bounds, strict=True)), rows=range_rows(bounds, low, high),
                lasting=lasting,
            )
            for at, bounds in enumerate(ranges_between(low, high, parts))
        ]  # fmt: skip

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count in the snapshot that was read; counting after reading all of it ends it."""
        query = self._counting_sql(request, chunk)
        asked = self._counting is not None and self._counting.query == query
        rows = self._counting.wait() if self._counting and asked else super().count(request, chunk)
        if self._read_whole and self._own:
            self._read_whole = False
            self._leave_twins()
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
        return rows

    def _leave_twins(self) -> None:
        self._leave_counting()
        for twin in self._twins:
            twin.close()
        self._twins = []

    def _leave_counting(self) -> None:
        counting, self._counting = self._counting, None
        if counting is not None:
            counting.close()

    def close(self) -> None:
        self._leave_twins()
        if not self._own:
            self._leave_no_view()
            return
        reader, self._reader = self._reader, None
        if reader is not None:
            READERS.give(reader, clean=self._clean and rolled_back(reader.db))
