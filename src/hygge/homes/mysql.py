"""MySQLHome: a table, a view or a query of MySQL or MariaDB."""

from __future__ import annotations

from hygge.sql.home import ServerHome
from hygge.sql.mysql.connection import MySQLConnection


class MySQLHome(ServerHome):
    """Where data starts in MySQL or MariaDB.

    `MySQLHome("users", connection="shop")` reads the table `users`.
    """

    connection_type = MySQLConnection
