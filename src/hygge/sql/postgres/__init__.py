"""PostgreSQL: its connection, types, catalogue and reading."""
