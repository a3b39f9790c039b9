"""Oracle's catalogue: the ALL_ views, which show what the user may read.

https://docs.oracle.com/en/database/oracle/oracle-database/23/refrn/ALL_TAB_COLS.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from itertools import groupby
from typing import Any

from hygge.sql.dialect import literal
from hygge.sql.oracle.types import DIALECT, Known, known
from hygge.sql.relation import Column, Relation

_COLUMNS = """
SELECT c.owner, c.table_name, CASE WHEN t.table_name IS NULL THEN 'view' ELSE 'table' END,
       t.num_rows, t.num_rows * t.avg_row_len, m.comments,
       c.column_name, c.data_type, c.data_precision, c.data_scale, c.nullable, k.position
FROM all_tab_cols c
LEFT JOIN all_tables t ON t.owner = c.owner AND t.table_name = c.table_name
LEFT JOIN all_tab_comments m ON m.owner = c.owner AND m.table_name = c.table_name
LEFT JOIN (SELECT a.owner, a.table_name, a.column_name, a.position
           FROM all_constraints p JOIN all_cons_columns a
             ON a.owner = p.owner AND a.constraint_name = p.constraint_name
           WHERE p.constraint_type = 'P') k
  ON k.owner = c.owner AND k.table_name = c.table_name AND k.column_name = c.column_name
WHERE c.hidden_column = 'NO' AND {}
ORDER BY c.owner, c.table_name, c.column_id
"""
_OWN = "c.owner NOT IN (SELECT username FROM all_users WHERE oracle_maintained = 'Y')"
_DIGITS = re.compile(r"\s*\(\d+\)")

Rows = Callable[[str], Sequence[tuple[Any, ...]]]


def look(rows: Rows, owner: str | None, name: str | None) -> list[Relation]:
    """Every table and view that is a person's own, or those of a name, of an owner.

    Parameters
    ----------
    rows: runs a query.
    owner: the schema; "" for the session's own; None for all.
    name: the table; None for all.
    """
    parts = [] if owner is not None or name is not None else [_OWN]
    if owner is not None:
        whose = literal(owner) if owner else "SYS_CONTEXT('USERENV', 'CURRENT_SCHEMA')"
        parts.append(f"c.owner = {whose}")
    if name is not None:
        parts.append(f"c.table_name = {literal(name)}")
    found = rows(_COLUMNS.format(" AND ".join(parts)))
    return [
        Relation(
            owner, table, kind, tuple(_column(*row[6:]) for row in group),
            rows=None if count is None else int(count), bytes=None if size is None else int(size),
            comment=comment or "",
        )
        for (owner, table, kind, count, size, comment), group in groupby(
            found, lambda row: tuple(row[:6])
        )
    ]  # fmt: skip


def native_name(data_type: str) -> str:
    """A type without its digits: `TIMESTAMP(6) WITH TIME ZONE` is `TIMESTAMP WITH TIME ZONE`."""
    return _DIGITS.sub("", data_type)


def known_of(data_type: str, precision: Any, scale: Any) -> Known:
    """What a column of the catalogue means."""
    number = data_type == "NUMBER"
    return known(
        native_name(data_type),
        int(precision) if number and precision is not None else None,
        int(scale) if number and scale is not None else None,
    )


def _column(
    name: str, data_type: str, precision: Any, scale: Any, nullable: str, position: Any
) -> Column:
    found = known_of(data_type, precision, scale)
    native = data_type
    if data_type == "NUMBER" and (precision is not None or scale is not None):
        digits = "*" if precision is None else int(precision)
        native = f"NUMBER({digits},{int(scale or 0)})"
    fetch = found.fetch.format(DIALECT.quote(name)) if found.fetch else ""
    return Column(name, native, found.type, fetch, nullable == "N", int(position or 0), found.loss)
