"""MySQLHome: a table, a view or a query of MySQL or MariaDB."""

from __future__ import annotations

from hygge.core.context import Context
from hygge.core.reading import HomeSession
from hygge.sql.home import ServerHome
from hygge.sql.mysql.connection import MySQLConnection


class MySQLHome(ServerHome):
    """Where data starts in MySQL or MariaDB.

    `MySQLHome("users", connection="shop")` reads the table `users`.
    """

    connection_type = MySQLConnection

    def beside(self, session: HomeSession, most: int, context: Context) -> list[HomeSession]:
        """In the session's snapshot where it is shared; see Home."""
        from hygge.sql.mysql.session import MySQLSession

        found = session.beside(most) if isinstance(session, MySQLSession) else None
        return super().beside(session, most, context) if found is None else [*found]
