"""Reading PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import cast

import polars as pl

from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.errors import ConfigError, ConnectError, DataError
from hygge.core.fields import LogicalType
from hygge.core.watermark import Position
from hygge.sql.cuts import SAMPLE, by_bounds, by_keys, quantiles
from hygge.sql.dialect import literal
from hygge.sql.placeholders import CHUNK, placeholders
from hygge.sql.postgres import catalogue, split
from hygge.sql.postgres.clock import READS, Clock, read_clock
from hygge.sql.postgres.frames import Fit
from hygge.sql.postgres.link import PostgresLink
from hygge.sql.postgres.types import AS_JSON, DIALECT, TEXT
from hygge.sql.postgres.versions import versions_sql
from hygge.sql.queries import chunk_key, chunk_type
from hygge.sql.relation import Column, Relation, by_column, meanings
from hygge.sql.session import SQLSession

FEW = 4
"""A window of less than one in so many rows is read in one piece, by an index if there is one:
cut by pages, every chunk would read all of its own."""


class PostgresSession(SQLSession):
    """One attempt's reading of PostgreSQL, in one transaction, which is one snapshot."""

    dialect = DIALECT
    consistency = "one snapshot"
    _clock: Clock | None = None
    _oid = 0
    _lenient = False
    _known_parts: list[split.Part] | None = None
    _counted: tuple[ReadRequest, Chunk, int, str | None] | None = None

    @property
    def postgres(self) -> PostgresLink:
        """The connection, as what it is."""
        return cast(PostgresLink, self.link)

    def begin(self, snapshot: str) -> None:
        """Open the transaction, and read the clock just before; see `clock`."""
        link = self._lease.link
        if not snapshot:
            self._clock = read_clock(link)
            self.settled_clock = self._clock.settled
        name = link.row("SELECT current_setting('application_name')")[0]
        begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        link.execute(f"{begin}; SET LOCAL application_name = {literal(name[:50] + READS)}")
        if snapshot:
            link.execute(f"SET TRANSACTION SNAPSHOT {literal(snapshot)}")

    def share(self) -> str:
        """See HomeSession; "" where the server refuses, which `consistency` then says."""
        link = self.link
        try:
            return str(link.row("SELECT pg_export_snapshot()")[0])
        except (ConfigError, ConnectError, DataError) as error:
            self.consistency = f"one snapshot, which cannot be shared ({error.message})"
            link.execute("ROLLBACK")
            self.begin("")
            return ""

    def clock(self) -> datetime | None:
        """The server's, held below what open transactions may still write; see `clock.py`."""
        self._enter("")
        return self._clock.at if self._clock else None

    def zone(self) -> str:
        """See HomeSession: what sessions have that set none, as this database and role say."""
        return str(self.link.row("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'")[0])

    def who(self) -> str:
        return self.postgres.who()

    # The catalogue --------------------------------------------------------------------------------

    def find(self, schema: str, name: str) -> Relation | None:
        for inside, table in meanings(schema, name):
            found = list(catalogue.relations_of(self.link.rows(catalogue.one_sql(inside, table))))
            if found:
                ((self._oid, relation),) = found
                return replace(relation, columns=self._declared(relation.columns))
        return None

    def relations(self) -> Sequence[Relation]:
        return [r for _, r in catalogue.relations_of(self.link.rows(catalogue.every_sql()))]

    def describe(self, query: str) -> Sequence[Column]:
        described = self.postgres.describe(query)
        names = [name for name, _ in described]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"the query has two columns called '{twice}'", hint="name one of them with AS"
            )
        inner = [f"c{number}" for number in range(len(names))]
        rows = f"({query}\n) AS hygge_query ({', '.join(inner)})"
        sql = catalogue.types_sql([f"q.{c}" for c in inner], rows, [m for _, m in described])
        types = self.link.rows(sql)
        columns = [catalogue.column(name, *row) for name, row in zip(names, types, strict=True)]
        return self._declared(columns)

    def _declared(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        """Columns that are declared as text come as the server's own text, which has all values of
        a type; those declared as JSON as the server's JSON of them. Decimals come as they are
        where the link brings such."""
        natives = {column.name: column.native for column in columns}
        kinds = by_column(self._source.types, natives, entity=self._source.label)
        return tuple(self._as(kinds.get(column.name), column) for column in columns)

    def _as(self, kind: LogicalType | None, column: Column) -> Column:
        if kind in (None, column.type) and self._is_decimal(column):
            return replace(column, fetch="")
        if kind is None or column.type is None or column.type.kind in ("string", kind.kind):
            return column
        if kind.kind in ("string", "json"):
            form = TEXT if kind.kind == "string" else AS_JSON
            return replace(column, fetch=form.replace("{}", self.dialect.quote(column.name)))
        return column

    def _is_decimal(self, column: Column) -> bool:
        """Whether the link brings it as decimals."""
        kind = column.type
        if kind is None or kind.kind != "decimal" or (kind.precision or 0) > self.postgres.digits:
            return False
        return column.native == f"numeric({kind.precision},{kind.scale})"

    # Reading --------------------------------------------------------------------------------------

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """See SQLSession. How many rows the server's scan has returned is kept for `count`."""
        self._enter(request.snapshot)
        self._lenient, self._counted = request.lenient, None
        before, rows = self._scanned(request), 0
        for batch in super().read(request, chunk):
            rows += batch.height
            yield batch
        after = self._scanned(request)
        if before is not None and after is not None and after - before == rows:
            self._counted = (request, chunk, rows, None)

    def _scanned(self, request: ReadRequest) -> int | None:
        """Rows that this transaction's scans of the table have returned, as the server counts them;
        None where that is not what a read of it gives."""
        chosen = self._source.condition or request.window is not None
        if chosen or self._source.query or not self._all_heap:
            return None
        told = [f"pg_stat_get_xact_tuples_returned({part.oid})" for part in self._parts]
        return int(self.link.row(f"SELECT {' + '.join(told)}")[0])

    def frame(self, batch: pl.DataFrame) -> pl.DataFrame:
        return Fit(self.schema(), self._source.label, self._lenient).apply(batch)

    def estimate(self, request: ReadRequest) -> Estimate:
        """As the catalogue has it; else, where it can be read in chunks, as the planner does."""
        known = super().estimate(request)
        query = self._source.query
        if known.rows is not None or (query and not self._chunked(query)):
            return known
        rows, width = self._planned(self.statement(request, WHOLE))
        return Estimate(rows=rows, bytes=rows * width)

    def _chunked(self, query: str) -> bool:
        return {*CHUNK} <= placeholders(query) and bool(self._source.chunk_column)

    def _planned(self, sql: str) -> tuple[int, int]:
        """How many rows the planner expects of a statement, and their width in bytes."""
        return self.postgres.planned(sql)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """See HomeSession. A scan that has just returned as many rows as came here was counted by
        the server as it went; it is asked to count again where the two differ."""
        known = self._counted
        if known is not None and known[:2] == (request, chunk):
            return known[2]
        return super().count(request, chunk)

    def fingerprint(self, request: ReadRequest, chunk: Chunk) -> str | None:
        """See HomeSession and `versions.py`; only of tables whose rows lie in heaps here."""
        self._enter(request.snapshot)
        if self._source.query or not self._all_heap:
            return None
        if self._counted is None or self._counted[:2] != (request, chunk) or not self._counted[3]:
            rows = self.rows_sql(request, chunk)
            count, digest = self.link.row(versions_sql(rows, self._parts))
            self._counted = (request, chunk, count, digest)
        return self._counted[3]

    @property
    def _all_heap(self) -> bool:
        return bool(self._parts) and all(part.heap for part in self._parts)

    def position(self, column: str, function: str) -> Position | None:
        """See SQLSession. Raises DataError for NaN, which PostgreSQL sorts above all numbers, and
        ConfigError for money, which it compares with none."""
        if self.schema()[column].origin == "money":
            raise ConfigError(
                f"{self._source.label}.{column} is money, which no number can be compared with",
                hint=f"read a query in which it is one, `{column}::numeric AS {column}`",
            )
        found = super().position(column, function)
        if isinstance(found, Decimal) and not found.is_finite():
            raise DataError(
                f"{self._source.label}.{column} holds {found}, which is no number to go on from",
                hint=f"leave such rows out: `where: \"{column} < 'NaN'\"`",
            )
        return found

    # Chunks ---------------------------------------------------------------------------------------

    @property
    def _parts(self) -> list[split.Part]:
        """What the table's rows lie in; empty where they cannot be read so."""
        if self._known_parts is None:
            kind = self.relation.kind
            rows = self.link.rows(catalogue.parts_sql(self._oid)) if self._oid else []
            parts = [split.Part(*row) for row in rows]
            whole = all(part.readable for part in parts) or kind != "partitioned table"
            self._known_parts = parts if whole else []
        return self._known_parts

    def split_table(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        source, relation = self._source, self.relation
        if source.query:
            return self._split_query(request, parts)
        if not source.chunk_column and self._parts:
            if self._is_few(request):
                return (WHOLE,)
            if relation.kind == "partitioned table":
                return split.by_parts(self._parts, parts)
            if self._parts[0].heap:
                return split.by_pages(self._parts[0].pages, parts)
        key = chunk_key(source, relation.key, self.schema())
        if not key:
            return (WHOLE,)
        nulls = any(not relation[name].required for name in key)
        return by_keys(key, quantiles(self._sample(request, key, parts), parts), nulls=nulls)

    def _is_few(self, request: ReadRequest) -> bool:
        """Whether a window has so few of the rows that an index had better find them."""
        window = request.window
        if window is None or window.lower is None:
            return False
        rows, _ = self._planned(f"SELECT FROM {self.rows_sql(request, WHOLE)}")
        return rows * FEW < (self.relation.rows or 0)

    def _sample(
        self, request: ReadRequest, key: Sequence[str], parts: int
    ) -> Sequence[tuple[str, ...]]:
        """Some keys as literals, in order: the histogram that the server keeps, or a sample."""
        relation = self.relation
        quoted = [self.dialect.quote(name) for name in key]
        if len(key) == 1:
            kept = catalogue.histogram_sql(relation.schema, relation.name, key[0], self._oid)
            found = self.link.rows(kept)
            if len(found) > parts:
                return [(bound,) for (bound,) in found]
        known = [f"{name} IS NOT NULL" for name in quoted]
        rows, _ = self._planned(f"SELECT FROM {self.rows_sql(request, WHOLE, *known)}")
        share = min(1.0, SAMPLE * parts / max(1, rows))
        chosen = self.rows_sql(request, WHOLE, *known, f"random() < {share}")
        literals = ", ".join(f"quote_literal({name}::text)" for name in quoted)
        return [
            tuple(row)
            for row in self.link.rows(
                f"SELECT {literals} FROM {chosen} ORDER BY {', '.join(quoted)}"
            )
        ]

    def _split_query(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        assert chunk_type(self._source, self.schema())  # it says what is wrong, if anything is
        name = self._source.chunk_column
        column = self.dialect.quote(name)
        rows, _ = self._planned(f"SELECT FROM {self.rows_sql(request, WHOLE)}")
        share = min(1.0, SAMPLE * parts / max(1, rows))
        chosen = self.rows_sql(request, WHOLE, f"{column} IS NOT NULL", f"random() < {share}")
        sample = self.link.rows(f"SELECT {column}::text AS bound FROM {chosen} ORDER BY {column}")
        return by_bounds([value for (value,) in sample], parts, name)

    def from_sql(self, chunk: Chunk) -> str:
        if "parts" not in chunk.bounds:
            return super().from_sql(chunk)
        there = {part.oid: part for part in self._parts}
        pieces = [piece for piece in chunk.bounds["parts"] if piece[0] in there]
        if "but" in chunk.bounds:
            pieces += [[oid, 0, None] for oid in there if oid not in chunk.bounds["but"]]
        return split.union(
            [(there[oid], low, high) for oid, low, high in pieces],
            [self.dialect.quote(c.name) for c in self.relation.columns],
            self.dialect.quote(self.relation.name), nothing=super().from_sql(chunk),
        )  # fmt: skip

    def chunk_condition(self, request: ReadRequest, chunk: Chunk) -> str:
        bounds = chunk.bounds
        if "pages" in bounds:
            return split.in_pages(*bounds["pages"])
        return super().chunk_condition(request, chunk)
