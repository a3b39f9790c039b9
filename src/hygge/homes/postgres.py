"""PostgresHome: a table, a view or a query of a PostgreSQL database."""

from __future__ import annotations

from hygge.sql.home import ServerConfig, ServerHome
from hygge.sql.postgres.connection import PostgresConnection


class PostgresHomeConfig(ServerConfig):
    """Settings of a PostgreSQL Home: a connection, and a table or a query."""


class PostgresHome(ServerHome):
    """Where data starts in PostgreSQL.

    `PostgresHome("users", url="postgresql://hygge@db.example.com/shop")` reads the table `users`.
    """

    Config = PostgresHomeConfig
    config: PostgresHomeConfig
    connection_type = PostgresConnection
