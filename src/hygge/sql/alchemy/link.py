"""One open connection of SQLAlchemy's, and its errors in hygge's words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import polars as pl
import sqlalchemy as sa

from hygge.core.errors import (
    Cancelled,
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.secrets import redact
from hygge.sql.link import Link
from hygge.sql.states import error_of_state


class AlchemyLink(Link):
    """A SQLAlchemy connection. Statements are text, run as the driver takes it.

    Parameters
    ----------
    connection: open.
    label: the database, for errors.
    borrowed: whether it is a caller's: nothing of it is then changed, and it is never closed.
    """

    def __init__(self, connection: sa.Connection, label: str, *, borrowed: bool = False) -> None:
        self.connection, self.label, self.borrowed = connection, label, borrowed
        self._cancelled = False

    @property
    def backend(self) -> str:
        """SQLAlchemy's name of the kind of database."""
        return self.connection.dialect.name

    def begin(self, isolation: str) -> None:
        """Begin a transaction at an isolation level."""
        with self._told():
            self.connection.execution_options(isolation_level=isolation)

    def execute(self, sql: str) -> int | None:
        with self._told():
            self._run(sql).close()
            if not self.borrowed:  # a setting must outlive the transaction that it is made in
                self.connection.commit()
        return None

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self._told():
            return [tuple(row) for row in self._run(sql).fetchall()]

    def described(self, sql: str, look: Callable[[Any], list[Any]]) -> tuple[list[str], list[Any]]:
        """The names of a result's columns, and what a look at the driver's cursor finds."""
        with self._told():
            result = self._run(sql)
            try:
                return list(result.keys()), look(result.cursor)
            finally:
                result.close()

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        """See Link: through a server-side cursor where the driver has one.

        The driver's own types are Python's: every column of the frames is of objects.
        """
        with self._told():
            result = self._run(sql, stream_results=True, max_row_buffer=batch_rows)
        whole = False

        def frames() -> Iterator[pl.DataFrame]:
            nonlocal whole
            names = [str(at) for at in range(len(result.keys()))]
            yield pl.DataFrame(schema=dict.fromkeys(names, pl.Object()))
            while True:
                with self._told():
                    rows = result.fetchmany(batch_rows)
                if not rows:
                    break
                columns = zip(names, zip(*rows, strict=True), strict=True)
                yield pl.DataFrame([pl.Series(n, c, dtype=pl.Object) for n, c in columns])
            whole = True

        try:
            yield frames()
        finally:
            # MySQL's drivers read all the rest of a result when it is closed.
            if not whole and not self.borrowed and self.backend in ("mysql", "mariadb"):
                _abandon(result.cursor)
                self.connection.invalidate()
            else:
                with self._told():
                    result.close()

    def _run(self, sql: str, **options: Any) -> sa.CursorResult[Any]:
        if self._cancelled:
            raise Cancelled(f"{self.label}: cancelled")
        options = {"no_parameters": True, **options}
        return self.connection.exec_driver_sql(sql, execution_options=options)

    def cancel(self) -> None:
        """Ask the driver to stop, where it can be asked from another thread."""
        self._cancelled = True
        with suppress(Exception):
            if self.backend in ("mysql", "mariadb"):
                self._kill_query()
                return
            driver = self.connection.connection.driver_connection
            stop = getattr(driver, "cancel", None) or getattr(driver, "interrupt", None)
            if stop is not None:
                stop()

    def _kill_query(self) -> None:
        thread = self.connection.connection.driver_connection
        number = getattr(thread, "thread_id", None) or getattr(thread, "connection_id", None)
        if number is None:
            return
        with self.connection.engine.connect() as other:
            other.exec_driver_sql(f"KILL QUERY {int(number() if callable(number) else number)}")

    def check(self) -> None:
        with self._told():
            driver = self.connection.connection.dbapi_connection
            if driver is None:  # it was invalidated
                raise TransientError(f"{self.label}: the connection is gone")
            self.connection.dialect.do_ping(driver)

    def reset(self) -> None:
        """See Link. Raises TransientError for a connection that is lost, which is used no more."""
        if self.connection.closed or self.connection.invalidated:
            raise TransientError(f"{self.label}: the connection is gone")
        self._cancelled = False
        with self._told():
            self.connection.rollback()

    def close(self) -> None:
        if not self.borrowed:
            with suppress(sa.exc.SQLAlchemyError):
                # SQLAlchemy would first roll back, and log what a line that is gone makes of that.
                self.connection.invalidate()
                self.connection.close()

    def give_back(self) -> None:
        """Give it back to SQLAlchemy's own pool."""
        with self._told():
            self.connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with told(self.label):
                yield
        except HyggeError as error:
            if self._cancelled:
                raise Cancelled(error.message) from error
            raise


def _abandon(cursor: Any) -> None:
    """Have a cursor of PyMySQL's not read the rest of its result when it is collected."""
    pending: Any = getattr(cursor, "_result", None)
    if getattr(pending, "unbuffered_active", False):
        pending.unbuffered_active = False
        cursor.connection = None


@contextmanager
def told(label: str) -> Iterator[None]:
    """SQLAlchemy's errors in hygge's words, without secrets."""
    try:
        yield
    except sa.exc.DBAPIError as error:
        raise explain(error, label) from None
    except sa.exc.TimeoutError as error:
        raise TransientError(redact(f"{label}: {error}")) from None
    except sa.exc.SQLAlchemyError as error:
        raise ConfigError(redact(f"{label}: {error}")) from None
    except OSError as error:  # of a driver that speaks to the network in Python
        raise ConnectError(redact(f"{label}: {error}"), hint=_ACCESS) from None


# https://dev.mysql.com/doc/mysql-errors/8.4/en/server-error-reference.html, and MariaDB's 1969.
_NUMBERS: dict[int, type[HyggeError]] = {
    **dict.fromkeys((1040, 1205, 1213, 1317, 1969, 2006, 2013, 3024), TransientError),
    **dict.fromkeys((1044, 1045, 1049, 1130, 2002, 2003, 2005), ConnectError),
    **dict.fromkeys((1054, 1064, 1142, 1143, 1146, 1193), ConfigError),
}
# https://sqlite.org/rescode.html
_SQLITE: dict[str, type[HyggeError]] = {
    "SQLITE_ERROR": ConfigError, "SQLITE_BUSY": TransientError, "SQLITE_LOCKED": TransientError,
    "SQLITE_CANTOPEN": ConnectError,
}  # fmt: skip
_ACCESS = "check the address, the user and the password"


def explain(error: sa.exc.DBAPIError, label: str) -> HyggeError:
    """A driver's error as one of ours: by its code where it has one that is known."""
    text = redact(f"{label}: {error.orig}")
    kind = _kind(error)
    hint = _ACCESS if kind is ConnectError else None
    return kind(text, hint=hint)


def _kind(error: sa.exc.DBAPIError) -> type[HyggeError]:
    state = str(getattr(error.orig, "sqlstate", None) or getattr(error.orig, "pgcode", None) or "")
    number = error.orig.args[0] if error.orig is not None and error.orig.args else None
    found = error_of_state(state)
    if found is None and isinstance(number, int):
        found = _NUMBERS.get(number)
    if found is not None:
        return found
    if error.connection_invalidated:
        return TransientError
    if found := _SQLITE.get(getattr(error.orig, "sqlite_errorname", "")):
        return found
    if isinstance(error, sa.exc.ProgrammingError):
        return ConfigError
    if isinstance(error, sa.exc.OperationalError):
        low = str(error.orig).lower()
        moment = any(word in low for word in ("locked", "deadlock", "timeout"))
        return TransientError if moment else ConnectError
    return DataError
