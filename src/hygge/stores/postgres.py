"""PostgresStore: a table of a PostgreSQL database."""

from __future__ import annotations

from hygge.sql.postgres.connection import PostgresConnection
from hygge.sql.settle.partitioned import PartitionedStore, PartitionedStoreConfig


class PostgresStoreConfig(PartitionedStoreConfig):
    """Settings of a PostgreSQL Store: a connection, a table, and how it is to be."""


class PostgresStore(PartitionedStore):
    """Where data settles in PostgreSQL.

    `PostgresStore("users", connection="warehouse")` loads the table `users`, made if need be.
    """

    Config = PostgresStoreConfig
    config: PostgresStoreConfig
    connection_type = PostgresConnection
