"""DuckDBStore: a table of a DuckDB file or a MotherDuck database."""

from __future__ import annotations

from pydantic import Field

from hygge.core.context import Surroundings
from hygge.core.settings import build
from hygge.sql.duckdb.connection import DuckDBConnection
from hygge.sql.server import PooledConnection
from hygge.sql.settle.store import ServerStore, ServerStoreConfig


class DuckDBStoreConfig(ServerStoreConfig):
    """Settings of a DuckDB Store: a file or a connection, and a table."""

    path: str | None = Field(
        default=None, description="The database file, instead of `connection`; made if need be",
        examples=["warehouse.duckdb"],
    )  # fmt: skip


class DuckDBStore(ServerStore):
    """Where data settles in DuckDB.

    `DuckDBStore("users", path="warehouse.duckdb")` loads the table `users`, made if need be.
    """

    Config = DuckDBStoreConfig
    config: DuckDBStoreConfig
    connection_type = DuckDBConnection

    def _connection(self, around: Surroundings) -> PooledConnection:
        if self.config.path is not None:
            owner = f"the store of '{self.name}'"
            made: PooledConnection = build(DuckDBConnection, owner, {"path": self.config.path}, {})
            return made.bind(around.root)
        return super()._connection(around)
