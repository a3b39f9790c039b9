"""DuckDBHome: a table, a view or a query of a DuckDB file or a MotherDuck database."""

from __future__ import annotations

from hygge.sql.duckdb.connection import DuckDBConnection
from hygge.sql.home import FileHome


class DuckDBHome(FileHome):
    """Where data starts in DuckDB.

    `DuckDBHome("users", path="warehouse.duckdb")` reads the table `users`.
    """

    connection_type = DuckDBConnection
