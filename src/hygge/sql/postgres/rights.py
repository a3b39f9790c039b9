"""What a user of PostgreSQL may do in a place, and whether all of its rows are seen."""

from __future__ import annotations

from hygge.core.errors import ConnectError
from hygge.sql.link import Link
from hygge.sql.postgres.types import DIALECT
from hygge.sql.settle.place import Place

_RIGHTS = """
SELECT current_user::text, current_setting('transaction_read_only'),
  {schema}::text,
  coalesce((SELECT has_schema_privilege(oid, 'CREATE') FROM pg_namespace WHERE nspname = {schema}),
           has_database_privilege(current_database(), 'CREATE')),
  coalesce(has_table_privilege(to_regclass({table}), 'SELECT')
           AND has_table_privilege(to_regclass({table}), 'INSERT'), TRUE),
  coalesce(has_table_privilege(to_regclass({state}), 'SELECT')
           AND has_table_privilege(to_regclass({state}), 'INSERT')
           AND has_table_privilege(to_regclass({state}), 'UPDATE'), TRUE),
  coalesce(row_security_active(to_regclass({table})), FALSE)
  OR coalesce(row_security_active(to_regclass({state})), FALSE)
"""


def check(link: Link, place: Place, schema: str, states: str) -> None:
    """See `Catalogue.check_rights`: to make tables in the schema, to put rows into the one that is
    there, and to see all of them: those that policies hide would be taken for gone, and come twice.

    Parameters
    ----------
    schema: the place's, as SQL.
    states: the quoted name of the table that keeps its state.
    """
    quote, table = DIALECT.quote, place.sql(DIALECT)
    user, read_only, within, makes, puts, keeps, hidden = link.row(
        _RIGHTS.format(schema=schema, table=DIALECT.text(table), state=DIALECT.text(states))
    )
    if read_only == "on":
        raise ConnectError(
            f"{place}: the server takes no changes: it is a standby, or "
            "`default_transaction_read_only` is on",
            hint="load into the primary",
        )
    if hidden:
        raise ConnectError(
            f"{place}: row security may hide rows of it, or of its state, from '{user}'",
            hint="load as the table's owner, without FORCE ROW LEVEL SECURITY, or as a user "
            "with BYPASSRLS",
        )
    grants = [] if makes else [f"CREATE, USAGE ON SCHEMA {quote(str(within))}"]
    grants += [] if puts else [f"SELECT, INSERT ON {table}"]
    grants += [] if keeps else [f"SELECT, INSERT, UPDATE ON {states}"]
    if grants:
        raise ConnectError(
            f"{place}: the user '{user}' may not load it: a load makes a table for rows that "
            "wait, and one for its state",
            hint="; ".join(f"GRANT {grant} TO {quote(user)}" for grant in grants)
            + "; to replace or alter a table that is there, it must be its owner's too",
        )
