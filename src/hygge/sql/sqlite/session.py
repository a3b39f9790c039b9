"""Reading an SQLite file: one connection, one read transaction, one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import polars as pl

from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, DataError
from hygge.core.fields import Schema
from hygge.core.home import HomeSession
from hygge.core.watermark import Position
from hygge.sql.source import Source
from hygge.sql.sqlite import window
from hygge.sql.sqlite.access import Database, open_reader
from hygge.sql.sqlite.blame import blame, both
from hygge.sql.sqlite.catalogue import Relation, query_relation, quote, relation, schema_of
from hygge.sql.sqlite.columns import Asked, ask, select
from hygge.sql.sqlite.frames import ahead, carried, frame_of

BATCH_BYTES = 64 << 20
"""How large a batch may be, about: rows wider than usual make batches of fewer rows."""
MOST_BYTES = 1 << 30
"""How large a batch can be at worst. Arrow's text offsets end at 2 GiB (columnar format)."""
_SAMPLE = 1000


class Questions(Protocol):
    """What catalogue, windows and counts need of a connection."""

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]: ...
    def row(self, sql: str) -> tuple[Any, ...]: ...
    def execute(self, sql: str) -> None: ...


class SQLiteSessionBase(HomeSession):
    """What holds for every connection to SQLite: fields, windows, chunks, counts.

    Parameters
    ----------
    db: asked for all but the rows themselves.
    source: what is to be read.
    context: of the attempt.
    """

    def __init__(self, db: Questions, source: Source, context: Context) -> None:
        self._ask, self._source, self._context = db, source, context
        self._cancelled = False
        self._schema: Schema | None = None
        self._found: Relation | None = None

    @property
    def _relation(self) -> Relation:
        if self._found is None:
            rows, what = self._ask.rows, self._source
            self._found = (
                query_relation(rows, self._ask.execute, what.query, where=what.where)
                if what.query
                else relation(rows, what.table, where=what.where)
            )
        return self._found

    def schema(self) -> Schema:
        """All fields, as the catalogue declares them. Raises ConfigError, DataError."""
        if self._schema is None:
            self._schema, self.inferred = schema_of(
                self._ask.rows, self._relation, self._source.types, entity=self._source.label
            )
        return self._schema

    def _asked(self, request: ReadRequest) -> list[Asked]:
        schema = self.schema()
        return [ask(self._relation, schema[n]) for n in request.columns or schema.names]

    def _where(self, request: ReadRequest, chunk: Chunk) -> str:
        parts = []
        if request.window is not None:
            column = self.schema()[request.window.column]
            parts.append(window.condition(self._relation, column, request.window))
        rowid = self._relation.rowid
        if chunk.bounds.get("from") is not None:
            parts.append(f"{rowid} >= {int(chunk.bounds['from'])}")
        if chunk.bounds.get("below") is not None:
            parts.append(f"{rowid} < {int(chunk.bounds['below'])}")
        return " AND ".join(parts)

    def _blame(self, column: str, wrong: str, where: str) -> None:
        declared = str(self.schema()[column].type)
        blame(
            self._ask.rows, self._relation, column, wrong, declared=declared, where=where,
            entity=self._source.label,
        )  # fmt: skip

    def estimate(self, request: ReadRequest) -> Estimate:
        """Rows by the span of rowids, without touching the rows; unknown for views and windows."""
        source = self._relation
        if request.window is not None or source.kind != "table":
            return Estimate()
        if source.rowid:
            low, high = self._span()
            return Estimate(rows=0 if low is None else high - low + 1, exact=low is None)
        return Estimate(rows=self._ask.row(f"SELECT count(*) FROM {source.sql}")[0], exact=True)

    def _span(self) -> tuple[Any, Any]:
        rowid, name = self._relation.rowid, self._relation.sql
        low, high = self._ask.row(
            f"SELECT (SELECT min({rowid}) FROM {name}), (SELECT max({rowid}) FROM {name})"
        )
        return low, high

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count a chunk's rows, in the snapshot that is read where there is one."""
        where = self._where(request, chunk)
        return int(self._ask.row(f"SELECT count(*) FROM {self._relation.sql}{both(where)}")[0])

    def maximum(self, column: str) -> Position | None:
        """The largest value; see HomeSession. Raises BadValue where one cannot be compared."""
        source, found = self._relation, self.schema()[column]
        query = window.maximum_sql(source, found)
        if wrong := window.malformed(source, found):
            self._blame(column, wrong, "")
        (value,) = self._ask.row(query)
        if value is None:
            return None
        try:
            return window.position(found, value)
        except (ValueError, ArithmeticError):
            raise BadValue(
                entity=self._source.label, column=column, row="the largest", value=value,
                declared=str(found.type),
            ) from None  # fmt: skip

    def nulls(self, column: str) -> int | None:
        """Count the rows without a value in a column."""
        if not self.schema()[column].nullable:
            return 0
        query = f"SELECT count(*) FROM {self._relation.sql} WHERE {quote(column)} IS NULL"
        return int(self._ask.row(query)[0])

    def clock(self) -> datetime:
        """Now, UTC: SQLite has no clock but this machine's."""
        return datetime.now(UTC)

    def _leave_no_view(self) -> None:
        """Take the view over a query out of a connection that goes on without us."""
        if self._found is not None and self._found.schema == "temp" and self._source.query:
            self._ask.execute(f"DROP VIEW IF EXISTS {self._found.sql}")

    def cancel(self) -> None:
        """Stop before the next batch; SQLite cannot be interrupted from here within one."""
        self._cancelled = True


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
        guard, given = "", 0
        size = self._file_bytes()
        if size > BATCH_BYTES:
            rows = min(rows, max(1, BATCH_BYTES // self._usual_width(asked)))
        if size > MOST_BYTES or (self._relation.kind != "table" and size > BATCH_BYTES):
            guard = f"{_width(asked)} > {MOST_BYTES // rows}"
        try:
            for batch in self._stream(asked, where, rows, guard):
                given += batch.height
                yield batch
        except _TooWide as wide:
            rows = max(1, BATCH_BYTES // wide.bytes)
            yield from self._stream(asked, where, rows, "", skip=given)
        self._read_whole = chunk == WHOLE

    def statement(self, request: ReadRequest, chunk: Chunk) -> str:
        """The SELECT that brings a chunk; rows of more than 1 GB a batch are asked for anew."""
        return select(self._asked(request), self._relation, self._where(request, chunk))

    def _stream(
        self, asked: list[Asked], where: str, rows: int, guard: str, skip: int = 0
    ) -> Iterator[pl.DataFrame]:
        query, label = select(asked, self._relation, where, guard=guard, skip=skip), "first"
        try:
            with self._db.stream(query, rows) as reader:
                if not carried(reader.schema, asked):
                    raise DataError(f"{self._source.label}: not what its columns declare")
                for batch in ahead(reader, rows):
                    self._context.cancel.check()
                    if self._cancelled:
                        return
                    frame = frame_of(batch, asked, entity=self._source.label)
                    yield frame[1:] if label == "first" else frame
                    label = "later"
        except DataError as error:
            if isinstance(error, BadValue):
                raise
            for column in asked:
                self._blame(column.field.name, column.wrong, where)
            if guard:
                self._measure(asked, where, skip)
            raise

    def _measure(self, asked: list[Asked], where: str, skip: int) -> None:
        some = f"SELECT * FROM {self._relation.sql}{both(where)} LIMIT -1 OFFSET {skip}"
        (widest,) = self._db.row(f"SELECT max({_width(asked)}) FROM ({some})")
        raise _TooWide(widest)

    def _file_bytes(self) -> int:
        return int(
            self._db.row("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")[
                0
            ]
        )

    def _usual_width(self, asked: list[Asked]) -> int:
        some = f"SELECT * FROM {self._relation.sql} LIMIT {_SAMPLE}"
        (width,) = self._db.row(f"SELECT CAST(avg({_width(asked)}) AS INTEGER) FROM ({some})")
        return max(1, width or 1)

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Ranges of rowids of equal span; each is read in a snapshot of its own."""
        if parts < 2 or not self._relation.rowid:
            return (WHOLE,)
        low, high = self._span()
        if low is None or high - low + 1 < parts:
            return (WHOLE,)
        cuts = [low + (high - low + 1) * i // parts for i in range(1, parts)]
        ranges = zip([low, *cuts], [*cuts, high + 1], strict=True)
        return [
            Chunk(
                index=at, label=f"rowid {start} to {below - 1}", rows=below - start,
                # The outermost are open, so that together they are the whole whatever comes.
                bounds={
                    "from": start if at else None, "below": below if at < len(cuts) else None,
                },
            )
            for at, (start, below) in enumerate(ranges)
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
