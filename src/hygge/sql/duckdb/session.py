"""Reading DuckDB."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Any

from hygge.sql.dialect import literal
from hygge.sql.duckdb.types import DIALECT, logical
from hygge.sql.relation import Column, Relation, meanings
from hygge.sql.session import SQLSession

_COLUMNS = """
SELECT c.schema_name, c.table_name, t.kind, t.estimated_size, t.comment,
       c.column_name, c.data_type, NOT c.is_nullable,
       coalesce(list_position(k.constraint_column_names, c.column_name), 0)
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

    def begin(self, snapshot: str) -> None:
        self._lease.link.execute("BEGIN TRANSACTION READ ONLY")

    def clock(self) -> datetime:
        """This machine's: DuckDB runs in this process."""
        return datetime.now(UTC)

    def find(self, schema: str, name: str) -> Relation | None:
        for inside, table in meanings(schema, name):
            where = "= current_schema()" if not inside else f"= {literal(inside)}"
            found = self._look(f" AND c.table_name = {literal(table)} AND c.schema_name {where}")
            if found:
                return found[0]
        return None

    def relations(self) -> Sequence[Relation]:
        return self._look("")

    def _look(self, condition: str) -> list[Relation]:
        found = self.link.rows(_COLUMNS.format(condition))
        return [
            Relation(schema, name, kind, tuple(_column(*row[5:]) for row in group), rows=size,
                     comment=comment or "")
            for (schema, name, kind, size, comment), group in groupby(found, lambda row: row[:5])
        ]  # fmt: skip

    def describe(self, query: str) -> Sequence[Column]:
        return [_column(row[0], row[1], False, 0) for row in self.link.rows(f"DESCRIBE {query}")]


def _column(name: Any, native: Any, required: Any, key: Any) -> Column:
    rule, kind = logical(native)
    quoted = DIALECT.quote(name)
    return Column(name, native, kind, rule.fetch.format(quoted), bool(required), key, rule.loss)
