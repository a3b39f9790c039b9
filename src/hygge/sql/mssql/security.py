"""Row security: what may hide rows of a table from who reads or loads it.

A security policy's FILTER predicate leaves rows out of SELECT, UPDATE and DELETE without a word,
for every user, `dbo` and members of `db_owner` among them; INSERT and bulk copy it does not
concern. Which rows a user sees is what its function makes of them, which cannot be asked
beforehand. BLOCK predicates raise an error, so that nothing needs to be done about them.

https://learn.microsoft.com/sql/relational-databases/security/row-level-security

Whoever has neither ALTER ANY SECURITY POLICY nor VIEW DEFINITION is not shown the policies:
https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-security-predicates-transact-sql
"""

from __future__ import annotations

from hygge.core.errors import ConnectError
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.types import DIALECT
from hygge.sql.settle.place import Place

# https://learn.microsoft.com/sql/relational-databases/system-catalog-views/sys-security-policies-transact-sql
_FILTERS = """
SELECT x.n, SCHEMA_NAME(p.schema_id), p.name FROM ({tables}) x
JOIN sys.security_predicates q ON q.target_object_id = x.id AND q.predicate_type = 0
JOIN sys.security_policies p ON p.object_id = q.object_id AND p.is_enabled = 1
"""
_ROWS = "SELECT SUM(rows) FROM sys.partitions WHERE index_id IN (0, 1) AND object_id = {of}"


def policies(link: MSSQLLink, *tables: str) -> list[str]:
    """For each table the security policy that filters its rows; "" for none, where the server has
    none, or where the user may not see it.

    Parameters
    ----------
    tables: their quoted names.
    """
    if not link.has_policies:
        return [""] * len(tables)
    asked = " UNION ALL ".join(
        f"SELECT {n} AS n, {_id(table)} AS id" for n, table in enumerate(tables)
    )
    found = {n: f"{schema}.{name}" for n, schema, name in link.rows(_FILTERS.format(tables=asked))}
    return [found.get(n, "") for n, _ in enumerate(tables)]


def check(link: MSSQLLink, place: Place, states: str, *, compares: bool) -> str:
    """See `Catalogue.check_sight`.

    Parameters
    ----------
    states: the quoted name of the table that keeps the place's state.
    """
    way_out = (
        "if the policy's function shows all of them to who loads, say so by `sees_all_rows: true`; "
        "else have it do so, or disable the policy"
    )
    of_rows, of_states = policies(link, place.sql(DIALECT), states)
    if of_states:
        raise ConnectError(
            f"{place}: the security policy {of_states} may hide its state, in {states}",
            hint=way_out,
        )
    if not of_rows:
        return ""
    told = f"{place}: the security policy {of_rows} may hide rows of it from who loads"
    if compares:
        raise ConnectError(
            f"{told}: they would be taken for gone, and come twice",
            hint=f"{way_out}; mode `append` compares nothing, and loads it",
        )
    return f"{told}: rows are appended, and those that are there are not looked at"


def has_rows(link: MSSQLLink, table: str) -> bool:
    """Whether a table has rows, hidden or not, as the server's own count of them says.

    Parameters
    ----------
    table: its quoted name.
    """
    (rows,) = link.row(_ROWS.format(of=_id(table)))
    return bool(rows)


def _id(table: str) -> str:
    return f"OBJECT_ID({DIALECT.text(table)})"
