"""DuckDB: its connection, types and reading."""
