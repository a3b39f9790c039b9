"""PostgresStore: a table of a PostgreSQL database."""

from __future__ import annotations

from hygge.sql.postgres.connection import PostgresConnection
from hygge.sql.settle.store import ServerStore, ServerStoreConfig


class PostgresStoreConfig(ServerStoreConfig):
    """Settings of a PostgreSQL Store: a connection, and a table."""


class PostgresStore(ServerStore):
    """Where data settles in PostgreSQL.

    `PostgresStore("users", connection="warehouse")` loads the table `users`, made if need be.
    """

    Config = PostgresStoreConfig
    config: PostgresStoreConfig
    connection_type = PostgresConnection
