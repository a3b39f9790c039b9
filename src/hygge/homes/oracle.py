"""OracleHome: a table, a view or a query of an Oracle Database."""

from __future__ import annotations

from hygge.sql.home import ServerConfig, ServerHome
from hygge.sql.oracle.connection import OracleConnection


class OracleHomeConfig(ServerConfig):
    """Settings of an Oracle Home: a connection, and a table or a query."""


class OracleHome(ServerHome):
    """Where data starts in an Oracle Database.

    `OracleHome("USERS", url="oracle://hygge@db.example.com/shop")` reads the table `USERS`.
    """

    Config = OracleHomeConfig
    config: OracleHomeConfig
    connection_type = OracleConnection
