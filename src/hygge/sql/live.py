"""Live objects handed over in Python: which they may be, and how each is read."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from hygge.core.context import Context
from hygge.core.errors import ConfigError, UnsupportedError
from hygge.core.home import Table
from hygge.core.reading import HomeSession
from hygge.sql.link import Link
from hygge.sql.pool import Lease
from hygge.sql.source import Source

T = TypeVar("T")


def _is_alchemy(live: Any) -> bool:
    return type(live).__module__.startswith("sqlalchemy.")


def _is_adbc(live: Any) -> bool:
    return hasattr(live, "adbc_connection")


def check_live(live: Any) -> None:
    """Raise ConfigError for an object that nothing can be read through."""
    if _is_alchemy(live) or _is_adbc(live) or isinstance(live, sqlite3.Connection):
        return
    raise ConfigError(
        f"SQLHome cannot read through a {type(live).__module__}.{type(live).__qualname__}",
        hint="give a SQLAlchemy URL, Engine or Connection, or a sqlite3 or ADBC connection; "
        "sqlalchemy.create_engine(url, creator=...) wraps any DB-API connection",
    )


def database_of(live: Any) -> str:
    """What a live object is connected to: never a host, a user or a secret."""
    url = getattr(getattr(live, "engine", None), "url", None)
    if url is not None:
        return f"{url.get_backend_name()}:{url.database or ''}"
    return type(live).__module__.split(".")[0]


def open_live(live: Any, source: Source, context: Context) -> HomeSession:
    """A session through a live object, which is never closed."""
    from hygge.sql.sqlite.live import LiveSQLiteSession

    if isinstance(live, sqlite3.Connection):
        return LiveSQLiteSession(live, source, context)
    if _is_adbc(live):
        return _open_adbc(live, source, context)
    if live.engine.dialect.name != "sqlite" or live.engine.driver != "pysqlite":
        from hygge.sql.alchemy.session import session_over

        return session_over(live, source, context)
    # Not by SQLite's fast road: two copies of the library in one process break each other's locks.
    if not hasattr(live, "connect"):
        return LiveSQLiteSession(live.connection.driver_connection, source, context)
    in_place = _in_its_thread(live, context)
    borrowed = in_place(live.connect)
    driver = borrowed.connection.driver_connection
    return LiveSQLiteSession(driver, source, context, release=lambda: in_place(borrowed.close))


def _in_its_thread(engine: Any, context: Context) -> Callable[[Callable[[], T]], T]:
    """Runs a call where an engine keeps its connections: a database in memory, by default, has
    another one in every thread, and the caller's is the one with the tables."""
    from sqlalchemy.pool import SingletonThreadPool

    def there(call: Callable[[], T]) -> T:
        async def whole() -> T:
            return call()

        return context.wait_for(whole())

    bound = isinstance(engine.pool, SingletonThreadPool) and context.loop is not None
    return there if bound else lambda call: call()


def _open_adbc(live: Any, source: Source, context: Context) -> HomeSession:
    if live.adbc_get_info().get("vendor_name") == "SQLite":
        from hygge.sql.sqlite.access import Database
        from hygge.sql.sqlite.session import SQLiteSession

        borrowed = Database.borrow(live.adbc_connection, source.where)
        return SQLiteSession(borrowed, source, context)
    from hygge.sql.arrow import ADBCLink, ArrowSession

    return ArrowSession(Lease(ADBCLink(live, source.where), _left), source, context)


def _left(link: Link, broken: bool) -> None:
    """What becomes of a caller's connection once it has been read: nothing."""


def live_tables(live: Any, context: Context) -> Sequence[Table]:
    """Every table and view. Raises UnsupportedError for a live object but SQLAlchemy's."""
    if not _is_alchemy(live):
        raise UnsupportedError(
            "the tables of a handed-over connection are listed only through SQLAlchemy",
            hint="name the entities instead of using `tables:`",
        )
    from hygge.sql.alchemy.session import session_over

    with session_over(live, Source(where=database_of(live)), context) as session:
        return session.tables()
