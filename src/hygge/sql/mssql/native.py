"""Connections by Microsoft's mssql-python, which carries its driver: rows come as Arrow."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from importlib import import_module
from typing import Any, Self

import polars as pl

from hygge.core.errors import Cancelled, ConnectError, DataError, MissingDriver, TransientError
from hygge.core.secrets import redact
from hygge.sql.mssql.copying import Copy
from hygge.sql.mssql.errors import explain
from hygge.sql.mssql.link import MSSQLLink, answers
from hygge.sql.mssql.login import Login
from hygge.sql.mssql.types import DIALECT
from hygge.sql.mssql.written import as_parameters

ROWS = 16_384
"""Rows of a batch, at most: the first of 65,536 takes four times longer to come, and all of them no
less."""


@cache
def driver() -> Any:
    """mssql-python, set up. Raises MissingDriver, ConnectError."""
    try:
        module: Any = import_module("mssql_python")
    except ModuleNotFoundError as error:
        raise MissingDriver(error.name or "mssql_python", "mssql") from None
    except ImportError as error:
        raise ConnectError(
            f"the driver 'mssql_python' cannot be loaded: {error}",
            hint="it needs libltdl7, libkrb5-3 and libgssapi-krb5-2, as Debian calls them",
        ) from None
    # Both hold for the process, and only before it connects first: of two native drivers the one
    # that is proven, and no pool below ours, which would give a session back as it was left.
    module.native_provider = "msodbcsql18"
    module.pooling(enabled=False)
    return module


class NativeLink(MSSQLLink):
    """A connection of mssql-python's; see MSSQLLink.

    Parameters
    ----------
    connection: mssql-python's.
    label, isolation, login: see MSSQLLink.
    timeout: seconds that a statement may take; 0 is no limit.
    """

    def __init__(
        self, connection: Any, label: str, timeout: float = 0.0, isolation: str | None = None,
        login: Login | None = None,
    ) -> None:  # fmt: skip
        super().__init__(label, isolation, login)
        self._connection, self._timeout = connection, timeout
        self._guard = threading.Lock()
        self._cursor: Any = None
        self._reader: Any = None
        self._copy: Copy | None = None
        self._stopped: type[Cancelled] | type[TransientError] | None = None

    @classmethod
    def open(
        cls, text: str, label: str, *, login: Login, probe: tuple[str, int] | None,
        connect_timeout: float, statement_timeout: float, isolation: str | None,
    ) -> Self:  # fmt: skip
        """Connect.

        Parameters
        ----------
        text: the connection string.
        login: who connects.
        probe: host and port that must answer; the driver itself takes all of its time to say that
            nobody does. None where it finds the way by itself.
        connect_timeout, statement_timeout: seconds; 0 is no limit.
        """
        module = driver()
        if probe is not None:
            answers(probe, connect_timeout, label)
        extra = {"token_provider": login.credential()} if login.by_token else {}
        try:
            connection = module.connect(
                text, autocommit=True, timeout=max(1, round(connect_timeout)), **extra
            )
        except Exception as error:  # noqa: BLE001 - the driver's, Azure's, and a token's makers' own
            told = explain(error, label)
            kind = type(told) if isinstance(told, TransientError) else ConnectError
            raise kind(f"{told.message} ({login.words()})", hint=told.hint) from None
        return cls(connection, label, statement_timeout, isolation, login)

    def execute(self, sql: str) -> int | None:
        with self._running(sql) as cursor:
            changed: int = cursor.rowcount
            while cursor.nextset():  # errors of later statements come with their results
                pass
            return changed if changed >= 0 else None

    def table(self, sql: str) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        """The names of a small result's columns, and its rows."""
        with self._running(sql) as cursor:
            names = [column[0] for column in cursor.description or ()]
            return names, [tuple(row) for row in cursor.fetchall()]

    def insert(self, into: str, rows: pl.DataFrame) -> int:
        """See MSSQLLink. By parameters, a statement for each row, sent together."""
        listed = ", ".join(map(DIALECT.quote, rows.columns))
        marks = ", ".join("?" * rows.width)
        sql = f"INSERT INTO {into} ({listed}) VALUES ({marks})"
        values = as_parameters(rows).rows()
        with self._statement(lambda cursor: cursor.executemany(sql, values)):
            return rows.height

    def copy_into(self, target: str) -> Copy:
        """A bulk copy into a table, over a connection that the driver opens for it."""
        with self._guard:
            self._copy = Copy(self._connection.cursor(), target, self._told_of_copy, self.label)
            return self._copy

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self._running(sql) as cursor, cursor.arrow_reader(min(batch_rows, ROWS)) as reader:
            with self._guard:
                self._reader = reader
            yield self._frames(reader)

    def _frames(self, reader: Any) -> Iterator[pl.DataFrame]:
        none = True
        batches = iter(reader)
        while True:
            try:
                batch = next(batches, None)
            except Exception as error:  # noqa: BLE001 - the driver has errors of every kind here
                raise self._told(error) from None
            if self._stopped is not None:  # part of the rows must not pass for all
                raise self._told(None)
            if batch is None:
                break
            none = False
            yield pl.DataFrame(batch)
        if none:
            yield pl.DataFrame(reader.schema.empty_table())

    @contextmanager
    def _running(self, sql: str) -> Iterator[Any]:
        """A cursor that has run a statement, and can be stopped until the block ends."""
        with self._statement(lambda cursor: cursor.execute(sql)) as cursor:
            yield cursor

    @contextmanager
    def _statement(self, run: Callable[[Any], object]) -> Iterator[Any]:
        cursor = self._new_cursor()
        timer = threading.Timer(self._timeout, self._stop, [TransientError])
        timer.daemon = True
        if self._timeout:
            timer.start()
        try:
            try:
                run(cursor)
            except Exception as error:  # noqa: BLE001 - see _told
                raise self._told(error) from None
            try:
                yield cursor
            except driver().Error as error:
                raise self._told(error) from None
        finally:
            timer.cancel()
            with self._guard:
                self._cursor = self._reader = None
            with suppress(driver().Error, RuntimeError):
                cursor.close()

    def _new_cursor(self) -> Any:
        try:
            cursor = self._connection.cursor()
        except driver().Error as error:
            raise self._told(error) from None
        with self._guard:
            if self._stopped is not Cancelled:
                self._stopped = None
            self._cursor = cursor
        return cursor

    def _told(self, error: Exception | None) -> Exception:
        """What became of a statement, in hygge's words."""
        if self._stopped is TransientError:
            return TransientError(
                f"{self.label}: a statement took longer than {self._timeout:g} s",
                hint="raise `statement_timeout`, or read less at a time",
            )
        if self._stopped is not None:
            return Cancelled(f"{self.label}: stopped on request")
        assert error is not None
        if isinstance(error, RuntimeError) and "result set" in str(error):
            return DataError(f"{self.label}: the statement gives no rows")
        return explain(error, self.label)

    def _told_of_copy(self, error: BaseException) -> Exception:
        """Why a bulk copy ended; the driver checks the values itself, and has panics of its own."""
        if isinstance(error, ValueError):
            return DataError(redact(f"{self.label}: {error}"))
        told = explain(error, self.label)
        if isinstance(error, Exception):
            return told
        return DataError(
            f"{told.message} (the driver's own bulk copy failed)",
            hint="`bulk_copy: false` sends the rows by INSERTs",
        )

    def cancel(self) -> None:
        copy = self._copy
        if copy is not None:
            copy.stop()
        self._stop(Cancelled)

    def _stop(self, why: type[Cancelled] | type[TransientError]) -> None:
        """End the statement under way, from any thread."""
        with self._guard:
            cursor, reader = self._cursor, self._reader
            if cursor is None:
                return
            self._stopped = why
        with suppress(Exception):  # it may have ended this moment, in any state
            if reader is not None:
                reader.close()
            else:
                # SQLCancel, the one call that any thread may make; the driver has no public name
                # for it but an Arrow reader's close().
                cursor.hstmt._cancel()

    def reset(self) -> None:
        self._end_copy()
        super().reset()

    def _end_copy(self) -> None:
        """The driver's other connection goes before this one does, or is anybody else's."""
        with self._guard:
            copy, self._copy = self._copy, None
        if copy is not None:
            copy.stop()
            copy.join()

    def close(self) -> None:
        self._end_copy()
        with suppress(driver().Error, RuntimeError):
            self._connection.close()
