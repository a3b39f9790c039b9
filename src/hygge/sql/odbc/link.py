"""One open ODBC connection, and its errors in hygge's words."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Self

import arrow_odbc
import polars as pl
import pyarrow as pa

from hygge.core.errors import ConfigError, ConnectError, DataError, HyggeError
from hygge.core.secrets import redact
from hygge.sql.link import Link
from hygge.sql.odbc.types import carrier
from hygge.sql.states import error_of_state

BUFFER_BYTES = 64 << 20
"""The buffer that rows arrive in, at most: a batch of rows that may be wide has fewer of them."""
_QUOTES = {'"': ('"', '"'), "`": ("`", "`"), "[": ("[", "]")}
"""What opens and closes a name: ISO 9075's, MySQL's, SQL Server's."""
_STATE = re.compile(r"State: (\w{5})")
_TOO_LONG = ("too large to be written", "sensible upper bound", "buffer is limited")


class ODBCLink(Link):
    """An ODBC connection. Every statement commits by itself.

    Parameters
    ----------
    connection: open.
    label: the database, for errors.
    longest_text, longest_binary: the bytes that one value may have.
    timeout_s: how long a statement may take; None for any time.
    """

    def __init__(
        self, connection: Any, label: str, *, longest_text: int, longest_binary: int,
        timeout_s: int | None,
    ) -> None:  # fmt: skip
        self._connection: Any = connection
        self.label = label
        self.quotes = _QUOTES['"']
        self._limits = {"max_text_size": longest_text, "max_binary_size": longest_binary}
        self._timeout_s = timeout_s

    @classmethod
    def open(
        cls, string: str, label: str, *, quote: str | None, user: str | None,
        password: str | None, login_s: int, **settings: Any,
    ) -> Self:  # fmt: skip
        """Open one, and find out what quotes names if that is not said.

        Raises ConnectError, TransientError.
        """
        with told(label):
            connection = arrow_odbc.connect(
                string, user=user, password=password, login_timeout_sec=login_s
            )
        self = cls(connection, label, **settings)
        try:
            self.quotes = _QUOTES[quote] if quote else self._quotes()
        except BaseException:
            self.close()
            raise
        return self

    def _quotes(self) -> tuple[str, str]:
        for opening, closing in _QUOTES.values():
            with suppress(ConfigError, DataError):
                self.rows(f"SELECT 1 AS one FROM (SELECT 1 AS x) {opening}t{closing}")
                return opening, closing
        return _QUOTES['"']

    def execute(self, sql: str) -> None:
        with told(self.label):
            self._connection.execute(sql, query_timeout_sec=self._timeout_s)

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self.stream(sql, 1000) as frames:
            return [row for frame in frames for row in frame.rows()]

    def described(self, sql: str) -> pa.Schema:
        """The columns of a result in the types that the driver says."""
        seen: list[pa.Schema] = []

        def keep(schema: pa.Schema) -> pa.Schema:
            seen.append(schema)
            return _carried({})(schema)

        with told(self.label):
            self._read(sql, 1, keep)
        return seen[0]

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with self.stream_as(sql, batch_rows, {}) as frames:
            yield frames

    @contextmanager
    def stream_as(
        self, sql: str, batch_rows: int, carriers: Mapping[str, pa.DataType]
    ) -> Iterator[Iterator[pl.DataFrame]]:
        """A result as frames, with the Arrow types asked for; see `odbc.types.carrier`."""
        with told(self.label):
            reader = self._read(sql, batch_rows, _carried(carriers))

        def frames() -> Iterator[pl.DataFrame]:
            yield pl.DataFrame(reader.schema.empty_table())
            while True:
                with told(self.label):
                    batch = next(reader, None)
                if batch is None:
                    return
                yield pl.DataFrame(batch)

        try:
            yield frames()
        finally:
            reader.reader = None  # it holds the connection too

    def _read(self, sql: str, rows: int, types: Callable[[pa.Schema], pa.Schema]) -> Any:
        return self._connection.read_arrow_batches(
            sql, batch_size=rows, max_bytes_per_batch=BUFFER_BYTES, map_schema=types,
            query_timeout_sec=self._timeout_s, **self._limits,
        )  # fmt: skip

    def cancel(self) -> None:
        """Nothing: ODBC can, arrow-odbc does not. Reading stops before the next batch."""

    def close(self) -> None:
        self._connection = None  # which closes it


def _carried(carriers: Mapping[str, pa.DataType]) -> Callable[[pa.Schema], pa.Schema]:
    def change(schema: pa.Schema) -> pa.Schema:
        return pa.schema([f.with_type(carriers.get(f.name) or carrier(f.type)) for f in schema])

    return change


@contextmanager
def told(label: str) -> Iterator[None]:
    """ODBC's errors as hygge's, by their SQLSTATE."""
    try:
        yield
    except (arrow_odbc.Error, pa.ArrowException) as error:
        # Without the frames in which it arose: they hold the connection, which would stay open as
        # long as somebody keeps the error.
        raise explain(error, label) from error.with_traceback(None)


def explain(error: Exception, label: str) -> HyggeError:
    text = str(error)
    said = redact(f"{label}: {text}")
    if any(words in text for words in _TOO_LONG):
        return DataError(
            said, hint="raise `longest_text` or `longest_binary` of the connection, and the "
            "driver's own limit where it has one",
        )  # fmt: skip
    found = _STATE.search(text)
    kind = error_of_state(found[1]) if found else None
    if kind is ConnectError and found is not None and found[1].startswith("IM"):
        return ConnectError(said, hint="check `driver` or `dsn`: `odbcinst -q -d` lists drivers")
    if kind is ConnectError:
        return ConnectError(said, hint="check the address, the user and the password")
    return (kind or DataError)(said)
