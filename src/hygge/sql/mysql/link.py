"""One open connection to MySQL or MariaDB."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Self

import polars as pl
import pymysql

from hygge.core.errors import Cancelled, DataError, HyggeError
from hygge.sql.link import Link
from hygge.sql.mysql import bulk
from hygge.sql.mysql.decode import decode, empty
from hygge.sql.mysql.errors import told
from hygge.sql.mysql.route import Route, open_route
from hygge.sql.mysql.settings import WRITING
from hygge.sql.mysql.wire import Definition, Statement

_SESSION = (
    "SET SESSION time_zone = '+00:00', "
    # Rows in text as they are stored, and all of them, whatever the server's settings are.
    "sql_mode = REPLACE(@@sql_mode, 'PAD_CHAR_TO_FULL_LENGTH', ''), "
    "sql_select_limit = 18446744073709551615, "
    # How long the server waits for us, to take rows or to ask: meanwhile a slow Store writes.
    "net_write_timeout = 86400, wait_timeout = 86400"
)
"""What every connection is set to: https://dev.mysql.com/doc/refman/8.4/en/server-system-variables.html."""
_MARIADB = "SET SESSION idle_transaction_timeout = 0, idle_readonly_transaction_timeout = 0"
"""The same for MariaDB: https://mariadb.com/kb/en/server-system-variables/."""
READING = "SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ"
"""Snapshots."""
KILL_S = 5.0
"""How long having a statement killed may take."""


class MySQLLink(Link):
    """A connection; see `Link`.

    Parameters
    ----------
    connection: a `pymysql.Connection`.
    label: the database, for errors.
    route: how it was opened, for the second connection that kills a statement of it.
    """

    def __init__(self, connection: Any, label: str, route: Route) -> None:
        self._connection, self.label, self._route = connection, label, route
        self.mariadb = "mariadb" in connection.server_version.lower()
        # The connection's socket by another name, for other threads: PyMySQL may close its own
        # at any time, and TLS must not be touched by two.
        self._plug = socket.socket(fileno=os.dup(connection._sock.fileno()))
        self._guard = threading.Lock()
        self._busy = self._cancelled = self._dropped = False
        self._files = route.writing
        self.server = (route.host, route.port, route.socket, route.user)

    @property
    def number(self) -> int:
        """The server's number for it."""
        found: int = self._connection.thread_id()
        return found

    @classmethod
    def open(cls, route: Route, label: str, statement_timeout: float) -> Self:
        """Connect, and set the session up.

        Parameters
        ----------
        statement_timeout: seconds; 0 is no limit.
        """
        with told(label):
            link = cls(open_route(route), label, route)
        try:
            link.execute(_SESSION)
            if link.mariadb:
                link.execute(_MARIADB)
            for statement in WRITING if route.writing else (READING,):
                link.execute(statement)
            if statement_timeout:
                link.execute(link.timeout_sql(statement_timeout))
        except BaseException:
            link.close()
            raise
        return link

    def timeout_sql(self, timeout: float) -> str:
        """The setting that ends statements after so many seconds."""
        if self.mariadb:
            return f"SET SESSION max_statement_time = {timeout:f}"
        return f"SET SESSION max_execution_time = {round(timeout * 1000)}"

    def execute(self, sql: str) -> int | None:
        with self._under_way(), self._connection.cursor() as cursor:
            return int(cursor.execute(sql))

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self._under_way(), self._connection.cursor() as cursor:
            cursor.execute(sql)
            found: Sequence[tuple[Any, ...]] = cursor.fetchall()
            return found

    def append(self, table: str, rows: pl.DataFrame, quote: Callable[[str], str]) -> int:
        """Append a frame to a table, by its columns' names; how many rows the server took.

        Raises DataError where it took one otherwise than it is.
        """
        with self._under_way():
            taken = None
            if self._files:
                try:
                    taken = bulk.load(self._connection, table, rows, quote)
                except pymysql.MySQLError as error:
                    if not bulk.refused(error):
                        raise
                    self._files = False
            if taken is None:
                taken = bulk.insert(self._connection, table, rows, quote)
        if taken.warnings:
            raise DataError(f"{self.label}: {bulk.warning(self.rows('SHOW WARNINGS'))}")
        return taken.rows

    def describe(self, sql: str) -> Sequence[Definition]:
        """The columns of a SELECT, which is prepared and not run."""
        with self._under_way():
            statement = Statement(self._connection, sql)
            statement.close()
        return statement.columns

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self._under_way():
            statement = Statement(self._connection, sql)
        self._busy = True
        try:
            yield self._frames(statement, batch_rows)
        finally:
            self._busy = False
            if statement.ended:
                with suppress(HyggeError), self._under_way():
                    statement.close()
            else:  # what is still to come would be taken for the next answer
                self._drop()

    def _frames(self, statement: Statement, batch_rows: int) -> Iterator[pl.DataFrame]:
        blocks = statement.blocks(batch_rows)
        none = True
        while True:
            with self._under_way():
                block = None if self._cancelled else next(blocks, None)
            if self._cancelled:
                raise self._stopped()
            if block is None:
                break
            none = False
            yield decode(block, statement.columns)
        if none:
            if not statement.columns:
                raise DataError(f"{self.label}: the statement gives no rows")
            yield empty(statement.columns)

    @contextmanager
    def _under_way(self) -> Iterator[None]:
        """While a statement is, it can be cancelled; errors become hygge's."""
        outer, self._busy = self._busy, True
        try:
            with told(self.label):
                yield
        except HyggeError:
            if self._cancelled:
                raise self._stopped() from None
            raise
        finally:
            self._busy = outer

    def _stopped(self) -> Cancelled:
        return Cancelled(f"{self.label}: stopped on request")

    def cancel(self) -> None:
        with self._guard:
            if self._dropped or not self._busy:
                return
            self._cancelled = True
            with suppress(OSError):
                self._plug.shutdown(socket.SHUT_RDWR)
        # The server would notice only when it next sends, which may be hours away.
        route = replace(self._route, connect_timeout=KILL_S, read_timeout=KILL_S)
        with suppress(pymysql.Error, OSError, RuntimeError, HyggeError):
            other = open_route(route)
            with other:
                other.query(f"KILL {self.number}")

    def reset(self) -> None:
        self.execute("ROLLBACK")

    def check(self) -> None:
        with self._under_way():
            self._connection.ping(reconnect=False)

    def _drop(self) -> None:
        """End the connection without a word, so that the server stops sending."""
        with self._guard:
            if not self._dropped:
                self._dropped = True
                with suppress(OSError):
                    self._plug.shutdown(socket.SHUT_RDWR)
                self._plug.close()
        self._connection._force_close()

    def close(self) -> None:
        if self._connection.open and not self._dropped:
            with suppress(pymysql.Error, OSError):
                self._connection.close()
        self._drop()
