"""What MySQL's and MariaDB's catalogue says: tables, columns, keys, in one pass.

A handful of plain queries and not a joined one: `information_schema` has no indexes.
https://dev.mysql.com/doc/refman/8.4/en/information-schema-table-reference.html
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from hygge.sql.mysql.link import MySQLLink
from hygge.sql.mysql.types import column_of, text_literal
from hygge.sql.relation import Column, Relation

_TABLES = """
SELECT table_name, table_type, engine, table_rows, data_length, table_comment
FROM information_schema.tables
WHERE table_schema = {schema}{also} AND table_type NOT IN ('SYSTEM VIEW', 'SEQUENCE')
ORDER BY table_name
"""
_COLUMNS = """
SELECT table_name, column_name, data_type, column_type, is_nullable = 'NO',
       extra LIKE '%auto_increment%'
FROM information_schema.columns WHERE table_schema = {schema}{also}
ORDER BY table_name, ordinal_position
"""
_KEYS = """
SELECT table_name, column_name, seq_in_index
FROM information_schema.statistics
WHERE table_schema = {schema}{also} AND index_name = 'PRIMARY'
"""
_CHECKS = """
SELECT table_name, check_clause FROM information_schema.check_constraints
WHERE constraint_schema = {schema}{also} AND check_clause LIKE 'json_valid(%'
"""
_JSON = re.compile(r"json_valid\(`(?P<name>(?:[^`]|``)+)`\)")
SNAPSHOTS = ("InnoDB", "RocksDB", "TokuDB")
"""Storage engines that have them."""


@dataclass(frozen=True)
class Found:
    """A relation, and which storage engine keeps it; "" for a view."""

    relation: Relation
    engine: str


def look(link: MySQLLink, schema: str, table: str = "") -> Sequence[Found]:
    """The tables and views of a database.

    Parameters
    ----------
    schema: the database; "" for the connection's own.
    table: only of this name, told apart by case where the server does; "" for all.
    """
    inside = text_literal(schema) if schema else "DATABASE()"
    also = f" AND table_name = {text_literal(table)}" if table else ""

    def ask(query: str) -> Sequence[tuple[Any, ...]]:
        return link.rows(query.format(schema=inside, also=also))

    tables = ask(_TABLES)
    if table and any(row[0] == table for row in tables):  # else the server folded the case
        tables = [row for row in tables if row[0] == table]
    if not tables:
        return []
    keys = {(t, c): number for t, c, number in ask(_KEYS)}
    checked = _checked(ask(_CHECKS)) if link.mariadb else set()
    columns: dict[str, list[Column]] = defaultdict(list)
    counters: dict[str, str] = {}
    for of, name, base, native, required, counts in ask(_COLUMNS):
        if counts:
            counters[of] = name
        columns[of].append(
            column_of(
                name, text_of(base), text_of(native), required=bool(required),
                key=keys.get((of, name), 0),
                json=(of, name) in checked and text_of(base) == "longtext",
            )
        )  # fmt: skip
    schema = schema or str(link.row("SELECT DATABASE()")[0])
    return [
        Found(
            Relation(
                schema, name, "view" if kind == "VIEW" else "table", tuple(columns[name]),
                rows=rows, bytes=size, comment="" if kind == "VIEW" else text_of(comment or ""),
                counter=counters.get(name, ""),
            ),
            engine or "",
        )
        for name, kind, engine, rows, size, comment in tables
    ]  # fmt: skip


def _checked(rows: Sequence[tuple[Any, ...]]) -> set[tuple[str, str]]:
    """The columns that MariaDB checks to hold JSON, which is what it makes of a JSON column."""
    return {
        (table, match["name"].replace("``", "`"))
        for table, clause in rows
        if (match := _JSON.fullmatch(text_of(clause)))
    }


def text_of(value: str | bytes) -> str:
    """MySQL 8 gives some columns of its catalogue as bytes."""
    return value.decode() if isinstance(value, bytes) else value
