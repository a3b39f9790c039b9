"""Any database through an ODBC driver: its connection, types and reading."""
