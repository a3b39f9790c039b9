"""Reading PostgreSQL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import cast

import polars as pl

from hygge.core.errors import ConfigError
from hygge.core.fields import LogicalType
from hygge.sql.dialect import literal
from hygge.sql.postgres import catalogue
from hygge.sql.postgres.frames import fitting
from hygge.sql.postgres.link import PostgresLink
from hygge.sql.postgres.types import DIALECT, TEXT
from hygge.sql.relation import Column, Relation, meanings
from hygge.sql.session import SQLSession


class PostgresSession(SQLSession):
    """One attempt's reading of PostgreSQL, in one transaction, which is one snapshot."""

    dialect = DIALECT
    consistency = "one snapshot"

    @property
    def postgres(self) -> PostgresLink:
        """The connection, as what it is."""
        return cast(PostgresLink, self.link)

    def begin(self, snapshot: str) -> None:
        link = self._lease.link
        link.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        if snapshot:
            link.execute(f"SET TRANSACTION SNAPSHOT {literal(snapshot)}")

    def share(self) -> str:
        return str(self.link.row("SELECT pg_export_snapshot()")[0])

    def clock(self) -> datetime:
        moment: datetime = self.link.row("SELECT clock_timestamp()")[0]
        return moment

    # The catalogue --------------------------------------------------------------------------------

    def find(self, schema: str, name: str) -> Relation | None:
        for inside, table in meanings(schema, name):
            found = list(catalogue.relations_of(self.link.rows(catalogue.one_sql(inside, table))))
            if found:
                ((_, relation),) = found
                return replace(relation, columns=tuple(map(self._declared, relation.columns)))
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
        rows = f"({query}) AS hygge_query ({', '.join(inner)})"
        sql = catalogue.types_sql([f"q.{c}" for c in inner], rows, [m for _, m in described])
        types = self.link.rows(sql)
        return [
            self._declared(catalogue.column(name, *row))
            for name, row in zip(names, types, strict=True)
        ]

    def _declared(self, column: Column) -> Column:
        """A column that is declared as text comes as the server's own text, which has all values
        of its type; one declared as JSON as the server's JSON of it."""
        kind = self._type_declared(column)
        if kind is None or column.type == kind:
            return column
        if kind.kind == "string":
            return replace(column, fetch=TEXT.replace("{}", self.dialect.quote(column.name)))
        if kind.kind == "json" and column.type is not None and column.type.kind != "string":
            return replace(column, fetch=f"to_json({self.dialect.quote(column.name)})::text")
        return column

    def _type_declared(self, column: Column) -> LogicalType | None:
        types = self._source.types
        if column.name in types:
            return types[column.name]
        return next((t for n, t in types.items() if n.lower() == column.native.lower()), None)

    # Reading --------------------------------------------------------------------------------------

    def frame(self, batch: pl.DataFrame) -> pl.DataFrame:
        return fitting(batch, self.schema(), self._source.label)
