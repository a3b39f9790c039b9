"""The whole catalogue of an SQLite database, in one question, and its sizes in another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from hygge.core.errors import ConfigError
from hygge.core.fields import Field, Schema
from hygge.core.home import Table
from hygge.sql.dialect import literal
from hygge.sql.relation import UNTOLD
from hygge.sql.sqlite.catalogue import STATE_TABLE, Rows, list_tables, quote
from hygge.sql.sqlite.types import logical

# A rowid table whose key is one INTEGER column has no index for it: that column is the rowid, and
# is what new rows are numbered by (https://sqlite.org/lang_createtable.html, "ROWIDs and the
# INTEGER PRIMARY KEY").
_COLUMNS = rf"""
SELECT l.name, l.type, l.wr, x.name, x.type, x."notnull", x.pk,
       EXISTS (SELECT 1 FROM pragma_index_list(l.name, 'main') i WHERE i.origin = 'pk')
FROM pragma_table_list l JOIN pragma_table_xinfo(l.name, 'main') x
WHERE l.schema = 'main' AND x.hidden <> 1 AND l.type <> 'shadow'
  AND l.name NOT LIKE 'sqlite\_%' ESCAPE '\' AND l.name <> '{STATE_TABLE}'{{}}
ORDER BY l.name, x.cid
"""
_AT_ONCE = 400
"""Tables measured by one question: a compound SELECT has at most 500 parts by default
(https://sqlite.org/limits.html)."""


def catalogue(rows: Rows) -> list[Table]:
    """Every table and view but SQLite's own and hygge's, with its fields, by name.

    The rows of a table are the span of its rowids, which is what it holds if it has no gaps; they
    are unknown for views and for tables without rowids. A view that works no longer,
    or a virtual table whose module is not here, has no fields.
    """
    broken: list[Table] = []
    try:
        found = list(rows(_COLUMNS.format("")))
    except ConfigError:  # one such view takes the whole question with it
        found = list(rows(_COLUMNS.format(" AND l.type = 'table'")))
        broken = _one_by_one(rows, found)
    groups = [list(group) for _, group in groupby(found, lambda row: row[0])]
    spans = _spans(rows, groups)
    known = [replace(_table(group), rows=spans.get(group[0][0])) for group in groups]
    return sorted([*known, *broken], key=lambda table: table.name)


def _one_by_one(rows: Rows, found: list[tuple[Any, ...]]) -> list[Table]:
    """Add the columns of what else works, and give back what does not."""
    named, broken = {row[0] for row in found}, []
    for name, kind in list_tables(rows):
        if name not in named:
            try:
                found += rows(_COLUMNS.format(f" AND l.name = {literal(name)}"))
            except ConfigError:
                broken.append(Table("main", name, kind=kind))
    return broken


def _table(group: Sequence[tuple[Any, ...]]) -> Table:
    name, kind, without_rowid = group[0][:3]
    counter = _alias(group)
    fields = Schema(
        Field(
            column, _type(kind, declared), key=pk, origin=declared,
            nullable=not (required or column == counter or (pk and without_rowid)),
        )
        for _, _, _, column, declared, required, pk, _ in group
    )  # fmt: skip
    return Table("main", name, kind=kind, fields=fields, counter=counter)


def _type(kind: str, declared: str) -> Any:
    # What SQLite makes up for an expression in a view; see `catalogue.trusted`.
    found = None if kind == "view" and declared in ("NUM", "BLOB") else logical(declared)
    return UNTOLD if found is None else found[0]


def _alias(group: Sequence[tuple[Any, ...]]) -> str:
    """The column that is the rowid; "" for none."""
    _, kind, without_rowid, *_, indexed = group[0]
    key = [row for row in group if row[6]]
    alone = kind == "table" and not without_rowid and not indexed and len(key) == 1
    return str(key[0][3]) if alone and key[0][4].upper() == "INTEGER" else ""


def _spans(rows: Rows, groups: Sequence[Sequence[tuple[Any, ...]]]) -> dict[str, int]:
    """How many rowids lie between the first and the last of each table that has them."""
    asked = []
    for group in groups:
        name, kind, without_rowid = group[0][:3]
        taken = {row[3].lower() for row in group} - {_alias(group).lower()}
        free = [n for n in ("rowid", "_rowid_", "oid") if n not in taken]
        if kind == "table" and not without_rowid and free:
            source = f"main.{quote(name)}"
            asked.append(
                f"SELECT {literal(name)}, ifnull((SELECT max({free[0]}) FROM {source}) - "
                f"(SELECT min({free[0]}) FROM {source}) + 1, 0)"
            )
    parts = [asked[at : at + _AT_ONCE] for at in range(0, len(asked), _AT_ONCE)]
    return {name: int(span) for some in parts for name, span in rows(" UNION ALL ".join(some))}
