"""SQLiteHome: a table, a view or a query of an SQLite file."""

from __future__ import annotations

from hygge.sql.home import FileHome
from hygge.sql.sqlite.connection import SQLiteConnection


class SQLiteHome(FileHome):
    """Where data starts in an SQLite file.

    `SQLiteHome("users", path="shop.db")` reads the table `users`. Declared types are honoured (see
    `hygge.sql.sqlite.types`): a value that does not fit its column's is an error that names it,
    or is dealt with as `on_bad_value` says.
    """

    connection_type = SQLiteConnection
