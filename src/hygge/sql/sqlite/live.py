"""Reading through an open `sqlite3` connection that a caller handed over.

It may be to a database in memory, or hold a transaction that is not committed: the rows are those
that this very connection sees. Nothing of it is changed, and it is never closed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, Cancelled, ConfigError
from hygge.core.sift import unfit
from hygge.sql.source import Source
from hygge.sql.sqlite.access import explain
from hygge.sql.sqlite.base import SQLiteSessionBase
from hygge.sql.sqlite.blame import both, hint
from hygge.sql.sqlite.catalogue import quote
from hygge.sql.sqlite.columns import Asked
from hygge.sql.sqlite.decimals import plain

T = TypeVar("T")
_STORAGE: dict[type, str] = {int: "integer", float: "real", str: "text", bytes: "blob"}
_EXACT_INTEGER = 2**53  # above it a double no longer tells all integers apart


class LiveDatabase:
    """A handed-over connection, asked from whichever thread may use it.

    Parameters
    ----------
    connection: open, and left so.
    context: whose loop's thread may be the one that made the connection.
    label: the connection in words, for errors.
    """

    def __init__(self, connection: sqlite3.Connection, context: Context, label: str) -> None:
        self._connection, self._context, self._label = connection, context, label
        if connection.text_factory is not str:
            raise ConfigError(
                f"{label} has a text_factory of its own",
                hint="hand over a connection whose text_factory is str",
            )

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self._here(lambda: self._cursor(sql).fetchall())

    def row(self, sql: str) -> tuple[Any, ...]:
        return self.rows(sql)[0]

    def execute(self, sql: str) -> None:
        self._here(lambda: self._cursor(sql).close())

    def batches(self, sql: str, size: int) -> Iterator[list[tuple[Any, ...]]]:
        """A result in lists of up to `size` rows."""
        cursor = self._here(lambda: self._cursor(sql))
        try:
            while rows := self._here(lambda: cursor.fetchmany(size)):
                yield rows
        finally:
            self._here(cursor.close)

    def _cursor(self, sql: str) -> sqlite3.Cursor:
        cursor = self._connection.cursor()
        cursor.row_factory = None  # plain tuples, whatever the connection's own is
        return cursor.execute(sql)

    def _here(self, call: Callable[[], T]) -> T:
        """Run a call in this thread; or, if the connection is bound to another, on the loop's."""

        async def there() -> T:
            return call()

        try:
            try:
                return call()
            except sqlite3.ProgrammingError as error:
                if "thread" not in str(error):
                    raise
                return self._context.wait_for(there())
        except sqlite3.ProgrammingError as error:
            if "thread" not in str(error):
                raise ConfigError(f"{self._label}: {error}") from error
            raise ConfigError(
                f"{self._label} may only be used in the thread that made it",
                hint="sqlite3.connect(..., check_same_thread=False), or give its path instead",
            ) from error
        except sqlite3.Error as error:
            raise explain(str(error), self._label) from error


class LiveSQLiteSession(SQLiteSessionBase):
    """One attempt's reading through a handed-over connection: Python objects, one session.

    Parameters
    ----------
    connection, label: see LiveDatabase.
    source, context: see SQLiteSessionBase.
    release: called at `close()`, to give back what was borrowed from a pool.
    """

    consistency = "what that connection sees"

    def __init__(
        self,
        connection: sqlite3.Connection,
        source: Source,
        context: Context,
        *,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._db = LiveDatabase(connection, context, source.where)
        super().__init__(self._db, source, context)
        self._release = release

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        asked, offset = self._asked(request), 0
        # The plus keeps `detect_types` from turning values into Python objects of its own.
        columns = ", ".join(f"+{quote(a.field.name)} AS c{i}" for i, a in enumerate(asked))
        query = f"SELECT {columns} FROM {self._from(request, chunk).sql}"
        query += both(self._where(request, chunk))
        for rows in self._db.batches(query, request.batch_rows):
            self._context.cancel.check()
            if self._cancelled:
                raise Cancelled("stopped on request")
            yield frame_of(rows, asked, entity=self._source.label, offset=offset)
            offset += len(rows)

    def close(self) -> None:
        """Give back what was borrowed; the caller's connection stays open."""
        self._leave_no_view()
        release, self._release = self._release, lambda: None
        release()


def frame_of(
    rows: Sequence[tuple[Any, ...]], asked: Sequence[Asked], *, entity: str, offset: int
) -> pl.DataFrame:
    """Rows as a frame with the source's names, in each column's carrier. Raises BadValue, unless
    values may come aside."""
    columns = []
    for at, column in enumerate(asked):
        values = [row[at] for row in rows]
        bad = next((i for i, value in enumerate(values) if not _passes(value, column)), None)
        if bad is not None and column.aside:
            good = [value if _passes(value, column) else None for value in values]
            wrong = [None if _passes(value, column) else _shown(value) for value in values]
            columns.append(unfit(_series(good, column), pl.Series("", wrong, pl.String)))
            continue
        if bad is not None:
            keys = [(a.field.name, i) for i, a in enumerate(asked) if a.field.key]
            key = ", ".join(f"{name}={rows[bad][i]!r}" for name, i in keys)
            stored, declared = _STORAGE[type(values[bad])], str(column.field.type)
            raise BadValue(
                entity=entity, column=column.field.name, row=key or f"row {offset + bad + 1}",
                value=values[bad], declared=declared,
                hint=hint(column.field.name, stored, declared),
            )  # fmt: skip
        columns.append(_series(values, column))
    return pl.DataFrame(columns)


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


def _passes(value: Any, column: Asked) -> bool:
    """The same that the conditions of `columns.ask` let pass."""
    if value is None:
        return True
    stored, kind = _STORAGE[type(value)], column.field.type
    if column.carrier == "real" and stored == "integer":
        return kind.kind == "decimal" or abs(value) <= _EXACT_INTEGER
    if column.carrier == "text" and stored != "blob":
        return stored == "text" or not column.strict
    return stored == column.carrier


def _series(values: list[Any], column: Asked) -> pl.Series:
    name, kind = column.field.name, column.field.type
    if column.carrier == "integer":
        counted = pl.Series(name, values, dtype=pl.Int64)
        return counted.cast(kind.physical) if kind.kind == "duration" else counted
    if column.carrier == "real":
        return pl.Series(name, [v if v is None else float(v) for v in values], dtype=pl.Float64)
    if column.carrier == "blob":
        return pl.Series(name, values, dtype=pl.Binary)
    shown = [v if v is None or isinstance(v, str) else str(v) for v in values]
    text = pl.Series(name, shown, dtype=pl.String)
    return plain(text) if kind.kind == "decimal" else text
