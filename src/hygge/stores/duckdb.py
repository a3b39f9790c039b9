"""DuckDBStore: a table of a DuckDB file or a MotherDuck database."""

from __future__ import annotations

from pydantic import Field

from hygge.sql.duckdb.connection import DuckDBConnection
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
