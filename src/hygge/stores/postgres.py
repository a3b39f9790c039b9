"""PostgresStore: a table of a PostgreSQL database."""

from __future__ import annotations

from pydantic import Field

from hygge.sql.postgres.connection import PostgresConnection
from hygge.sql.settle.store import ServerStore, ServerStoreConfig


class PostgresStoreConfig(ServerStoreConfig):
    """Settings of a PostgreSQL Store: a connection, and a table."""

    indexes: tuple[tuple[str, ...], ...] = Field(
        default=(),
        description="The columns of each index that the table is given when it is made, by the "
        "destination's names",
        examples=[[["user_id", "ordered_at"], ["status"]]],
    )


class PostgresStore(ServerStore):
    """Where data settles in PostgreSQL.

    `PostgresStore("users", connection="warehouse")` loads the table `users`, made if need be.
    """

    Config = PostgresStoreConfig
    config: PostgresStoreConfig
    connection_type = PostgresConnection

    @property
    def indexes(self) -> tuple[tuple[str, ...], ...]:
        return self.config.indexes
