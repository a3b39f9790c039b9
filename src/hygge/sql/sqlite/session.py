"""Reading an SQLite file: one connection, one read transaction, one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, Cancelled, DataError
from hygge.sql.placeholders import CHUNK
from hygge.sql.queries import need_chunks
from hygge.sql.ranges import range_label, range_rows, ranges_between
from hygge.sql.source import Source
from hygge.sql.sqlite.access import Database, open_reader
from hygge.sql.sqlite.base import SQLiteSessionBase
from hygge.sql.sqlite.blame import both
from hygge.sql.sqlite.catalogue import Relation, quote
from hygge.sql.sqlite.columns import Asked, select
from hygge.sql.sqlite.frames import ahead, carried, frame_of
from hygge.sql.sqlite.types import DIALECT

BATCH_BYTES = 64 << 20
"""How large a batch may be, about: rows wider than usual make batches of fewer rows."""
MOST_BYTES = 1 << 30
"""How large a batch can be at worst. Arrow's text offsets end at 2 GiB (columnar format)."""
_SAMPLE = 1000


class SQLiteSession(SQLiteSessionBase):
    """One attempt's reading of a table, a view or a query, as Arrow from the driver.

    The read transaction begins with the first question and ends when the rows have been read and
    counted, or at `close()`: without a write-ahead log it keeps writers from committing.

    Parameters
    ----------
    db: the connection, closed with the session.
    source, context: see SQLiteSessionBase.
    snapshot: whether to open a read transaction; not on a connection that may be in one already.
    """

    consistency = "one snapshot"

    def __init__(
        self, db: Database, source: Source, context: Context, *, snapshot: bool = True
    ) -> None:
        super().__init__(db, source, context)
        self._db, self._snapshot, self._read_whole = db, snapshot, False
        if snapshot:
            try:
                db.execute("BEGIN")
            except BaseException:
                db.close()
                raise

    @classmethod
    def of_file(cls, path: Path, source: Source, context: Context) -> SQLiteSession:
        """A session on a file. Raises ConnectError where it cannot be read."""
        return cls(open_reader(path), source, context)

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows of a chunk, in the file's order; see HomeSession.

        Raises BadValue for a value of a storage class that its declared type does not have.
        """
        asked, where, rows = self._asked(request), self._where(request, chunk), request.batch_rows
        source, guard, given = self._from(request, chunk), "", 0
        size = self._file_bytes()
        if size > BATCH_BYTES:
            rows = min(rows, max(1, BATCH_BYTES // self._usual_width(source, asked)))
        if size > MOST_BYTES or (self._relation.kind != "table" and size > BATCH_BYTES):
            guard = f"{_width(asked)} > {MOST_BYTES // rows}"
        try:
            for batch in self._stream(source, asked, where, rows, guard):
                given += batch.height
                yield batch
        except _TooWide as wide:
            rows = max(1, BATCH_BYTES // wide.bytes)
            yield from self._stream(source, asked, where, rows, "", skip=given)
        self._read_whole = chunk == WHOLE

    def statement(self, request: ReadRequest, chunk: Chunk) -> str:
        """The SELECT that brings a chunk; rows of more than 1 GB a batch are asked for anew."""
        return select(self._asked(request), self._relation, self._where(request, chunk))

    def _stream(
        self, source: Relation, asked: list[Asked], where: str, rows: int, guard: str,
        skip: int = 0,
    ) -> Iterator[pl.DataFrame]:  # fmt: skip
        query, label = select(asked, source, where, guard=guard, skip=skip), "first"
        try:
            with self._db.stream(query, rows) as reader:
                if not carried(reader.schema, asked):
                    raise DataError(f"{self._source.label}: not what its columns declare")
                for batch in ahead(reader, rows):
                    self._context.cancel.check()
                    if self._cancelled:
                        raise Cancelled("stopped on request")
                    frame = frame_of(batch, asked, entity=self._source.label)
                    yield frame[1:] if label == "first" else frame
                    label = "later"
        except DataError as error:
            if isinstance(error, BadValue):
                raise
            for column in asked:
                self._blame(source, column.field.name, column.wrong, where)
            if guard:
                self._measure(source, asked, where, skip)
            raise

    def _measure(self, source: Relation, asked: list[Asked], where: str, skip: int) -> None:
        some = f"SELECT * FROM {source.sql}{both(where)} LIMIT -1 OFFSET {skip}"
        (widest,) = self._db.row(f"SELECT max({_width(asked)}) FROM ({some})")
        raise _TooWide(widest)

    def _file_bytes(self) -> int:
        return int(
            self._db.row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[
                0
            ]
        )

    def _usual_width(self, source: Relation, asked: list[Asked]) -> int:
        some = f"SELECT * FROM {source.sql} LIMIT {_SAMPLE}"
        (width,) = self._db.row(f"SELECT CAST(avg({_width(asked)}) AS INTEGER) FROM ({some})")
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
        rows = super().count(request, chunk)
        if self._read_whole and self._snapshot:
            self._read_whole = False
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
        return rows

    def close(self) -> None:
        if not self._snapshot:
            self._leave_no_view()
        self._db.close()


class _TooWide(Exception):
    def __init__(self, width: int) -> None:
        self.bytes = max(1, width)


def _width(asked: list[Asked]) -> str:
    """The bytes of a row, but for its numbers, which are few."""
    wide = [quote(a.field.name) for a in asked if a.carrier in ("text", "blob")]
    return " + ".join(["8", *(f"ifnull(octet_length({name}), 0)" for name in wide)])
