"""What holds for every connection to SQLite: fields, windows, chunks, counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Protocol

from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, ConfigError
from hygge.core.fields import Schema
from hygge.core.reading import HomeSession
from hygge.core.watermark import Position, Window
from hygge.sql.placeholders import placeholders
from hygge.sql.queries import bounded, chunk_type, described
from hygge.sql.source import Source
from hygge.sql.sqlite import window
from hygge.sql.sqlite.blame import blame, both
from hygge.sql.sqlite.catalogue import Relation, query_relation, quote, relation, schema_of
from hygge.sql.sqlite.columns import Asked, ask
from hygge.sql.sqlite.types import DIALECT


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
                query_relation(rows, self._ask.execute, described(what, DIALECT), where=what.where)
                if what.query
                else relation(rows, what.table, what.schema, where=what.where)
            )
        return self._found

    def schema(self) -> Schema:
        """All fields, as the catalogue declares them. Raises ConfigError, DataError."""
        if self._schema is None:
            self._schema, self.inferred = schema_of(
                self._ask.rows, self._relation, self._source.types, entity=self._source.label,
                look=not placeholders(self._source.query),
            )  # fmt: skip
        return self._schema

    def _asked(self, request: ReadRequest) -> list[Asked]:
        schema = self.schema()
        names = request.columns or schema.names
        return [ask(self._relation, schema[n], lenient=request.lenient) for n in names]

    def _from(self, request: ReadRequest, chunk: Chunk) -> Relation:
        """What a chunk is read from: the table, or the query with its bounds in it."""
        what = self._source
        if not what.query or (request.window is None and not placeholders(what.query)):
            return self._relation
        query = bounded(what, DIALECT, request, chunk, self.schema)
        return replace(self._relation, body=f"({query}\n)")

    def _where(self, request: ReadRequest, chunk: Chunk) -> str:
        parts = [f"({self._source.condition})"] if self._source.condition else []
        if request.window is not None and not self._source.query:
            column = self.schema()[request.window.column]
            parts.append(window.condition(self._relation, column, request.window))
        name = self._source.chunk_column
        key = quote(name) if name else self._relation.rowid
        low, high = chunk.bounds.get("from"), chunk.bounds.get("below")
        if low is not None:
            parts.append(f"{key} >= {int(low)}")
        if high is not None:  # the first range has what has no number
            also = f" OR {key} IS NULL" if name and low is None else ""
            parts.append(f"({key} < {int(high)}{also})")
        return " AND ".join(parts)

    def _blame(self, source: Relation, column: str, wrong: str, where: str) -> None:
        declared = str(self.schema()[column].type)
        blame(
            self._ask.rows, source, column, wrong, declared=declared, where=where,
            entity=self._source.label,
        )  # fmt: skip

    def estimate(self, request: ReadRequest) -> Estimate:
        """Rows by the span of rowids, without touching the rows; unknown for views and windows."""
        source = self._relation
        if request.window is not None or source.kind != "table" or self._source.condition:
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

    def _ends(self, request: ReadRequest) -> tuple[Any, Any]:
        """The least and the largest number by which it is split."""
        name = self._source.chunk_column
        if not name:
            return self._span()
        if not chunk_type(self._source, self.schema()).is_integer:
            raise ConfigError(
                f"`chunk_column: {name}` holds no whole numbers", hint="choose one that does"
            )
        source, column = self._from(request, WHOLE), quote(name)
        low, high = self._ask.row(
            f"SELECT (SELECT min({column}) FROM {source.sql}), "
            f"(SELECT max({column}) FROM {source.sql})"
        )
        return low, high

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count a chunk's rows, in the snapshot that is read where there is one."""
        return int(self._ask.row(self._counting_sql(request, chunk))[0])

    def _counting_sql(self, request: ReadRequest, chunk: Chunk) -> str:
        source, where = self._from(request, chunk), self._where(request, chunk)
        return f"SELECT count(*) FROM {source.sql}{both(where)}"

    def maximum(self, column: str) -> Position | None:
        """The largest value; see HomeSession. Raises BadValue where one cannot be compared."""
        found = self.schema()[column]
        whole = ReadRequest(window=Window(column, found.type, None, None))
        source, where = self._from(whole, WHOLE), self._source.condition
        query = window.maximum_sql(source, found) + both(where)
        if wrong := window.malformed(source, found):
            self._blame(source, column, wrong, where)
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
        """Count the rows without a value in a column; unknown of a query, which has its own say."""
        if self._source.query:
            return None
        if not self.schema()[column].nullable:
            return 0
        without = both(f"{quote(column)} IS NULL", self._source.condition)
        return int(self._ask.row(f"SELECT count(*) FROM {self._relation.sql}{without}")[0])

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
