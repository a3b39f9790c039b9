"""Connections by an installed ODBC driver, through arrow-odbc: rows come as Arrow.

The driver takes what is not ASCII in a statement for what its environment says, so that such a
statement is sent as a parameter, which is UTF-16 whatever the environment; and so do texts come.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from math import ceil
from typing import Any, ClassVar, Self

import arrow_odbc
import polars as pl
import pyarrow as pa

from hygge.core.errors import Cancelled, ConnectError, TransientError
from hygge.sql.mssql.errors import explain_odbc
from hygge.sql.mssql.link import MSSQLLink, answers
from hygge.sql.mssql.login import Login
from hygge.sql.mssql.types import DIALECT
from hygge.sql.mssql.written import statements

BUFFER_BYTES = 64 << 20
"""The buffer that rows arrive in, at most: a batch of rows that may be wide has fewer of them."""
_WIDE = arrow_odbc.TextEncoding.UTF16


class ODBCLink(MSSQLLink):
    """A connection through ODBC; see MSSQLLink.

    Parameters
    ----------
    connection: arrow-odbc's.
    label, isolation, login: see MSSQLLink.
    timeout: seconds that a statement may take; 0 is no limit.
    longest_text: the units of UTF-16 that one text may have.
    longest_binary: the bytes that one binary value may have.
    """

    copies = False
    fetches: ClassVar[Mapping[str, str]] = {
        "datetimeoffset": "CAST(SWITCHOFFSET({}, 0) AS datetime2(7))"
    }

    def __init__(
        self, connection: Any, label: str, *, timeout: float, isolation: str | None,
        login: Login | None, longest_text: int, longest_binary: int,
    ) -> None:  # fmt: skip
        super().__init__(label, isolation, login)
        self._connection, self._timeout = connection, ceil(timeout)
        self._limits = {"max_text_size": longest_text, "max_binary_size": longest_binary}
        self._stopped = False

    @classmethod
    def open(
        cls, text: str, label: str, *, login: Login, probe: tuple[str, int] | None,
        connect_timeout: float, statement_timeout: float, isolation: str | None,
        longest_text: int, longest_binary: int,
    ) -> Self:  # fmt: skip
        """Connect.

        Parameters
        ----------
        text: the connection string.
        login: who connects.
        probe: see NativeLink.
        connect_timeout, statement_timeout: seconds; 0 is no limit.
        """
        if probe is not None:
            answers(probe, connect_timeout, label)
        try:
            connection = arrow_odbc.connect(text, login_timeout_sec=ceil(connect_timeout))
        except arrow_odbc.Error as error:
            told = explain_odbc(error, label)
            kind = type(told) if isinstance(told, TransientError) else ConnectError
            raise kind(f"{told.message} ({login.words()})", hint=told.hint) from None
        found = cls(
            connection, label, timeout=statement_timeout, isolation=isolation, login=login,
            longest_text=longest_text, longest_binary=longest_binary,
        )  # fmt: skip
        # Else a statement of several tells what became of the first one only.
        found.execute("SET NOCOUNT ON")
        return found

    def execute(self, sql: str) -> int | None:
        self._stopped = False
        with self._told():
            self._connection.execute(**self._asked(sql))
        return None

    def table(self, sql: str) -> tuple[list[str], Sequence[tuple[Any, ...]]]:
        with self._batches(sql, 1000) as reader:
            found = pa.Table.from_batches(list(reader), reader.schema)
        columns = [column.to_pylist() for column in found.columns]
        return found.column_names, list(zip(*columns, strict=True))

    def insert(self, into: str, rows: pl.DataFrame) -> int:
        """See MSSQLLink. By literals, as many rows a statement as there may be."""
        listed = ", ".join(map(DIALECT.quote, rows.columns))
        for values in statements(rows):
            self.execute(f"INSERT INTO {into} ({listed}) VALUES {values}")
            self._check()
        return rows.height

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self._batches(sql, batch_rows) as reader:
            yield self._frames(reader)

    def _frames(self, reader: Any) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame(reader.schema.empty_table())
        while True:
            with self._told():
                batch = next(reader, None)
            self._check()
            if batch is None:
                return
            yield pl.DataFrame(batch)

    @contextmanager
    def _batches(self, sql: str, rows: int) -> Iterator[Any]:
        """The reader of a statement's result, which is given up when the block ends."""
        self._stopped = False
        with self._told():
            reader = self._connection.read_arrow_batches(
                batch_size=rows, max_bytes_per_batch=BUFFER_BYTES, map_schema=_in_microseconds,
                **self._asked(sql), **self._limits,
            )  # fmt: skip
        try:
            yield reader
        finally:
            # A result under way ends with its reader's last reference, and no other statement is
            # taken before.
            reader.reader = None

    def _asked(self, sql: str) -> dict[str, Any]:
        also = {"query_timeout_sec": self._timeout, "payload_text_encoding": _WIDE}
        if sql.isascii():
            return {"query": sql, **also}
        return {"query": "EXEC sp_executesql ?", "parameters": [sql], **also}

    @contextmanager
    def _told(self) -> Iterator[None]:
        if self._connection is None:
            raise TransientError(f"{self.label}: the connection is closed")
        try:
            yield
        except (arrow_odbc.Error, pa.ArrowException) as error:
            # Without the frames in which it arose: they hold the connection, which would stay open
            # as long as somebody keeps the error.
            raise explain_odbc(error, self.label) from error.with_traceback(None)

    def _check(self) -> None:
        if self._stopped:
            raise Cancelled(f"{self.label}: stopped on request")

    def cancel(self) -> None:
        """Stop before the next batch: ODBC can stop a statement under way, arrow-odbc does not."""
        self._stopped = True

    def close(self) -> None:
        self._connection = None  # which closes it


def _in_microseconds(schema: pa.Schema) -> pa.Schema:
    """What the driver describes, with every moment in microseconds: nanoseconds end in 2262."""
    moment = pa.timestamp("us")
    return pa.schema([f.with_type(moment) if pa.types.is_timestamp(f.type) else f for f in schema])
