"""One open connection to Oracle, by its driver's thin mode."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import oracledb
import polars as pl
import pyarrow as pa

from hygge.core.errors import Cancelled, HyggeError
from hygge.sql.link import Link
from hygge.sql.oracle.errors import told

SESSION = (
    "ALTER SESSION SET TIME_ZONE = '+00:00'",
    "ALTER SESSION SET NLS_NUMERIC_CHARACTERS = '.,'",
)
"""What the text of values depends on, and the session's own notion of local time."""


class OracleLink(Link):
    """A connection.

    Parameters
    ----------
    connection: an open `oracledb.Connection`.
    label: the database, for errors.
    """

    def __init__(self, connection: Any, label: str) -> None:
        self._connection, self.label, self._cancelled = connection, label, False

    @classmethod
    def open(cls, label: str, arguments: Mapping[str, Any], *, timeout_ms: int) -> Self:
        """Open one. Raises ConnectError, TransientError."""
        with told(label):
            connection = oracledb.connect(**arguments)
            try:
                connection.call_timeout = timeout_ms
                with connection.cursor() as cursor:
                    for statement in SESSION:
                        cursor.execute(statement)
            except BaseException:
                connection.close()
                raise
        return cls(connection, label)

    def execute(self, sql: str) -> None:
        with self._told(), self._connection.cursor() as cursor:
            cursor.execute(sql)

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self._told(), self._connection.cursor() as cursor:
            cursor.arraysize = 1000
            cursor.execute(sql, fetch_decimals=True)
            found: list[tuple[Any, ...]] = cursor.fetchall()
            return found

    def described(self, sql: str) -> Sequence[Any]:
        """What the driver says of a query's columns (`oracledb.FetchInfo`), without running it."""
        with self._told(), self._connection.cursor() as cursor:
            cursor.parse(sql)
            return list(cursor.description)

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self.stream_as(sql, batch_rows, None) as frames:
            yield frames

    @contextmanager
    def stream_as(
        self, sql: str, batch_rows: int, schema: pa.Schema | None
    ) -> Iterator[Iterator[pl.DataFrame]]:
        """A result as frames, with the columns of an Arrow schema where one is asked for."""
        with self._told():
            batches = iter(
                self._connection.fetch_df_batches(
                    sql, size=batch_rows, fetch_decimals=True, requested_schema=schema
                )
            )

        def frames() -> Iterator[pl.DataFrame]:
            while True:
                with self._told():
                    batch = next(batches, None)
                if batch is None:
                    return
                yield pl.DataFrame(pa.table(batch))

        try:
            yield frames()
        finally:
            if (close := getattr(batches, "close", None)) is not None:
                close()

    def cancel(self) -> None:
        self._cancelled = True
        with suppress(oracledb.Error):  # nothing runs, or the connection is gone
            self._connection.cancel()

    def check(self) -> None:
        with self._told():
            self._connection.ping()

    def reset(self) -> None:
        self._cancelled = False
        with self._told():
            self._connection.rollback()

    def close(self) -> None:
        with suppress(oracledb.Error):
            self._connection.close()

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            with told(self.label):
                yield
        except HyggeError as error:
            if self._cancelled:
                raise Cancelled(error.message) from error
            raise
