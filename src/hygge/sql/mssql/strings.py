"""What drivers are told of an address, in their own words."""

from __future__ import annotations

DEFAULT_PORT = 1433
ODBC_DRIVER = "ODBC Driver 18 for SQL Server"
"""As Microsoft's packages call it in odbcinst.ini."""


def server_of(host: str, port: int | None, instance: str | None) -> str:
    """A server as the driver wants it: `tcp:host,1433`, or `host\\instance`."""
    if instance:
        return f"{host}\\{instance}"
    return f"tcp:{host},{port or DEFAULT_PORT}" if "\\" not in host else host


def connection_string(keys: dict[str, str]) -> str:
    """An ODBC connection string; every value in braces, a closing one inside doubled.

    https://learn.microsoft.com/openspecs/sql_server_protocols/ms-odbcstr
    """
    return ";".join(f"{key}={{{value.replace('}', '}}')}}}" for key, value in keys.items())
