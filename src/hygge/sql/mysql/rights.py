"""What a user of MySQL or MariaDB may do, as far as the catalogue tells."""

from __future__ import annotations

from hygge.core.errors import ConnectError
from hygge.sql.link import Link

NEEDED = ("SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER", "DROP")
"""What loads need, on the database."""
_WHO = "concat('\\'', replace(current_user(), '@', '\\'@\\''), '\\'')"
# Names of databases are patterns there, as in GRANT.
_RIGHTS = """
SELECT privilege_type FROM information_schema.user_privileges WHERE grantee = {who}
UNION SELECT privilege_type FROM information_schema.schema_privileges
  WHERE grantee = {who} AND {schema} LIKE table_schema
"""

_SEES_TRIGGERS = (
    _RIGHTS
    + """UNION SELECT privilege_type FROM information_schema.table_privileges
  WHERE grantee = {who} AND table_schema = {schema} AND table_name = {table}
"""
)


def sees_triggers(link: Link, schema: str, table: str) -> bool:
    """Whether it is known that the catalogue shows the user a table's triggers: to those who have
    TRIGGER on it. (MariaDB 10.11 shows them to others too.) That a role brings it is not told.

    https://dev.mysql.com/doc/refman/8.4/en/information-schema-triggers-table.html

    Parameters
    ----------
    schema, table: as SQL.
    """
    found = link.rows(_SEES_TRIGGERS.format(who=_WHO, schema=schema, table=table))
    return "TRIGGER" in {str(right) for (right,) in found}


def check(link: Link, schema: str, place: str, quoted: str) -> None:
    """Raise ConnectError where a right is known to be missing.

    A right may also come by a role, or be everybody's, which is not told here.

    Parameters
    ----------
    schema: the database, as SQL.
    place: for people.
    quoted: the database's name, for the hint.
    """
    user, role, fixed = link.row("SELECT current_user(), current_role(), @@global.read_only")
    if str(role or "NONE") != "NONE":
        return
    found = {str(right) for (right,) in link.rows(_RIGHTS.format(who=_WHO, schema=schema))}
    who = "@".join(f"'{part}'" for part in str(user).rsplit("@", 1))
    missing = [right for right in NEEDED if right not in found]
    if found and missing and not link.rows(_EVERYBODYS):
        raise ConnectError(
            f"{place}: the user {who} may not {', '.join(missing)} there, as a load must: it makes "
            "a table for rows that wait, and one for its state",
            hint=f"GRANT {', '.join(missing)} ON {quoted}.* TO {who}",
        )
    if fixed and not found & {"SUPER", "READ_ONLY ADMIN", "CONNECTION_ADMIN"}:
        raise ConnectError(
            f"{place}: the server takes no changes (`read_only`)", hint="load into the primary"
        )


_EVERYBODYS = (
    "SELECT 1 FROM information_schema.schema_privileges WHERE grantee LIKE '%PUBLIC%' LIMIT 1"
)
