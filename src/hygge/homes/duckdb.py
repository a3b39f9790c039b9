"""DuckDBHome: a table, a view or a query of a DuckDB file or a MotherDuck database."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from hygge.core.context import Surroundings
from hygge.sql.duckdb.connection import DuckDBConnection
from hygge.sql.home import ServerConfig, ServerHome
from hygge.sql.server import PooledConnection


class DuckDBHomeConfig(ServerConfig):
    """Settings of a DuckDB Home: a file or a connection, and a table or a query."""

    path: str | None = Field(
        default=None, description="The database file, instead of `connection`",
        examples=["warehouse.duckdb"],
    )  # fmt: skip


class DuckDBHome(ServerHome):
    """Where data starts in DuckDB.

    `DuckDBHome("users", path="warehouse.duckdb")` reads the table `users`.
    """

    Config = DuckDBHomeConfig
    config: DuckDBHomeConfig
    connection_type = DuckDBConnection

    def _connection(self, around: Surroundings) -> PooledConnection:
        if self.config.path is not None:
            return DuckDBConnection(path=self.config.path).bind(around.root)
        return super()._connection(around)

    def place(self) -> str:
        found: Any = self.server
        where = found.place() if found else self.config.path
        return super().place() if where is None else f"{where}#{super().place().partition('#')[2]}"
