"""What the modes' statements are made of. Pure functions, from names to SQL."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hygge.core.fields import Field
from hygge.core.terms import MOMENT
from hygge.sql.dialect import Dialect

COMING = "hygge_coming"
"""What the rows that come are called in statements about those that are there."""


def told(dialect: Dialect, fields: Sequence[Field], of: str = "") -> list[str]:
    """The expressions that tell the fields' values from all others, of one table if it is named."""
    dot = f"{of}." if of else ""
    return [
        expression
        for field in fields
        for expression in dialect.exact(f"{dot}{dialect.quote(field.name)}", field.type)
    ]


def same(dialect: Dialect, keys: Sequence[Field], one: str, other: str) -> str:
    """The condition for rows of two tables to have one key; keys are never NULL."""
    pairs = zip(told(dialect, keys, one), told(dialect, keys, other), strict=True)
    return " AND ".join(f"{left} = {right}" for left, right in pairs)


def differ(dialect: Dialect, fields: Sequence[Field], one: str, other: str) -> str:
    """The condition for rows of two tables to differ in some field; NULL is like NULL alone."""
    pairs = zip(told(dialect, fields, one), told(dialect, fields, other), strict=True)
    return " OR ".join(
        f"({left} <> {right} OR ({left} IS NULL AND {right} IS NOT NULL) "
        f"OR ({left} IS NOT NULL AND {right} IS NULL))"
        for left, right in pairs
    )


def exists(rows: str, condition: str) -> str:
    """Whether among rows that come (a table, or a query in brackets) there is one."""
    return f"EXISTS (SELECT 1 FROM {rows} {COMING} WHERE {condition})"


def moment(dialect: Dialect, at: datetime) -> str:
    """A load's moment as a literal."""
    return dialect.show(at, MOMENT)


def one_of_each(
    dialect: Dialect, stage: str, names: Sequence[str], keys: Sequence[Field], latest: str = ""
) -> str:
    """A query, in brackets, for one row of each key: any, or one with the greatest value."""
    listed = ", ".join(map(dialect.quote, names))
    by = ", ".join(told(dialect, keys))
    order = greatest_first(dialect, latest) if latest else by
    return (
        f"(SELECT {listed} FROM (SELECT {listed}, row_number() OVER (PARTITION BY {by} "
        f"ORDER BY {order}) AS hygge_number FROM {stage}) hygge_rows WHERE hygge_number = 1)"
    )


def the_latest(
    dialect: Dialect, stage: str, names: Sequence[str], keys: Sequence[Field], latest: str
) -> str:
    """A query, in brackets, for all rows that have the greatest value of their key's."""
    listed = ", ".join(map(dialect.quote, names))
    by = ", ".join(told(dialect, keys))
    return (
        f"(SELECT {listed} FROM (SELECT {listed}, rank() OVER (PARTITION BY {by} "
        f"ORDER BY {greatest_first(dialect, latest)}) AS hygge_rank FROM {stage}) hygge_ranked "
        "WHERE hygge_rank = 1)"
    )


def greatest_first(dialect: Dialect, column: str) -> str:
    """The order from the greatest value of a column down to NULL."""
    quoted = dialect.quote(column)
    return f"CASE WHEN {quoted} IS NULL THEN 1 ELSE 0 END, {quoted} DESC"


def not_older(dialect: Dialect, column: str, target: str) -> str:
    """The condition for a row that comes to be at least as late as one that is there."""
    quoted = dialect.quote(column)
    return f"({target}.{quoted} IS NULL OR {COMING}.{quoted} >= {target}.{quoted})"


def insert(dialect: Dialect, target: str, rows: str, names: Sequence[str]) -> str:
    """Bring all rows of a table in, column by column's name."""
    listed = ", ".join(map(dialect.quote, names))
    return f"INSERT INTO {target} ({listed}) SELECT {listed} FROM {rows}"


def delete_coming(
    dialect: Dialect, target: str, stage: str, keys: Sequence[Field], also: str = ""
) -> str:
    """Take out the rows whose key is among those that come, where a condition holds as well."""
    condition = same(dialect, keys, COMING, target) + (f" AND {also}" if also else "")
    return f"DELETE FROM {target} WHERE {exists(stage, condition)}"


def null_key(dialect: Dialect, stage: str, key: str) -> str:
    """A row whose key is NULL, if there is one: no rows are equal to it, so none is replaced."""
    return dialect.first(f"1 FROM {stage} WHERE {dialect.quote(key)} IS NULL")


def doubled_key(
    dialect: Dialect, stage: str, keys: Sequence[Field], fields: Sequence[Field] = ()
) -> str:
    """The first key that comes more than once; among rows that differ in `fields`, which have the
    keys among them, if they are given. A query in brackets needs a name, as a table may have."""
    sqls = {f.name: told(dialect, [f]) for f in fields or keys}
    named = {
        name: [f"hygge_{at}_{n}" for n in range(len(found))]
        for at, (name, found) in enumerate(sqls.items())
    }
    each = ", ".join(
        f"{sql} AS {alias}"
        for name in sqls
        for sql, alias in zip(sqls[name], named[name], strict=True)
    )
    listed = ", ".join(named[key.name][0] for key in keys)
    by = ", ".join(alias for key in keys for alias in named[key.name])
    distinct = "DISTINCT " if fields else ""
    return dialect.first(
        f"{listed} FROM (SELECT {distinct}{each} FROM {stage} hygge_from) hygge_rows "
        f"GROUP BY {by} HAVING count(*) > 1"
    )


def altered(dialect: Dialect, stage: str, name: str, held: str, coming: str) -> str:
    """A row whose value of a column is another one once a column of type `held` has held it."""
    return dialect.first(f"1 FROM {stage} WHERE {differs(dialect, name, held, coming)}")


def differs(dialect: Dialect, name: str, held: str, coming: str) -> str:
    """The condition for it."""
    quoted = dialect.quote(name)
    after = f"CAST(CAST(CAST({quoted} AS {held}) AS {coming}) AS VARCHAR)"
    return f"{after} IS DISTINCT FROM CAST({quoted} AS VARCHAR)"


def count(dialect: Dialect, table: str) -> str:
    return f"SELECT {dialect.counting} FROM {table}"


def state_of(dialect: Dialect, table: str, name: str) -> str:
    """The stored state of a table, from the state table."""
    return (
        f"SELECT {dialect.quote('state')} FROM {table} "
        f"WHERE {dialect.quote('table')} = {dialect.text(name)}"
    )
