"""The modes as SQL: from names to statements. Pure functions, one for each equation.

    append          after = before + coming
    delete_insert   after = before without rows whose key comes + coming
    merge           the same, where every key comes once
    replace         after = coming

`coming` is the stage's rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from hygge.sql.dialect import Dialect


def insert(
    dialect: Dialect, target: str, stage: str, names: Sequence[str], *, distinct: bool = False
) -> str:
    """Bring all staged rows in, column by column's name."""
    listed = ", ".join(map(dialect.quote, names))
    every = "DISTINCT " if distinct else ""
    return f"INSERT INTO {target} ({listed}) SELECT {every}{listed} FROM {stage}"


def delete_coming(dialect: Dialect, target: str, stage: str, keys: Sequence[str]) -> str:
    """Take out the rows whose key is among those that come."""
    same = " AND ".join(
        f"hygge_coming.{dialect.quote(k)} = {target}.{dialect.quote(k)}" for k in keys
    )
    return f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {stage} hygge_coming WHERE {same})"


def null_key(dialect: Dialect, stage: str, key: str) -> str:
    """A row whose key is NULL, if there is one: no rows are equal to it, so none is replaced."""
    return f"SELECT 1 FROM {stage} WHERE {dialect.quote(key)} IS NULL LIMIT 1"


def doubled_key(
    dialect: Dialect, stage: str, keys: Sequence[str], names: Sequence[str] = ()
) -> str:
    """The first key that comes more than once; among rows that differ, if all `names` are given."""
    listed = ", ".join(map(dialect.quote, keys))
    rows = stage
    if names:
        rows = f"(SELECT DISTINCT {', '.join(map(dialect.quote, names))} FROM {stage}) hygge_rows"
    return f"SELECT {listed} FROM {rows} GROUP BY {listed} HAVING count(*) > 1 LIMIT 1"


def altered(dialect: Dialect, stage: str, name: str, held: str, coming: str) -> str:
    """A row whose value of a column is another one once a column of type `held` has held it."""
    quoted = dialect.quote(name)
    after = f"CAST(CAST(CAST({quoted} AS {held}) AS {coming}) AS VARCHAR)"
    return f"SELECT 1 FROM {stage} WHERE {after} IS DISTINCT FROM CAST({quoted} AS VARCHAR) LIMIT 1"


def count(table: str) -> str:
    return f"SELECT count(*) FROM {table}"


def state_of(dialect: Dialect, table: str, name: str) -> str:
    """The stored state of a table, from the state table."""
    return (
        f"SELECT {dialect.quote('state')} FROM {table} "
        f"WHERE {dialect.quote('table')} = {dialect.text(name)}"
    )
