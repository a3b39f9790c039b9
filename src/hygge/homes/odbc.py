"""ODBCHome: a table, a view or a query of a database through its ODBC driver."""

from __future__ import annotations

from hygge.sql.home import ServerConfig, ServerHome
from hygge.sql.odbc.connection import ODBCConnection


class ODBCHomeConfig(ServerConfig):
    """Settings of an ODBC Home: a connection, and a table or a query."""


class ODBCHome(ServerHome):
    """Where data starts in a database that has an ODBC driver.

    `ODBCHome("users", connection="shop")` reads the table `users`.
    """

    Config = ODBCHomeConfig
    config: ODBCHomeConfig
    connection_type = ODBCConnection
