"""MySQL and MariaDB by a driver of SQLAlchemy's."""

from __future__ import annotations

from hygge.sql.alchemy.settler import Inserting
from hygge.sql.mysql.settler import MySQLSettler


class AlchemyMySQL(Inserting, MySQLSettler):
    """See `MySQLSettler`."""
