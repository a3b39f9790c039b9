"""Any database through an ADBC connection that a caller handed over: Arrow, types by its driver."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import ConfigError, DataError, HyggeError, UnsupportedError
from hygge.core.fields import Schema
from hygge.core.home import HomeSession
from hygge.core.secrets import redact
from hygge.sql.source import Source


class ArrowSession(HomeSession):
    """One attempt's reading through an ADBC connection, which is left open.

    Parameters
    ----------
    connection: an `adbc_driver_manager.dbapi.Connection`.
    source: what is to be read.
    context: of the attempt.
    """

    consistency = "what that connection sees"

    def __init__(
        self,
        connection: Any,
        source: Source,
        context: Context,
    ) -> None:
        self._connection, self._types, self._context = connection, source.types, context
        self._label = source.label
        query = source.query.strip().rstrip(";")
        table = ".".join(map(_quote, source.table.split(".")))
        self._from = f"({query}) AS hygge_query" if query else table
        self._schema: Schema | None = None
        self._cancelled = False

    def schema(self) -> Schema:
        """All fields, as the driver's Arrow types say."""
        if self._schema is None:
            probe = f"SELECT * FROM {self._from} WHERE 1 = 0"
            with self._reader(probe, wrong=ConfigError) as reader:
                empty = pl.DataFrame(reader.schema.empty_table())
            found = Schema.of(empty)
            for name in self._types:
                if name not in found.names:
                    raise ConfigError(f"`types` of {self._label} names '{name}': not there")
            self._schema = found.changed(self._types)
        return self._schema

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows as the driver batches them."""
        if request.window is not None:
            raise UnsupportedError("a handed-over ADBC connection is not read incrementally")
        names = request.columns or tuple(self.schema().names)
        columns = ", ".join(map(_quote, names))
        with self._reader(f"SELECT {columns} FROM {self._from}") as reader:
            for batch in reader:
                self._context.cancel.check()
                if self._cancelled:
                    return
                yield pl.DataFrame(batch)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        with self._reader(f"SELECT count(*) AS n FROM {self._from}") as reader:
            return int(reader.read_all().column(0)[0].as_py())

    def cancel(self) -> None:
        self._cancelled = True

    @contextmanager
    def _reader(self, sql: str, wrong: type[HyggeError] = DataError) -> Iterator[Any]:
        import adbc_driver_manager

        cursor = self._connection.cursor()
        try:
            cursor.execute(sql)
            yield cursor.fetch_record_batch()
        except adbc_driver_manager.Error as error:
            raise wrong(redact(f"{self._label}: {error}")) from error
        finally:
            cursor.close()


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'  # ISO 9075, which ADBC's databases follow
