"""The modes as SQL: from names to statements. Pure functions, one for each equation.

    append          after = before + coming
    delete_insert   after = before without rows whose key comes + coming
    merge           the same, where every key comes once
    replace         after = coming

`coming` is the stage's rows.
"""

from __future__ import annotations

from collections.abc import Sequence

from hygge.core.fields import Field
from hygge.sql.dialect import Dialect


def insert(
    dialect: Dialect, target: str, stage: str, names: Sequence[str], *, once: Sequence[Field] = ()
) -> str:
    """Bring all staged rows in, column by column's name; of each key one only, if its fields are
    named in `once`."""
    listed = ", ".join(map(dialect.quote, names))
    rows = stage
    if once:
        told = ", ".join(_told(dialect, once))
        rows = (
            f"(SELECT {listed}, row_number() OVER (PARTITION BY {told} ORDER BY {told}) "
            f"AS hygge_number FROM {stage}) hygge_rows WHERE hygge_number = 1"
        )
    return f"INSERT INTO {target} ({listed}) SELECT {listed} FROM {rows}"


def _told(dialect: Dialect, fields: Sequence[Field]) -> list[str]:
    """The expressions that tell the fields' values from all others."""
    return [told for f in fields for told in dialect.exact(dialect.quote(f.name), f.type)]


def delete_coming(dialect: Dialect, target: str, stage: str, keys: Sequence[Field]) -> str:
    """Take out the rows whose key is among those that come."""
    same = " AND ".join(
        f"{coming} = {there}"
        for key in keys
        for coming, there in zip(
            *(dialect.exact(f"{of}.{dialect.quote(key.name)}", key.type)
              for of in ("hygge_coming", target)),
            strict=True,
        )
    )  # fmt: skip
    return f"DELETE FROM {target} WHERE EXISTS (SELECT 1 FROM {stage} hygge_coming WHERE {same})"


def null_key(dialect: Dialect, stage: str, key: str) -> str:
    """A row whose key is NULL, if there is one: no rows are equal to it, so none is replaced."""
    return dialect.first(f"1 FROM {stage} WHERE {dialect.quote(key)} IS NULL")


def doubled_key(
    dialect: Dialect, stage: str, keys: Sequence[Field], fields: Sequence[Field] = ()
) -> str:
    """The first key that comes more than once; among rows that differ, if all `fields` are
    given."""
    told = {f.name: dialect.exact(dialect.quote(f.name), f.type) for f in fields or keys}
    named = {
        name: [f"hygge_{at}_{n}" for n in range(len(found))]
        for at, (name, found) in enumerate(told.items())
    }
    each = ", ".join(
        f"{sql} AS {alias}"
        for name in told
        for sql, alias in zip(told[name], named[name], strict=True)
    )
    listed = ", ".join(named[key.name][0] for key in keys)
    by = ", ".join(alias for key in keys for alias in named[key.name])
    distinct = "DISTINCT " if fields else ""
    return dialect.first(
        f"{listed} FROM (SELECT {distinct}{each} FROM {stage}) hygge_rows "
        f"GROUP BY {by} HAVING count(*) > 1"
    )


def altered(dialect: Dialect, stage: str, name: str, held: str, coming: str) -> str:
    """A row whose value of a column is another one once a column of type `held` has held it."""
    quoted = dialect.quote(name)
    after = f"CAST(CAST(CAST({quoted} AS {held}) AS {coming}) AS VARCHAR)"
    return dialect.first(f"1 FROM {stage} WHERE {after} IS DISTINCT FROM CAST({quoted} AS VARCHAR)")


def count(dialect: Dialect, table: str) -> str:
    return f"SELECT {dialect.counting} FROM {table}"


def state_of(dialect: Dialect, table: str, name: str) -> str:
    """The stored state of a table, from the state table."""
    return (
        f"SELECT {dialect.quote('state')} FROM {table} "
        f"WHERE {dialect.quote('table')} = {dialect.text(name)}"
    )
