"""INFORMATION_SCHEMA, which most databases have; ODBC's own catalogue functions are not reached
through arrow-odbc."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import pyarrow as pa

from hygge.sql.dialect import Dialect, declared, literal
from hygge.sql.odbc.types import catalogued
from hygge.sql.relation import Column, Relation

_THEIRS = ("information_schema", "pg_catalog", "mysql", "performance_schema", "sys",
           "INFORMATION_SCHEMA")  # fmt: skip
_COLUMNS = """
SELECT c.table_schema, c.table_name, t.table_type, c.column_name, c.{type}, c.is_nullable,
       c.numeric_precision, c.numeric_scale
FROM information_schema.columns c
JOIN information_schema.tables t
  ON t.table_schema = c.table_schema AND t.table_name = c.table_name
WHERE c.table_schema NOT IN ({theirs}){also}
ORDER BY c.table_schema, c.table_name, c.ordinal_position
"""
_KEYS = """
SELECT k.table_schema, k.table_name, k.column_name, k.ordinal_position
FROM information_schema.table_constraints c
JOIN information_schema.key_column_usage k
  ON k.constraint_schema = c.constraint_schema AND k.constraint_name = c.constraint_name
  AND k.table_schema = c.table_schema AND k.table_name = c.table_name
WHERE c.constraint_type = 'PRIMARY KEY'{also}
"""

Rows = Callable[[str], Sequence[tuple[Any, ...]]]


@dataclass(frozen=True, slots=True)
class Found:
    """A table or view as the catalogue has it, its columns still as rows."""

    schema: str
    name: str
    kind: str
    columns: Sequence[tuple[Any, ...]]
    keys: Mapping[str, int]

    def relation(self, dialect: Dialect, driver: Mapping[str, pa.DataType]) -> Relation:
        """It, with the driver's types of its columns, as far as they were asked for."""
        columns = tuple(self._column(row, dialect, driver) for row in self.columns)
        return Relation(self.schema, self.name, self.kind, columns)

    def _column(
        self, row: tuple[Any, ...], dialect: Dialect, driver: Mapping[str, pa.DataType]
    ) -> Column:
        name, native, nullable, precision, scale = row[3:8]
        precision, scale = (None if n is None else int(n) for n in (precision, scale))
        found = catalogued(declared(native).name, precision, scale, driver.get(name))
        fetch = found.sql(dialect.quote(name), mysql=dialect.escapes)
        required, key = str(nullable).upper() == "NO", self.keys.get(name, 0)
        return Column(name, native, found.type, fetch, required, key, found.loss)


def look(rows: Rows, dialect: Dialect, schema: str = "", name: str = "") -> list[Found]:
    """Every table and view that is a person's own, or those of a name, of a schema.

    Raises what the statement raises where there is no INFORMATION_SCHEMA.
    """
    also = [
        f" AND c.{column} = {literal(value)}"
        for column, value in (("table_schema", schema), ("table_name", name))
        if value
    ]
    where = {"also": "".join(also), "theirs": ", ".join(map(literal, _THEIRS))}
    # MySQL's has a column more, which alone tells of UNSIGNED.
    kind = "column_type" if dialect.escapes else "data_type"
    keys: dict[tuple[str, str], dict[str, int]] = {}
    for within, table, column, position in rows(_KEYS.format(**where)):
        keys.setdefault((within, table), {})[column] = int(position)
    return [
        Found(s, n, "view" if "VIEW" in k else "table", list(group), keys.get((s, n), {}))
        for (s, n, k), group in groupby(
            rows(_COLUMNS.format(type=kind, **where)), lambda row: tuple(row[:3])
        )
    ]
