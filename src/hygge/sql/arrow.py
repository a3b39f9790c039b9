"""Any database through an ADBC connection that a caller handed over: Arrow, types by its driver."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.errors import ConfigError, DataError, HyggeError, UnsupportedError
from hygge.core.fields import LogicalType, Schema
from hygge.core.secrets import redact
from hygge.sql.dialect import Dialect
from hygge.sql.link import Link
from hygge.sql.relation import Column, Relation
from hygge.sql.session import SQLSession


def _ddl(kind: LogicalType) -> str:
    raise UnsupportedError(f"a handed-over connection is read, not written: no form for {kind}")


_ISO = Dialect("adbc", ('"', '"'), (), _ddl)
"""Names and literals of ISO 9075, which ADBC's databases follow."""


class ADBCLink(Link):
    """A caller's `adbc_driver_manager.dbapi.Connection`, which is left open."""

    def __init__(self, connection: Any, label: str) -> None:
        self._connection, self.label = connection, label

    def execute(self, sql: str) -> None:
        with self._cursor(sql):
            pass

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        with self._cursor(sql) as cursor:
            return list(cursor.fetchall())

    def empty(self, sql: str) -> pl.DataFrame:
        """The columns of a result, without its rows. Raises ConfigError where it does not work."""
        with self._cursor(sql, wrong=ConfigError) as cursor:
            return pl.DataFrame(cursor.fetch_record_batch().schema.empty_table())

    @contextmanager
    def stream(self, sql: str, batch_rows: int) -> Iterator[Iterator[pl.DataFrame]]:
        """See Link; the driver decides how many rows a batch has."""
        with self._cursor(sql) as cursor:
            reader = cursor.fetch_record_batch()

            def frames() -> Iterator[pl.DataFrame]:
                yield pl.DataFrame(reader.schema.empty_table())
                for batch in reader:
                    yield pl.DataFrame(batch)

            yield frames()

    @contextmanager
    def _cursor(self, sql: str, wrong: type[HyggeError] = DataError) -> Iterator[Any]:
        import adbc_driver_manager

        cursor = self._connection.cursor()
        try:
            cursor.execute(sql)
            yield cursor
        except adbc_driver_manager.Error as error:
            raise wrong(redact(f"{self.label}: {error}")) from error
        finally:
            cursor.close()

    def cancel(self) -> None:
        """Nothing: reading stops before the next batch. Not every driver may be told from here."""

    def close(self) -> None:
        """Nothing: it is the caller's."""


class ArrowSession(SQLSession):
    """One attempt's reading through a handed-over ADBC connection."""

    dialect = _ISO
    consistency = "what that connection sees"

    def find(self, schema: str, name: str) -> Relation:
        """By asking for no rows of it. Raises ConfigError where that does not work."""
        parts = [schema, name] if schema else name.split(".")
        sql = ".".join(map(self.dialect.quote, parts))
        return Relation(".".join(parts[:-1]), parts[-1], "table", self._columns(sql))

    def describe(self, query: str) -> Sequence[Column]:
        return self._columns(f"({query}\n) hygge_query")

    def relations(self) -> Sequence[Relation]:
        raise UnsupportedError("the tables of a handed-over ADBC connection are not listed")

    def _columns(self, rows: str) -> tuple[Column, ...]:
        link = self.link
        assert isinstance(link, ADBCLink)
        found = Schema.of(link.empty(f"SELECT * FROM {rows} WHERE 1 = 0"))
        return tuple(Column(f.name, str(f.type), f.type) for f in found)

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows as the driver batches them."""
        for batch in super().read(request, chunk):
            for start in range(0, max(1, batch.height), request.batch_rows):
                yield batch[start : start + request.batch_rows]
