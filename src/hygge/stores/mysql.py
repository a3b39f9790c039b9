"""MySQLStore: a table of a MySQL or MariaDB database."""

from __future__ import annotations

from hygge.sql.mysql.connection import MySQLConnection
from hygge.sql.settle.store import ServerStore


class MySQLStore(ServerStore):
    """Where data settles in MySQL or MariaDB.

    `MySQLStore("users", connection="warehouse")` loads the table `users`, made if need be.
    """

    connection_type = MySQLConnection
