"""SQLite's catalogue: tables, and what is declared of their columns."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from hygge.core.errors import ConfigError, DataError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.types import Kind
from hygge.sql.dialect import literal
from hygge.sql.relation import by_column, meanings
from hygge.sql.settle.place import INDEX
from hygge.sql.sqlite.types import DIALECT, Affinity, affinity, logical

Rows = Callable[[str], Sequence[tuple[Any, ...]]]
"""Runs a query and gives its rows."""

quote = DIALECT.quote
STATE_TABLE = "_hygge_state"


@dataclass(frozen=True, slots=True)
class Column:
    """What SQLite knows of one column.

    Parameters
    ----------
    name, declared: as written.
    required: whether it cannot be NULL.
    key: its position in the primary key, from 1; 0 for none.
    """

    name: str
    declared: str
    required: bool
    key: int

    @property
    def affinity(self) -> Affinity:
        return affinity(self.declared)


@dataclass(frozen=True, slots=True)
class Relation:
    """A table, a view, or a query wrapped in a temporary view.

    Parameters
    ----------
    schema, name: `main`, `temp` or an attached one; as written in the catalogue.
    kind: `table`, `view`, `virtual` or `shadow`.
    columns: in order, generated ones included, hidden ones left out.
    rowid: a name by which its rowid can be asked for; "" where it has none.
    alias: the column that is the rowid, and so never anything but an integer; "" for none.
    body: what stands after FROM instead of its name: a query with bounds in it.
    """

    schema: str
    name: str
    kind: str
    columns: tuple[Column, ...]
    rowid: str
    alias: str
    body: str = ""

    @property
    def sql(self) -> str:
        """What stands after FROM: its name, quoted, or its body."""
        return self.body or f"{quote(self.schema)}.{quote(self.name)}"

    def __getitem__(self, name: str) -> Column:
        return next(c for c in self.columns if c.name == name)


def list_tables(rows: Rows) -> list[tuple[str, str]]:
    """(name, kind) of every table and view, but SQLite's own and hygge's, sorted by name."""
    found = rows(
        "SELECT name, type FROM sqlite_master WHERE type IN ('table', 'view') "
        rf"AND name NOT LIKE 'sqlite\_%' ESCAPE '\' AND name <> '{STATE_TABLE}' ORDER BY name"
    )
    return [(name, kind) for name, kind in found]


def find(rows: Rows, name: str, schema: str = "") -> tuple[str, str, str, bool] | None:
    """(schema, name, kind, without rowid) of a table by its name, `users` or `main.users`.

    SQLite's names do not tell upper from lower case. A name that holds a dot is first tried as it
    is, and begins with a schema only where none is given.
    """
    for within, table in meanings(schema, name):
        found = rows(
            "SELECT schema, name, type, wr FROM pragma_table_list "
            f"WHERE name = {literal(table)} COLLATE NOCASE AND "
            f"(schema = {literal(within)} COLLATE NOCASE OR '' = {literal(within)}) "
            "ORDER BY schema <> 'main'"
        )
        if found:
            return found[0][0], found[0][1], found[0][2], bool(found[0][3])
    return None


def triggers_of(rows: Rows, table: str) -> list[str]:
    """The triggers of a table of the main file, by name."""
    found = rows(
        "SELECT name FROM sqlite_master WHERE type = 'trigger' "
        f"AND lower(tbl_name) = lower({literal(table)}) ORDER BY name"
    )
    return [str(name) for (name,) in found]


def indexes_of(rows: Rows, table: str) -> list[str]:
    """The indexes of a table of the main file that hygge made, by name."""
    found = rows(
        "SELECT name FROM sqlite_master WHERE type = 'index' "
        f"AND lower(tbl_name) = lower({literal(table)})"
    )
    return [str(name) for (name,) in found if str(name).startswith(INDEX)]


def relation(rows: Rows, name: str, schema: str = "", *, where: str) -> Relation:
    """Look a table or view up. Raises ConfigError with the near miss where there is none.

    Parameters
    ----------
    rows: runs a query.
    name, schema: see `find`.
    where: the database, for the error.
    """
    found = find(rows, name, schema)
    if found is None:
        known = [n for n, _ in list_tables(rows)]
        near = get_close_matches(name.split(".")[-1], known, n=1)
        listed = ", ".join(known[:12]) + (", ..." if len(known) > 12 else "")
        raise ConfigError(
            f"{where} has no table or view '{f'{schema}.{name}' if schema else name}'",
            hint=f"did you mean '{near[0]}'?" if near else f"its tables: {listed or 'none'}",
        )
    schema, table, kind, without_rowid = found
    described = rows(
        'SELECT name, type, "notnull", pk FROM '
        f"pragma_table_xinfo({literal(table)}, {literal(schema)}) WHERE hidden <> 1 ORDER BY cid"
    )
    key = [row for row in described if row[3]]
    # A rowid table lets NULL into a primary key; only a key that is the rowid itself does not
    # (https://sqlite.org/lang_createtable.html, "The PRIMARY KEY"). That one has no index.
    alias = ""
    if kind == "table" and not without_rowid and len(key) == 1 and key[0][1].upper() == "INTEGER":
        indexed = rows(
            f"SELECT 1 FROM pragma_index_list({literal(table)}, {literal(schema)}) "
            "WHERE origin = 'pk'"
        )
        alias = "" if indexed else key[0][0]
    columns = tuple(
        Column(n, declared, bool(required) or n == alias or bool(pk and without_rowid), pk)
        for n, declared, required, pk in described
    )
    names = {c.name.lower() for c in columns}
    free = [n for n in ("rowid", "_rowid_", "oid") if n not in names]
    has_rowid = kind == "table" and not without_rowid
    rowid = quote(alias) if alias else (free[0] if free and has_rowid else "")
    return Relation(schema, table, kind, columns, rowid, alias)


def query_relation(rows: Rows, run: Callable[[str], None], query: str, *, where: str) -> Relation:
    """Wrap a query in a temporary view, which tells the declared types of its columns.

    Raises ConfigError where the query is not one that SQLite takes.
    """
    text = query.strip().rstrip(";").strip()
    name = f"hygge_query_{uuid.uuid4().hex[:8]}"
    try:
        run(f"CREATE TEMP VIEW {quote(name)} AS {text}")
        return relation(rows, name, "temp", where=where)
    except ConfigError as error:
        raise ConfigError(f"the query does not work: {error.message}", hint=error.hint) from None


def schema_of(
    rows: Rows,
    source: Relation,
    types: Mapping[str, LogicalType],
    *,
    entity: str,
    look: bool = True,
) -> tuple[Schema, bool]:
    """The fields of a relation, and whether looking at the data was needed to find them.

    Parameters
    ----------
    rows: runs a query.
    source: the relation.
    types: declared in the configuration, by column or by native type; they win.
    entity: the name used in errors.
    look: whether looking at the data would help.

    Raises
    ------
    ConfigError: `types` names what is not there, or a column's type can only be declared.
    DataError: a column declares no type, and its values have several.
    """
    known = by_column(types, {c.name: c.declared for c in source.columns}, entity=entity)
    for column in source.columns:
        if column.name in known or not trusted(source, column):
            continue
        found = logical(column.declared)
        if found is not None:
            known[column.name] = found[0]
    unknown = [c for c in source.columns if c.name not in known]
    if unknown and not look:
        raise ConfigError(
            f"{entity}: SQLite tells no type for {', '.join(c.name for c in unknown)} of a query "
            "with placeholders",
            hint="declare it under the home's `types:`, e.g. `types: "
            f"{{{unknown[0].name}: int64}}`",
        )
    if unknown:
        known.update(_look(rows, source, unknown, entity))
    fields = Schema(
        Field(
            name=c.name, type=known[c.name], nullable=not c.required, key=c.key,
            origin=c.declared,
        )
        for c in source.columns
    )  # fmt: skip
    return fields, bool(unknown)


def trusted(source: Relation, column: Column) -> bool:
    """Whether a declared type was declared. For expressions in a view SQLite makes up `NUM` and
    `BLOB` (sqlite3SubqueryColumnTypes in its select.c), which say nothing of the values."""
    return source.kind != "view" or column.declared not in ("NUM", "BLOB")


_SEEN: dict[frozenset[str], Kind] = {
    frozenset(("integer",)): "int64", frozenset(("real",)): "float64",
    frozenset(("integer", "real")): "float64", frozenset(("text",)): "string",
    frozenset(("blob",)): "binary", frozenset[str](): "string",
}  # fmt: skip


def _look(
    rows: Rows, source: Relation, columns: Sequence[Column], entity: str
) -> dict[str, LogicalType]:
    """Types of undeclared columns, by one look at every value."""
    asked = ", ".join(f"typeof({quote(c.name)})" for c in columns)
    seen = rows(f"SELECT DISTINCT {asked} FROM {source.sql}")
    kinds = {}
    for at, column in enumerate(columns):
        found = frozenset(row[at] for row in seen) - {"null"}
        if found not in _SEEN:
            raise DataError(
                f"{entity}.{column.name} declares no type and holds {' and '.join(sorted(found))}",
                hint=f"declare one under the home's `types: {{{column.name}: string}}`",
            )
        kinds[column.name] = LogicalType(_SEEN[found])
    return kinds
