"""Reading an SQLite file: one connection, one read transaction, one snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, DataError, HyggeError
from hygge.core.fields import LogicalType, Schema
from hygge.core.home import HomeSession
from hygge.core.watermark import Position
from hygge.sql.sqlite import window
from hygge.sql.sqlite.access import open_reader
from hygge.sql.sqlite.catalogue import Relation, query_relation, quote, relation, schema_of
from hygge.sql.sqlite.columns import Asked, ask, select
from hygge.sql.sqlite.decimals import plain

if TYPE_CHECKING:
    import pyarrow as pa

BATCH_BYTES = 64 << 20
"""How large a batch may be, about: rows wider than usual make batches of fewer rows."""
MOST_BYTES = 1 << 30
"""How large a batch can be at worst. Arrow's text offsets end at 2 GiB (columnar format)."""
_SAMPLE = 1000


@dataclass(frozen=True)
class Source:
    """What is to be read.

    Parameters
    ----------
    path: the file, absolute.
    table: a table or view, `users` or `main.users`; "" where there is a query.
    query: a SELECT; "" where there is a table.
    types: types declared in the configuration, by column.
    """

    path: Path
    table: str = ""
    query: str = ""
    types: Mapping[str, LogicalType] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The name used in errors."""
        return self.table or "query"


class SQLiteSession(HomeSession):
    """One attempt's reading of a table, a view or a query.

    The read transaction begins with the first question and ends when the rows have been read and
    counted, or at `close()`: without write-ahead logging it keeps writers from committing.
    """

    consistency = "one snapshot"

    def __init__(self, source: Source, context: Context) -> None:
        self._source, self._context = source, context
        self._cancelled = False
        self._read_whole = False
        self._schema: Schema | None = None
        self._relation: Relation | None = None
        self._db = open_reader(source.path)
        try:
            self._db.execute("BEGIN")
        except BaseException:
            self._db.close()
            raise

    def schema(self) -> Schema:
        """All fields, as the catalogue declares them. Raises ConfigError, DataError."""
        if self._schema is None:
            self._schema, self.inferred = schema_of(
                self._db.rows, self._from(), self._source.types, entity=self._source.label
            )
        return self._schema

    def _from(self) -> Relation:
        if self._relation is None:
            rows, where = self._db.rows, str(self._source.path)
            if self._source.query:
                self._relation = query_relation(
                    rows, self._db.execute, self._source.query, where=where
                )
            else:
                self._relation = relation(rows, self._source.table, where=where)
        return self._relation

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows of a chunk, in the file's order; see HomeSession.

        Raises BadValue for a value of a storage class that its declared type does not have.
        """
        schema, source = self.schema(), self._from()
        names = request.columns or tuple(schema.names)
        asked = [ask(source, schema[name]) for name in names]
        where = self._where(request, chunk)
        rows = request.batch_rows
        guard = ""
        if self._db.path.stat().st_size > BATCH_BYTES:
            rows = min(rows, max(1, BATCH_BYTES // self._usual_width(asked)))
            guard = f"{_width(asked)} > {MOST_BYTES // rows}"
        given = 0
        try:
            for batch in self._stream(asked, where, rows, guard):
                given += batch.height
                yield batch
        except _TooWide as wide:
            for batch in self._stream(asked, where, max(1, BATCH_BYTES // wide.bytes), "", given):
                yield batch
        self._read_whole = chunk == WHOLE

    def _stream(
        self, asked: list[Asked], where: str, rows: int, guard: str, skip: int = 0
    ) -> Iterator[pl.DataFrame]:
        query = select(asked, self._from(), where, extra_guard=guard)
        if skip:
            query += f" LIMIT -1 OFFSET {skip + 1}"
        try:
            with self._db.stream(query, rows) as reader:
                self._check_carriers(reader.schema, asked)
                first = not skip
                for batch in reader:
                    self._context.cancel.check()
                    if self._cancelled:
                        return
                    frame = _frame(batch, asked, self._source.label)
                    yield frame[1:] if first else frame
                    first = False
        except HyggeError as error:
            if self._cancelled or not isinstance(error, DataError | _Mismatch):
                raise
            self._accuse(asked, where, guard, skip)
            raise

    def _check_carriers(self, got: pa.Schema, asked: list[Asked]) -> None:
        """Within the first batch the driver widens types instead of failing."""
        import pyarrow as pa

        wanted = {
            "integer": pa.int64(), "real": pa.float64(), "text": pa.string(), "blob": pa.binary(),
        }  # fmt: skip
        if [f.type for f in got] != [wanted[a.carrier] for a in asked]:
            raise _Mismatch(f"{self._source.label}: values do not fit their declared types")

    def _accuse(self, asked: list[Asked], where: str, guard: str, skip: int) -> None:
        """Find the value that stopped the read and raise BadValue for it; return if none did."""
        for column in asked:
            self._accuse_one(column.field.name, column.wrong, str(column.field.type), where)
        if guard:
            limit = f"LIMIT -1 OFFSET {skip}"
            inner = f"SELECT * FROM {self._from().sql}{_and('', where)} {limit}"
            (widest,) = self._db.row(f"SELECT max({_width(asked)}) FROM ({inner})")
            raise _TooWide(widest)

    def _accuse_one(self, name: str, wrong: str, declared: str, where: str) -> None:
        source, column = self._from(), quote(name)
        key = [c.name for c in sorted(source.columns, key=lambda c: c.key) if c.key]
        marks = [(k, quote(k)) for k in key] or ([("rowid", source.rowid)] if source.rowid else [])
        shown = ", ".join(f"quote({sql})" for _, sql in marks) or "'?'"
        value = f"substr(quote({column}), 1, 200)"
        found = self._db.rows(
            f"SELECT CAST({value} AS BLOB), typeof({column}), {shown} FROM {source.sql}"
            f"{_and(wrong, where)} LIMIT 1"
        )
        if not found:
            return
        raw, stored, *at = found[0]
        row = ", ".join(f"{n}={v}" for (n, _), v in zip(marks, at, strict=False)) or "some row"
        raise BadValue(
            entity=self._source.label, column=name, row=row,
            value=_Stored(raw.decode(errors="backslashreplace"), stored), declared=declared,
            hint=_hint(name, stored, declared),
        )  # fmt: skip

    def _usual_width(self, asked: list[Asked]) -> int:
        some = f"SELECT * FROM {self._from().sql} LIMIT {_SAMPLE}"
        (width,) = self._db.row(f"SELECT CAST(avg({_width(asked)}) AS INTEGER) FROM ({some})")
        return max(1, width or 1)

    def _where(self, request: ReadRequest, chunk: Chunk) -> str:
        parts = []
        if request.window is not None:
            column = self.schema()[request.window.column]
            parts.append(window.condition(self._from(), column, request.window))
        rowid = self._from().rowid
        if chunk.bounds.get("from") is not None:
            parts.append(f"{rowid} >= {int(chunk.bounds['from'])}")
        if chunk.bounds.get("below") is not None:
            parts.append(f"{rowid} < {int(chunk.bounds['below'])}")
        return " AND ".join(parts)

    def estimate(self, request: ReadRequest) -> Estimate:
        """Rows by the span of rowids, without touching the rows; unknown for views and windows."""
        source = self._from()
        if request.window is not None or source.kind == "view":
            return Estimate()
        if source.rowid:
            (span,) = self._db.row(
                f"SELECT (SELECT max({source.rowid}) FROM {source.sql}) - "
                f"(SELECT min({source.rowid}) FROM {source.sql}) + 1"
            )
            return Estimate(rows=span or 0, exact=not span)
        return Estimate(rows=self._db.row(f"SELECT count(*) FROM {source.sql}")[0], exact=True)

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Ranges of rowids of equal span; each is read in a snapshot of its own."""
        source = self._from()
        if parts < 2 or not source.rowid:
            return (WHOLE,)
        low, high = self._db.row(
            f"SELECT (SELECT min({source.rowid}) FROM {source.sql}), "
            f"(SELECT max({source.rowid}) FROM {source.sql})"
        )
        if low is None or high - low + 1 < parts:
            return (WHOLE,)
        cuts = [low + (high - low + 1) * i // parts for i in range(1, parts)]
        starts: list[int | None] = [None, *cuts]
        ends: list[int | None] = [*cuts, None]
        self.consistency = "one snapshot a chunk"
        return [
            Chunk(
                index=at,
                label=f"rowid {start if start is not None else low} to {(end or high + 1) - 1}",
                bounds={"from": start, "below": end},
                rows=(high + 1 if end is None else end) - (low if start is None else start),
            )
            for at, (start, end) in enumerate(zip(starts, ends, strict=True))
        ]

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count in the snapshot that was read; counting after reading all of it ends it."""
        (rows,) = self._db.row(
            f"SELECT count(*) FROM {self._from().sql}{_and('', self._where(request, chunk))}"
        )
        if self._read_whole:
            self._read_whole = False
            self._db.execute("COMMIT")
            self._db.execute("BEGIN")
        return int(rows)

    def maximum(self, column: str) -> Position | None:
        """The largest value; see HomeSession. Raises BadValue where one cannot be compared."""
        source, found = self._from(), self.schema()[column]
        query = window.maximum_sql(source, found)
        if wrong := window.malformed(source, found):
            self._accuse_one(column, wrong, str(found.type), "")
        (value,) = self._db.row(query)
        if value is None:
            return None
        try:
            return window.position(found, value)
        except (ValueError, ArithmeticError):
            raise BadValue(
                entity=self._source.label, column=column, row="the largest", value=value,
                declared=str(found.type),
            ) from None  # fmt: skip

    def clock(self) -> datetime:
        """Now, UTC: SQLite has no clock but this machine's."""
        return datetime.now(UTC)

    def cancel(self) -> None:
        """Stop before the next batch; the driver cannot interrupt SQLite within one."""
        self._cancelled = True

    def close(self) -> None:
        self._db.close()


class _Mismatch(DataError):
    pass


class _TooWide(Exception):
    def __init__(self, width: int) -> None:
        self.bytes = max(1, width)


class _Stored:
    """A value as an SQL literal, with its storage class, for an error."""

    def __init__(self, text: str, stored: str) -> None:
        self._text, self._stored = text, stored

    def __repr__(self) -> str:
        return f"{self._text} ({self._stored})"


def _frame(batch: pa.RecordBatch, asked: list[Asked], entity: str) -> pl.DataFrame:
    """A batch with the source's names. Text comes as bytes, since SQLite does not check it."""
    import pyarrow as pa

    columns = []
    for array, column in zip(batch.columns, asked, strict=True):
        if column.carrier != "text":
            values = pl.Series(column.field.name, array)
            if column.field.type.kind == "duration":
                values = values.cast(column.field.type.physical)  # it counts that very unit
            columns.append(values)
            continue
        raw = pl.Series(column.field.name, array.view(pa.binary()))
        text = raw.cast(pl.String, strict=False)
        if text.null_count() != raw.null_count():
            bad = raw.filter(text.is_null() & raw.is_not_null())[0]
            raise BadValue(
                entity=entity,
                column=column.field.name,
                row="one row",
                value=bad,
                declared=f"{column.field.type}, being no UTF-8",
            )
        columns.append(plain(text) if column.field.type.kind == "decimal" else text)
    return pl.DataFrame(columns)


def _width(asked: list[Asked]) -> str:
    """The bytes of a row, but for its numbers, which are few."""
    wide = [quote(a.field.name) for a in asked if a.carrier in ("text", "blob")]
    return " + ".join(["8", *(f"ifnull(octet_length({name}), 0)" for name in wide)])


def _and(wrong: str, where: str) -> str:
    parts = [f"({part})" for part in (wrong, where) if part]
    return f" WHERE {' AND '.join(parts)}" if parts else ""


def _hint(column: str, stored: str, declared: str) -> str | None:
    if stored in ("integer", "real") and declared.startswith(("timestamp", "date", "time")):
        other = "int64" if stored == "integer" else "float64"
        return (
            "times kept as numbers are not guessed at: take them as they are with "
            f"`types: {{{column}: {other}}}`"
        )
    return None
