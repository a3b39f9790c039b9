"""Oracle Database: its connection, types and reading."""
