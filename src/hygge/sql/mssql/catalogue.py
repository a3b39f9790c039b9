"""What SQL Server's catalogue says: tables, views, columns, keys, in one pass.

https://learn.microsoft.com/sql/relational-databases/system-catalog-views
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from hygge.sql.mssql.types import Precision, column_of, native_of, text_literal
from hygge.sql.relation import Column, Relation

Ask = Callable[[str], Sequence[tuple[Any, ...]]]

_OBJECTS = "o.type IN ('U', 'V') AND o.is_ms_shipped = 0"
# An alias type is read as its base; those of the CLR have a number of their own, and no base.
_COLUMNS = """
SELECT o.object_id, s.name, o.name, o.type, c.name, COALESCE(b.name, t.name), c.max_length,
       c.precision, c.scale, c.is_nullable, c.is_identity
FROM sys.objects o
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.columns c ON c.object_id = o.object_id
JOIN sys.types t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types b ON b.user_type_id = c.system_type_id
WHERE {which} ORDER BY s.name, o.name, c.column_id
"""
_KEYS = """
SELECT o.object_id, c.name, ic.key_ordinal
FROM sys.objects o
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.indexes i ON i.object_id = o.object_id AND i.is_primary_key = 1
JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE {which}
"""
_ROWS = """
SELECT o.object_id, SUM(p.rows)
FROM sys.objects o
JOIN sys.schemas s ON s.schema_id = o.schema_id
JOIN sys.partitions p ON p.object_id = o.object_id AND p.index_id IN (0, 1)
WHERE {which} GROUP BY o.object_id
"""


def named(schema: str, name: str) -> str:
    """The condition for one table or view; a schema of "" is the user's own.

    Names are compared as the database's collation does.
    """
    inside = text_literal(schema) if schema else "SCHEMA_NAME()"
    return f"{_OBJECTS} AND s.name = {inside} AND o.name = {text_literal(name)}"


def look(ask: Ask, which: str = _OBJECTS, precision: Precision = "us") -> list[Relation]:
    """Tables and views.

    Parameters
    ----------
    ask: runs a query.
    which: a condition; all that are a person's own, if left out.
    precision: see `types.column_of`.
    """
    rows = ask(_COLUMNS.format(which=which))
    if not rows:
        return []
    keys = {(table, column): number for table, column, number in ask(_KEYS.format(which=which))}
    counts = {table: int(count) for table, count in ask(_ROWS.format(which=which))}
    columns: dict[int, list[Column]] = defaultdict(list)
    tables: dict[int, tuple[str, str, str]] = {}
    counters: dict[int, str] = {}
    for table, schema, name, kind, column, base, length, digits, scale, null, identity in rows:
        tables[table] = (schema, name, "view" if kind.strip() == "V" else "table")
        native = native_of(base, length, digits, scale)
        columns[table].append(
            column_of(column, native, required=not null, key=keys.get((table, column), 0),
                      precision=precision)
        )  # fmt: skip
        if identity:
            counters[table] = column
    return [
        # Several systems that speak the protocol have 0 for a table that nobody has counted yet.
        Relation(schema, name, kind, tuple(columns[table]), rows=counts.get(table) or None,
                 counter=counters.get(table, ""))
        for table, (schema, name, kind) in tables.items()
    ]  # fmt: skip


_TYPES = """
SELECT c.name, COALESCE(b.name, t.name), c.max_length, c.precision, c.scale
FROM sys.columns c JOIN sys.types t ON t.user_type_id = c.user_type_id
LEFT JOIN sys.types b ON b.user_type_id = c.system_type_id
WHERE c.object_id = OBJECT_ID({table}) ORDER BY c.column_id
"""


def column_types(ask: Ask, table: str) -> dict[str, str]:
    """The declared types of a table's columns, by name; empty where there is no table.

    Parameters
    ----------
    table: its quoted name.
    """
    rows = ask(_TYPES.format(table=text_literal(table)))
    return {name: native_of(*rest) for name, *rest in rows}


def describe_sql(query: str) -> str:
    """What asks for a query's columns without running it.

    https://learn.microsoft.com/sql/relational-databases/system-stored-procedures/sp-describe-first-result-set-transact-sql
    """
    return f"EXEC sp_describe_first_result_set {text_literal(query)}"


def described(
    rows: Sequence[tuple[Any, ...]], names: Sequence[str], precision: Precision
) -> list[Column]:
    """A query's columns, from the answer to `describe_sql` and the names of its columns."""
    at = {name: number for number, name in enumerate(names)}
    found = []
    for row in rows:
        if row[at["is_hidden"]]:
            continue
        # Types of the CLR have no system's name; other systems leave the arguments out.
        called = row[at["system_type_name"]] or row[at["user_type_name"]] or ""
        native = native_of(called.lower().partition("(")[0], row[at["max_length"]],
                           row[at["precision"]], row[at["scale"]])  # fmt: skip
        required = not row[at["is_nullable"]]
        found.append(column_of(row[at["name"]] or "", native, required=required,
                               precision=precision))  # fmt: skip
    return found
