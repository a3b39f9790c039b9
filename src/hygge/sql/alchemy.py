"""Any database that SQLAlchemy reaches: fields by reflection, rows through a server-side cursor.

The slow road, a Python object a value, for databases that have no connector of their own yet.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from functools import cache
from typing import Any

import polars as pl
import sqlalchemy as sa

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import (
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    MissingDriver,
    TransientError,
)
from hygge.core.fields import MAX_PRECISION, Field, LogicalType, Schema, parse_type
from hygge.core.home import HomeSession, Table
from hygge.core.secrets import redact
from hygge.core.watermark import Position, Window
from hygge.sql.python_rows import frame_of
from hygge.sql.source import Source

_TYPES: tuple[tuple[type[Any], str], ...] = (
    (sa.Boolean, "bool"), (sa.Integer, "int64"), (sa.Float, "float64"), (sa.Date, "date"),
    (sa.Time, "time"), (sa.Interval, "duration(us)"), (sa.JSON, "json"), (sa.Uuid, "uuid"),
    (sa.LargeBinary, "binary"), (sa.types._Binary, "binary"), (sa.String, "string"),
)  # fmt: skip


@cache
def engine_of(url: str, pool_size: int) -> sa.Engine:
    """One engine per URL in this process, so that its pool is shared.

    Raises ConfigError for what is no URL, MissingDriver where its driver is not installed.
    """
    try:
        return sa.create_engine(url, pool_size=pool_size, pool_pre_ping=True)
    except TypeError:  # a pool that has no size, such as SQLite's in memory
        return sa.create_engine(url)
    except ModuleNotFoundError as error:
        backend = sa.make_url(url).get_backend_name()
        missing = MissingDriver(error.name or "?", backend)
        missing.hint = (
            "install the package that brings it beside hygge, or name another driver in the URL, "
            f"as in {backend}+DRIVER://"
        )
        raise missing from None
    except sa.exc.NoSuchModuleError as error:
        raise ConfigError(redact(str(error)), hint="SQLAlchemy knows no such database") from None
    except sa.exc.ArgumentError:
        raise ConfigError("that is no SQLAlchemy URL", hint="e.g. sqlite:///shop.db") from None


def logical(kind: Any) -> LogicalType | None:
    """The logical type of a reflected SQLAlchemy type; None where it says too little."""
    if isinstance(kind, sa.Numeric) and not isinstance(kind, sa.Float):
        if kind.precision is None or not 1 <= kind.precision <= MAX_PRECISION:
            return None
        scale = kind.scale or 0
        if not 0 <= scale <= kind.precision:
            return None
        return LogicalType("decimal", precision=kind.precision, scale=scale)
    if isinstance(kind, sa.DateTime):
        return LogicalType("timestamp", unit="us", zone="UTC" if kind.timezone else None)
    for known, text in _TYPES:
        if isinstance(kind, known):
            return parse_type(text)
    return None


class AlchemySession(HomeSession):
    """One attempt's reading of a table, a view or a query.

    Parameters
    ----------
    bind: an Engine, of which one connection is borrowed; or a Connection, left as it is.
    source: what is to be read.
    context: of the attempt.
    """

    consistency = "as each statement reads it"

    def __init__(
        self,
        bind: sa.Engine | sa.Connection,
        source: Source,
        context: Context,
    ) -> None:
        self._table, self._query, self._types = source.table, source.query, source.types
        self._label, self._context = source.label, context
        self._cancelled = False
        self._release: Callable[[], None] = lambda: None
        self._selectable: Any = None
        self._schema: Schema | None = None
        with explained(self._label):
            if isinstance(bind, sa.Engine):
                self._connection = bind.connect()
                self._release = self._connection.close
            else:
                self._connection = bind

    def schema(self) -> Schema:
        """All fields, as reflected. Raises ConfigError where a type is not known."""
        if self._schema is None:
            with explained(self._label):
                self._schema = self._of_query() if self._query else self._of_table()
        return self._schema

    def _of_table(self) -> Schema:
        inspector = sa.inspect(self._connection)
        schema, _, name = self._table.rpartition(".")
        try:
            columns = inspector.get_columns(name, schema or None)
        except sa.exc.NoSuchTableError:
            known = inspector.get_table_names(schema or None)
            known += inspector.get_view_names(schema or None)
            near = get_close_matches(name, known, n=1)
            raise ConfigError(
                f"there is no table or view '{self._table}'",
                hint=f"did you mean '{near[0]}'?" if near else None,
            ) from None
        keys = inspector.get_pk_constraint(name, schema or None)["constrained_columns"]
        self._selectable = sa.table(
            name, *(sa.column(c["name"], c["type"]) for c in columns), schema=schema or None
        )
        self._check_types([c["name"] for c in columns])
        fields = []
        for column in columns:
            kind = self._types.get(column["name"]) or logical(column["type"])
            if kind is None:
                raise self._unknown([f"{column['name']} ({column['type']})"])
            key = keys.index(column["name"]) + 1 if column["name"] in keys else 0
            fields.append(
                Field(
                    column["name"], kind, nullable=bool(column["nullable"]), key=key,
                    origin=str(column["type"]),
                )
            )  # fmt: skip
        return Schema(fields)

    def _of_query(self) -> Schema:
        text = self._query.strip().rstrip(";")
        names = list(
            self._connection.execute(
                sa.text(f"SELECT * FROM ({text}) AS hygge_query WHERE 1 = 0")
            ).keys()
        )
        self._check_types(names)
        if missing := [n for n in names if n not in self._types]:
            raise self._unknown(missing)
        columns: list[Any] = [sa.column(n) for n in names]
        self._selectable = sa.text(text).columns(*columns).subquery("hygge_query")
        return Schema(Field(n, self._types[n]) for n in names)

    def _check_types(self, names: Sequence[str]) -> None:
        for name in self._types:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                raise ConfigError(
                    f"`types` of {self._label} names '{name}', which is not there",
                    hint=f"did you mean '{near[0]}'?" if near else None,
                )

    def _unknown(self, columns: Sequence[str]) -> ConfigError:
        return ConfigError(
            f"{self._label}: the database does not tell the type of {', '.join(columns)}",
            hint="declare it under the home's `types:`, e.g. decimal(18,4)",
        )

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows, through a server-side cursor where the driver has one."""
        schema = self.schema()
        fields = Schema(schema[n] for n in request.columns or schema.names)
        query = sa.select(*(self._selectable.c[n] for n in fields.names))
        query = self._within(query, request.window)
        offset = 0
        with explained(self._label):
            result = self._connection.execution_options(
                stream_results=True, max_row_buffer=request.batch_rows
            ).execute(query)
        try:
            while True:
                self._context.cancel.check()
                with explained(self._label):
                    rows = result.fetchmany(request.batch_rows)
                if not rows or self._cancelled:
                    return
                yield frame_of(rows, fields, entity=self._label, offset=offset)
                offset += len(rows)
        finally:
            result.close()

    def _within(self, query: Any, window: Window | None) -> Any:
        if window is None:
            return query
        column = self._selectable.c[window.column]
        parts = []
        if window.lower is not None:
            parts.append(column >= window.lower)
        if window.upper is not None:
            parts.append(column < window.upper)
        inside = sa.and_(sa.true(), *parts)
        return query.where(inside if window.lower is not None else sa.or_(column.is_(None), inside))

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        self.schema()
        query = sa.select(sa.func.count()).select_from(self._selectable)
        with explained(self._label):
            return int(self._connection.scalar(self._within(query, request.window)))

    def maximum(self, column: str) -> Position | None:
        """See HomeSession."""
        self.schema()
        query = sa.select(sa.func.max(self._selectable.c[column]))
        with explained(self._label):
            found: Position | None = self._connection.scalar(query)
            return found

    def cancel(self) -> None:
        """Ask the driver to stop, where it can be asked from another thread."""
        self._cancelled = True
        driver = self._connection.connection.driver_connection
        stop = getattr(driver, "cancel", None) or getattr(driver, "interrupt", None)
        if stop is not None:
            stop()

    def close(self) -> None:
        """Give the borrowed connection back; one that was handed over stays as it is."""
        release, self._release = self._release, lambda: None
        release()


def list_tables(engine: sa.Engine) -> list[Table]:
    """Every table and view of the schemas that hold a person's tables."""
    with explained("the database"):
        inspector = sa.inspect(engine)
        default = inspector.default_schema_name or ""
        names = [*inspector.get_table_names(), *inspector.get_view_names()]
        return [Table(default, name) for name in sorted(names)]


@contextmanager
def explained(label: str) -> Iterator[None]:
    """SQLAlchemy's errors in hygge's words, without secrets."""
    try:
        yield
    except HyggeError:
        raise
    except sa.exc.DBAPIError as error:
        text = redact(f"{label}: {error.orig}")
        if error.connection_invalidated:
            raise TransientError(text) from None
        if isinstance(error, sa.exc.ProgrammingError):
            raise ConfigError(text) from None
        if isinstance(error, sa.exc.OperationalError):
            locked = "locked" in text or "deadlock" in text.lower() or "timeout" in text.lower()
            raise (TransientError(text) if locked else ConnectError(text)) from None
        raise DataError(text) from None
    except sa.exc.TimeoutError as error:
        raise TransientError(redact(f"{label}: {error}")) from None
    except sa.exc.SQLAlchemyError as error:
        raise ConfigError(redact(f"{label}: {error}")) from None
