"""One open connection to DuckDB, and its errors in hygge's words."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import duckdb
import polars as pl

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


class DuckDBLink(Link):
    """A connection; threads share a database by cursors of it, each of which is one of these."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, label: str) -> None:
        self._connection, self.label = connection, label

    @classmethod
    def open(cls, path: str, token: str | None, *, writing: bool = False) -> Self:
        """Open a file, made if it is to be written to, or a MotherDuck database."""
        remote = path.startswith("md:")
        if writing and not remote:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        elif not remote and not Path(path).is_file():
            raise ConnectError(f"there is no DuckDB file {path}", hint="check `path`")
        config: dict[str, Any] = {"motherduck_token": token} if token else {}
        with told(path):
            try:
                return cls(
                    duckdb.connect(path, read_only=not (remote or writing), config=config), path
                )
            except duckdb.ConnectionException:  # this process has it open to write already
                return cls(duckdb.connect(path, config=config), path)

    def execute(self, sql: str) -> None:
        with told(self.label):
            self._connection.execute(sql)

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with told(self.label):
            found: list[tuple[Any, ...]] = self._connection.execute(sql).fetchall()
            return found

    def append(self, table: str, rows: pl.DataFrame) -> int:
        """Append a frame to a table, column by column's name; returns how many rows it took."""
        with told(self.label):
            self._connection.register("hygge_rows", rows.to_arrow())
            try:
                done = self._connection.execute(
                    f"INSERT INTO {table} BY NAME SELECT * FROM hygge_rows"
                )
                (taken,) = done.fetchone() or (0,)
            finally:
                self._connection.unregister("hygge_rows")
        return int(taken)

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        with told(self.label):
            reader = self._connection.sql(sql).to_arrow_reader(batch_rows)
        try:
            yield self._frames(reader)
        finally:
            reader.close()

    def _frames(self, reader: Any) -> Iterator[pl.DataFrame]:
        yield pl.DataFrame(reader.schema.empty_table())
        while True:
            with told(self.label):
                batch = next(reader, None)
            if batch is None:
                return
            yield pl.DataFrame(batch)

    def cancel(self) -> None:
        self._connection.interrupt()

    def close(self) -> None:
        self._connection.close()


@contextmanager
def told(label: str) -> Iterator[None]:
    """DuckDB's errors as hygge's; their classes: https://duckdb.org/docs/stable/dev/internal_errors."""
    try:
        yield
    except (duckdb.Error, OSError) as error:
        raise explain(error, label) from error


def explain(error: Exception, label: str) -> HyggeError:
    text = redact(f"{label}: {error}")
    if isinstance(error, duckdb.InterruptException) or "INTERRUPT" in str(error):
        return Cancelled(text)
    if isinstance(error, duckdb.CatalogException | duckdb.BinderException | duckdb.ParserException):
        return ConfigError(text)
    if isinstance(error, duckdb.TransactionException):
        return TransientError(text)
    if isinstance(error, duckdb.IOException | duckdb.ConnectionException | duckdb.HTTPException):
        if "lock" in str(error):
            return TransientError(text, hint="another program has the file open to write")
        return ConnectError(text, hint="check `path` and the right to read it")
    return DataError(text)
