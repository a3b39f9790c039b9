"""One attempt's reading of a table, a view or a query, over one leased connection.

What holds for every database; each adds its catalogue, its clock and what it can do better.
"""

from __future__ import annotations

import threading
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, ClassVar

import polars as pl

from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.fields import LogicalType, Schema
from hygge.core.home import Table
from hygge.core.reading import HomeSession
from hygge.core.watermark import Position, Window
from hygge.sql.dialect import Dialect
from hygge.sql.link import Link
from hygge.sql.placeholders import CHUNK
from hygge.sql.pool import Lease
from hygge.sql.queries import bounded, described, need_chunks
from hygge.sql.ranges import Range
from hygge.sql.relation import OWN, Column, Relation, not_there
from hygge.sql.select import columns_sql, in_range, in_window, where
from hygge.sql.source import Source


class SQLSession(HomeSession):
    """One attempt's reading.

    A read transaction, where the database has them, begins with the first question (`begin`), so
    that all is answered from one snapshot.

    Parameters
    ----------
    lease: the connection; given back with the session.
    source: what is to be read.
    context: of the attempt.
    """

    settled_numbers = False
    dialect: Dialect
    counting: ClassVar[str] = "count(*)"
    """What counts rows, however many there are."""

    def __init__(self, lease: Lease, source: Source, context: Context) -> None:
        self._lease, self._source, self._context = lease, source, context
        self._begun = self._reading = self._closed = False
        self._guard = threading.Lock()
        self._found: Relation | None = None
        self._fields: Schema | None = None

    # What each database says for itself -----------------------------------------------------------

    @abstractmethod
    def find(self, schema: str, name: str) -> Relation | None:
        """A table or view, its columns, keys and estimates; None where there is none.

        Parameters
        ----------
        schema: as configured; "" for where the database itself would look.
        name: `users`; also `sales.users` where `schema` is "".
        """

    @abstractmethod
    def describe(self, query: str) -> Sequence[Column]:
        """The columns of a query, found without running it."""

    @abstractmethod
    def relations(self) -> Sequence[Relation]:
        """Every table and view that is a person's own, in one pass over the catalogue."""

    def begin(self, snapshot: str) -> None:
        """Open the read transaction, in the snapshot that another session shares, if one is named.

        Called once, before anything else is asked.
        """

    def clock(self) -> datetime | None:
        """The server's clock, aware; see HomeSession and `settled_clock`."""
        return None

    def split_table(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Chunks of a table; by ranges of its key unless the database knows better."""
        return (WHOLE,)

    def window_condition(self, window: Window) -> str:
        """The condition for the rows of a window; "" for all."""
        return in_window(self.dialect, window)

    def chunk_condition(self, request: ReadRequest, chunk: Chunk) -> str:
        """The condition for a chunk's rows, from its bounds; "" for all.

        The bounds `key`, `from` and `below` are a key's columns and literals for the first of
        them, `nulls` says that rows without a key belong to it; a database that splits in another
        way adds its own.
        """
        bounds = chunk.bounds
        if "key" not in bounds:
            return ""
        names = [self.dialect.quote(name) for name in bounds["key"]]
        inside = in_range(names, bounds.get("from"), bounds.get("below"))
        return f"{inside} OR {names[0]} IS NULL" if inside and bounds.get("nulls") else inside

    def stream(
        self, statement: str, request: ReadRequest
    ) -> AbstractContextManager[Iterator[pl.DataFrame]]:
        """The rows of a statement as the link gives them; see `Link.stream`."""
        return self._lease.link.stream(statement, request.batch_rows)

    def frame(self, batch: pl.DataFrame) -> pl.DataFrame:
        """A batch of the driver's types with values that fit the fields; often as it is."""
        return batch

    # What holds for all ---------------------------------------------------------------------------

    @property
    def link(self) -> Link:
        """The connection, once the read transaction has begun."""
        self._enter("")
        return self._lease.link

    def _enter(self, snapshot: str) -> None:
        if not self._begun:
            self._begun = True
            self.begin(snapshot)

    @property
    def relation(self) -> Relation:
        """What is read. Raises ConfigError, with the near miss, where it is not there."""
        if self._found is None:
            self._enter("")
            source = self._source
            if source.query:
                columns = tuple(self.describe(described(source, self.dialect)))
                self._found = Relation("", "", "query", columns)
            else:
                found = self.find(source.schema, source.table)
                if found is None:
                    known = [f"{r.schema}.{r.name}" if r.schema else r.name
                             for r in self.relations()]  # fmt: skip
                    raise not_there(source.label, known, source.where)
                self._found = found
                if found.filtered:
                    self._context.note(
                        f"{source.label}: row security may hide rows of it from who reads: they "
                        "are not moved, and taken for gone where that is looked for",
                        "warning",
                    )
        return self._found

    def schema(self) -> Schema:
        """All fields, as the catalogue declares them. Raises ConfigError."""
        if self._fields is None:
            self._fields = self.relation.schema_of(self._source.types, entity=self._source.label)
        return self._fields

    def tables(self) -> Sequence[Table]:
        """Every table and view, with its fields."""
        self._enter("")
        return [r.table() for r in self.relations() if not r.name.startswith(OWN)]

    def statement(self, request: ReadRequest, chunk: Chunk) -> str:
        """The SELECT that brings a chunk."""
        names = request.columns or tuple(self.schema().names)
        wanted = columns_sql(self.dialect, (self.relation[name] for name in names))
        return f"SELECT {wanted} FROM {self.rows_sql(request, chunk)}"

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows of a chunk; see HomeSession."""
        self._enter(request.snapshot)
        statement = self.statement(request, chunk)
        self._reading = True
        with self.stream(statement, request) as batches:
            for batch in batches:
                self._context.cancel.check()
                yield self.frame(batch)
        self._reading = False

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count a chunk's rows, in the snapshot that is read."""
        self._enter(request.snapshot)
        return int(self.link.row(f"SELECT {self.counting} FROM {self.rows_sql(request, chunk)}")[0])

    def estimate(self, request: ReadRequest) -> Estimate:
        """As the catalogue has it, of the whole table; unknown for views, queries, and windows but
        the first, which has nearly all."""
        later = request.window is not None and request.window.lower is not None
        if later or self._source.condition or self._source.query:
            return Estimate()
        return Estimate(rows=self.relation.rows, bytes=self.relation.bytes)

    def maximum(self, column: str) -> Position | None:
        """The largest value; see HomeSession."""
        return self.position(column, "max")

    def position(self, column: str, function: str) -> Position | None:
        """`min` or `max` of a column, as a position of its type."""
        name, kind = self.dialect.quote(column), self.schema()[column].type
        whole = ReadRequest(window=Window(column, kind, None, None))
        rows = self.rows_sql(whole, WHOLE)
        (value,) = self.link.row(f"SELECT {function}({name}) FROM {rows}")
        return None if value is None else as_position(value, self.schema()[column].type)

    def nulls(self, column: str) -> int | None:
        """Count the rows without a value in a column; unknown of a query, which has its own say."""
        if self._source.query:
            return None
        if not self.schema()[column].nullable:
            return 0
        rows = self.rows_sql(ReadRequest(), WHOLE, f"{self.dialect.quote(column)} IS NULL")
        return int(self.link.row(f"SELECT {self.counting} FROM {rows}")[0])

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Up to `parts` chunks; see HomeSession.

        Raises ConfigError for a query without the placeholders that its chunks need.
        """
        if parts < 2:
            return (WHOLE,)
        if self._source.query:
            need_chunks(self._source, self.dialect)
        found = self.split_table(request, parts)
        return [replace(c, lasting=c.lasting or "key" in c.bounds) for c in found]

    def chunk_of(self, index: int, column: str, bounds: Range, label: str, rows: int) -> Chunk:
        """The chunk of a range of a column's whole numbers, for a table or a query.

        A table's rows without such a number go with the first one.
        """
        if self._source.query:
            found: dict[str, Any] = dict(zip(CHUNK, bounds, strict=True))
        else:
            low, high = ([str(bound)] if bound is not None else None for bound in bounds)
            found = {"key": [column], "from": low, "below": high, "nulls": low is None}
        return Chunk(index, label, found, rows, lasting=True)

    def rows_sql(self, request: ReadRequest, chunk: Chunk, *also: str) -> str:
        """What stands after FROM, for the rows of a window and a chunk that meet conditions."""
        source = self._source
        if source.query:
            query = bounded(source, self.dialect, request, chunk, self.schema)
            return f"({query}\n) hygge_query{where(source.condition, *also)}"
        window = self.window_condition(request.window) if request.window else ""
        chosen = self.chunk_condition(request, chunk)
        return self.from_sql(chunk) + where(source.condition, window, chosen, *also)

    def from_sql(self, chunk: Chunk) -> str:
        """What a chunk's rows are chosen from: the table, unless the database knows better."""
        relation = self.relation
        return ".".join(self.dialect.quote(n) for n in (relation.schema, relation.name) if n)

    def cancel(self) -> None:
        with self._guard:  # once it is given back, the connection is somebody else's
            if not self._closed:
                self._lease.link.cancel()

    def close(self) -> None:
        """Give the connection back; one in the middle of a result is closed."""
        with self._guard:
            self._closed = True
        self._lease.release(broken=self._reading or self._context.cancel.cancelled)


def as_position(value: Any, kind: LogicalType) -> Position:
    """A value as a driver gives it, as a position of a column's type.

    Raises ValueError for one that is none.
    """
    if kind.is_integer:
        return int(value)
    if kind.kind == "decimal":
        return value if isinstance(value, Decimal) else Decimal(str(value))
    if isinstance(value, datetime):
        moment = value
    elif isinstance(value, date):
        moment = datetime(value.year, value.month, value.day)
    else:
        moment = datetime.fromisoformat(str(value))
    if kind.kind == "date":
        return moment.date()
    if kind.zone is None:
        return moment.replace(tzinfo=None)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
