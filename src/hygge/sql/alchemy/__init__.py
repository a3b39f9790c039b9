"""Any database that SQLAlchemy reaches: its connection, types and reading."""
