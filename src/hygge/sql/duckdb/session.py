"""Reading DuckDB."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import cast

from hygge.core.fields import LogicalType
from hygge.sql.dialect import literal
from hygge.sql.duckdb.link import DuckDBLink
from hygge.sql.duckdb.room import QUERY_KB
from hygge.sql.duckdb.types import DIALECT, JSON, TEXT, logical
from hygge.sql.relation import Column, Relation, meanings
from hygge.sql.session import SQLSession

_COLUMNS = """
SELECT c.schema_name, c.table_name, t.kind, t.estimated_size, t.comment,
       c.column_name, c.data_type, NOT c.is_nullable,
       coalesce(list_position(k.constraint_column_names, c.column_name), 0),
       coalesce(c.column_default LIKE 'nextval(%', false)
FROM duckdb_columns() c
JOIN (SELECT database_name, schema_name, table_name, 'table' AS kind, estimated_size, comment
      FROM duckdb_tables()
      UNION ALL
      SELECT database_name, schema_name, view_name, 'view', NULL, comment
      FROM duckdb_views() WHERE NOT internal) t
  USING (database_name, schema_name, table_name)
LEFT JOIN (SELECT * FROM duckdb_constraints() WHERE constraint_type = 'PRIMARY KEY') k
  USING (database_name, schema_name, table_name)
WHERE c.database_name = current_database(){} ORDER BY 1, 2, c.column_index
"""


class DuckDBSession(SQLSession):
    """One attempt's reading of a DuckDB database, in one transaction, which is one snapshot."""

    dialect = DIALECT
    consistency = "one snapshot"
    settled_numbers = True

    def begin(self, snapshot: str) -> None:
        self._lease.link.execute("BEGIN TRANSACTION READ ONLY")
        if self._source.query or self._source.condition:
            self._make_room()

    def _make_room(self) -> None:
        """For what may join and sort."""
        cast(DuckDBLink, self._lease.link).room.make(QUERY_KB)

    def clock(self) -> datetime:
        """This machine's: DuckDB runs in this process."""
        return datetime.now(UTC)

    def find(self, schema: str, name: str) -> Relation | None:
        for inside, table in meanings(schema, name):
            where = "= current_schema()" if not inside else f"= {literal(inside)}"
            found = self._look(f" AND c.table_name = {literal(table)} AND c.schema_name {where}")
            if found:
                if found[0].kind == "view":
                    self._make_room()
                return found[0]
        return None

    def relations(self) -> Sequence[Relation]:
        return self._look("")

    def _look(self, condition: str) -> list[Relation]:
        found = self.link.rows(_COLUMNS.format(condition))
        relations = []
        for about, group in groupby(found, lambda row: row[:5]):
            schema, name, kind, size, comment = about
            rows = list(group)
            columns = tuple(self._column(*row[5:9]) for row in rows)
            counter = next((row[5] for row in rows if row[9]), "")
            relations.append(
                Relation(schema, name, kind, columns, size, None, comment or "", counter)
            )
        return relations

    def describe(self, query: str) -> Sequence[Column]:
        described = self.link.rows(f"DESCRIBE {query}")
        return [self._column(name, native, False, 0) for name, native, *_ in described]

    def _column(self, name: str, native: str, required: bool, key: int) -> Column:
        """A column; one that is declared as text or JSON comes as DuckDB's own of it, which has
        all its values."""
        rule, kind = logical(native)
        asked = declared_for(self._source.types, name, native)
        fetch = rule.fetch
        if asked is not None and asked.kind != kind.kind and asked.kind in ("string", "json"):
            fetch = TEXT if asked.kind == "string" or kind.kind == "string" else JSON
        # Not `format`: a name may hold braces.
        fetched = fetch.replace("{}", DIALECT.quote(name))
        return Column(name, native, kind, fetched, required, key, rule.loss)


def declared_for(types: Mapping[str, LogicalType], name: str, native: str) -> LogicalType | None:
    """The type that the configuration gives a column, by its name or its native type."""
    by_native = {n.lower(): kind for n, kind in types.items()}
    return types.get(name) or by_native.get(native.lower())
