"""MySQL and MariaDB: their connection, protocol, types and reading."""
