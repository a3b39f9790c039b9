"""Errors of SQL Server and of its driver, as hygge's.

The driver tells neither the server's number nor the SQLSTATE, but a fixed text for each SQLSTATE
(`driver_error`), and the server's own words, whatever its language is. So what is told apart by
words alone is said better where the words are English, and is of the right kind everywhere.
https://learn.microsoft.com/sql/relational-databases/errors-events/database-engine-events-and-errors
"""

from __future__ import annotations

import re

from hygge.core.errors import (
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.secrets import redact
from hygge.sql.states import error_of_state

Kind = type[HyggeError]

_AGAIN = "the server ended it, so that others could go on; trying again may help"
_REACH = "check `server` and `port`, that the server runs, and that no firewall is in between"
_LOST = "the line or the server went down"
_INSTALL = (
    "install Microsoft's ODBC Driver 18 for SQL Server, or name another by `odbc_driver`; "
    "`odbcinst -q -d` lists what is there"
)
_LONGER = "raise the connection's `longest_text` or `longest_binary`"
_RIGHTS = (
    "have it granted: to read, `GRANT SELECT ON ... TO ...`; to load, also INSERT, UPDATE, DELETE, "
    "ALTER on the schema and CREATE TABLE"
)
_DENIED = re.compile(
    r"The (?P<right>[A-Z ]+) permission was denied on the object '(?P<object>[^']+)', "
    r"database '[^']*', schema '(?P<schema>[^']+)'"
)
"""How 229 names what is missing."""
_SQL = "check the query, `where` and `columns`"

_WORDS: tuple[tuple[str, Kind, str], ...] = (
    # Microsoft Entra ID: https://learn.microsoft.com/entra/identity-platform/reference-error-codes
    ("aadsts7000222", ConnectError, "the service principal's secret has expired: make another"),
    ("aadsts7000215", ConnectError,
     "check `client_secret`: the secret's value is wanted, not its ID"),
    ("aadsts700016", ConnectError,
     "check `client_id` and `tenant_id`: that tenant has no such application"),
    ("aadsts700027", ConnectError,
     "the application does not know that certificate: upload its public part there, or renew it"),
    ("aadsts7000112", ConnectError, "the application is disabled: have it enabled in its tenant"),
    ("aadsts500011", ConnectError,
     "check `tenant_id`: that tenant has no Azure SQL Database; the server's own tenant has"),
    ("aadsts50126", ConnectError, "check `user` and its password"),
    ("aadsts50076", ConnectError,
     "this user needs a second factor: `auth: interactive`, or a service principal"),
    ("aadsts90002", ConnectError, "check `tenant_id`: there is no such tenant"),
    ("az login", ConnectError, "run `az login`, or choose another `auth`"),
    ("azure cli not found", ConnectError, "install the Azure CLI and run `az login`"),
    ("defaultazurecredential failed", ConnectError,
     "no identity was found: run `az login`, or set AZURE_CLIENT_ID, AZURE_TENANT_ID and "
     "AZURE_CLIENT_SECRET, or give `user` and `password`"),
    ("managedidentitycredential", ConnectError,
     "this machine has no managed identity, or not the one of `client_id`"),
    ("<token-identified principal>", ConnectError,
     "the identity is known, and not to this database: there "
     "`CREATE USER [its name] FROM EXTERNAL PROVIDER`, and check `database`"),
    # 40615, 18456, 4060, 18452
    ("is not allowed to access the server", ConnectError,
     "let this address through the server's firewall: Azure's portal, or "
     "`EXECUTE sp_set_firewall_rule`"),
    ("cannot open server", ConnectError, "check `server`, and the server's firewall"),
    ("cannot open database", ConnectError,
     "check `database`, and that the user may enter it: there `CREATE USER ... FOR LOGIN ...`"),
    ("login failed", ConnectError,
     "check `user` and `password`, that the server takes logins of that kind, and that the login "
     "may use `database`"),
    ("sspi provider", ConnectError, "`auth: windows` needs a Kerberos ticket: `kinit`"),
    ("untrusted domain", ConnectError, "`auth: windows` needs a Kerberos ticket: `kinit`"),
    # Of ODBC itself
    ("can't open lib", ConnectError, _INSTALL),
    ("data source name not found", ConnectError, _INSTALL),
    ("too large to be written", DataError, _LONGER),
    ("sensible upper bound", DataError, _LONGER),
    ("buffer is limited", DataError, _LONGER),
    # Of the way there
    ("certificate", ConnectError,
     "have the server's certificate trusted here, or set `trust_server_certificate: true`"),
    ("ssl provider", ConnectError, "check `encrypt`, and what TLS the server speaks"),
    ("0x2af9", ConnectError, "check `server`: no host of that name is known"),
    ("0x2749", ConnectError, _REACH),
    ("server is not found or not accessible", ConnectError, _REACH),
    ("adaptive server", ConnectError, _REACH),
    # 1205, 1222, 3960, 3961
    ("deadlock", TransientError, _AGAIN),
    ("lock request time out", TransientError,
     "others hold locks for longer than `LOCK_TIMEOUT`; see `session` and `isolation`"),
    ("due to lock timeout", TransientError,
     "others hold locks for longer than `LOCK_TIMEOUT`; see `session` and `isolation`"),
    ("snapshot isolation transaction", TransientError,
     "the table changed its form meanwhile; `isolation: read_committed` reads without a snapshot"),
    ("memory optimized tables", ConfigError, "set the connection's `isolation: read_committed`"),
    # 10928, 10929, 40197, 40501, 40613, 49918 to 49920, 17830
    ("resource id", TransientError, "fewer connections: a smaller `pool_size`, or `limits`"),
    ("service is currently busy", TransientError, "the server throttles: less at once"),
    ("has encountered an error processing your request", TransientError, _AGAIN),
    ("is not currently available", TransientError, "the database starts, or moves"),
    ("not enough resources", TransientError, "the server throttles: less at once"),
    ("too many operations in progress", TransientError, "the server throttles: less at once"),
    ("query timeout", TransientError, "raise `statement_timeout`, or read less at a time"),
    # 229, 916, 297
    ("permission was denied", ConnectError, _RIGHTS),
    ("does not have permission", ConnectError, _RIGHTS),
    # What holds of a query that becomes part of another one: 1033, 8155, 156
    ("order by clause is invalid", ConfigError, "leave ORDER BY out of the query"),
    ("no column name was specified", ConfigError, "name every column of the query with AS"),
    ("keyword 'with'", ConfigError,
     "a query that begins with WITH cannot be read: make a view of it, or use derived tables"),
    ("unsupported data type", ConfigError,
     "CAST that column in the query to a type that Arrow has"),
)  # fmt: skip

_STATES: tuple[tuple[str, Kind, str], ...] = (
    ("invalid authorization", ConnectError, "check who connects: `auth`, `user`, `password`"),
    ("server rejected the connection", ConnectError, "check `database` and `server`"),
    ("client unable to establish connection", ConnectError, _REACH),
    ("communication link failure", TransientError, _LOST),
    ("connection not open", TransientError, _LOST),
    ("timeout expired", TransientError, "raise `connect_timeout` or `statement_timeout`"),
    ("connection timeout expired", TransientError, "raise `connect_timeout`"),
    ("serialization failure", TransientError, _AGAIN),
    ("base table or view not found", ConfigError, "check `table` and `schema`"),
    ("column not found", ConfigError, _SQL),
    ("syntax error or access violation", ConfigError, _SQL),
)
"""The driver's own texts for SQLSTATEs: mssql_python/exceptions.py."""

_ODBC_HINTS: dict[Kind, str] = {
    ConnectError: "check the address and who connects: `server`, `database`, `auth`, `user`",
    TransientError: _LOST, ConfigError: _SQL,
}  # fmt: skip

_NOISE = re.compile(
    r"^(?:\s*\[[^\]]*\])+|Driver Error: .*?; DDBC Error: (?:\[[^\]]*\])*", re.DOTALL
)


_ODBC = re.compile(r"State: (\w{5}), Native error: -?\d+, Message: (.*)", re.DOTALL)
"""How arrow-odbc tells what a driver said."""


def explain_odbc(error: BaseException, label: str) -> HyggeError:
    """An error that arrow-odbc tells of, as one of hygge's; see `explain`."""
    found = _ODBC.search(str(error))
    state, said = found.groups() if found else ("", str(error))
    shown = redact(f"{label}: {_NOISE.sub('', said).strip()}")
    if told := _by_words(shown, said):
        return told
    kind = error_of_state(state) or DataError
    return kind(shown, hint=_ODBC_HINTS.get(kind))


def explain(error: BaseException, label: str) -> HyggeError:
    """An error of the driver's, of Azure's libraries or of the system's, as one of hygge's.

    Parameters
    ----------
    error: what was raised.
    label: the database.
    """
    state = str(getattr(error, "driver_error", "") or "")
    said = str(getattr(error, "ddbc_error", "") or error)
    shown = redact(f"{label}: {_NOISE.sub('', said).strip() or state}")
    if denied := _DENIED.search(said):
        missing = f"GRANT {denied['right']} ON {denied['schema']}.{denied['object']} TO ..."
        return ConnectError(shown, hint=f"have it granted: `{redact(missing)}`")
    if told := _by_words(shown, said):
        return told
    for words, kind, hint in _STATES:
        if words in state.lower():
            return kind(shown, hint=hint)
    if isinstance(error, OSError):
        return ConnectError(shown, hint=_REACH)
    return DataError(shown)


def _by_words(shown: str, said: str) -> HyggeError | None:
    lower = said.lower()
    for words, kind, hint in _WORDS:
        if words in lower:
            return kind(shown, hint=hint)
    return None
