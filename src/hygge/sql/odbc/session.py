"""Reading through ODBC."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime

import polars as pl
import pyarrow as pa

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import ConfigError, ConnectError, DataError
from hygge.core.fields import LogicalType
from hygge.core.watermark import Position, Window
from hygge.sql.numbered import NumberedSession
from hygge.sql.odbc.catalogue import Found, look
from hygge.sql.odbc.link import ODBCLink
from hygge.sql.odbc.types import carrier, described, dialect_of
from hygge.sql.pool import Lease
from hygge.sql.relation import Column, Relation, meanings
from hygge.sql.session import as_position
from hygge.sql.source import Source

_CLOCKS = {
    '"': "SELECT current_timestamp AT TIME ZONE 'UTC'", "`": "SELECT utc_timestamp(6)",
    "[": "SELECT sysutcdatetime()",
}  # fmt: skip
_CURRENT = {
    '"': "SELECT current_schema()", "`": "SELECT database()", "[": "SELECT schema_name()",
}  # fmt: skip
"""Both by what quotes names, which tells the families apart."""


class ODBCSession(NumberedSession):
    """One attempt's reading through an ODBC driver. Every statement reads by itself."""

    consistency = "as each statement reads it"

    def __init__(self, lease: Lease, source: Source, context: Context) -> None:
        super().__init__(lease, source, context)
        assert isinstance(lease.link, ODBCLink)
        self._odbc = lease.link
        self.dialect = dialect_of(lease.link.quotes)
        self._carriers: dict[str, pa.DataType] = {}

    def clock(self) -> datetime | None:
        """See HomeSession; None where the database has no UTC that is known here."""
        with suppress(ConfigError, DataError):
            (now,) = self._odbc.rows(_CLOCKS[self.dialect.quotes[0]])[0]
            moment: datetime = now
            return moment.replace(tzinfo=UTC)
        return None

    def find(self, schema: str, name: str) -> Relation | None:
        """In INFORMATION_SCHEMA, and by the driver's word where there is none."""
        for within, table in meanings(schema, name):
            found = self._look(within, table)
            if found is None:
                return self._probed(schema, name)
            if len(found) > 1:
                here = self._current()
                found = [f for f in found if f.schema == here] or found
            if len(found) > 1:
                raise ConfigError(
                    f"there are tables '{table}' in several schemas: "
                    f"{', '.join(one.schema for one in found)}",
                    hint="say which with `schema`",
                )
            if found:
                return self._known(found[0])
        return None

    def _current(self) -> str:
        """The schema that the database looks in by itself; "" where it does not say."""
        with suppress(ConfigError, DataError, ConnectError):
            return str(self._odbc.rows(_CURRENT[self.dialect.quotes[0]])[0][0])
        return ""

    def _look(self, schema: str = "", name: str = "") -> list[Found] | None:
        try:
            return look(self._odbc.rows, self.dialect, schema, name)
        except (ConfigError, ConnectError, DataError):  # there is no INFORMATION_SCHEMA
            return None

    def _known(self, found: Found) -> Relation:
        name = f"{self.dialect.quote(found.schema)}.{self.dialect.quote(found.name)}"
        driver = {f.name: f.type for f in self._odbc.described(f"SELECT * FROM {name} WHERE 1 = 0")}
        relation = found.relation(self.dialect, driver)
        self._carriers = {
            c.name: carrier(driver[c.name], c.type) for c in relation.columns if c.name in driver
        }
        return relation

    def _probed(self, schema: str, name: str) -> Relation:
        """A table by the driver's word. Raises ConfigError where there is none."""
        parts = [schema, name] if schema else name.split(".")
        columns = self.describe(f"SELECT * FROM {'.'.join(map(self.dialect.quote, parts))}")
        return Relation(".".join(parts[:-1]), parts[-1], "table", tuple(columns))

    def relations(self) -> Sequence[Relation]:
        return [found.relation(self.dialect, {}) for found in self._look() or []]

    def describe(self, query: str) -> Sequence[Column]:
        """By the driver's word, which is all there is of a query."""
        asked = self._odbc.described(f"SELECT * FROM ({query}\n) hygge_query WHERE 1 = 0")
        self._carriers = {f.name: carrier(f.type) for f in asked}
        return [self._column(f.name, f.type) for f in asked]

    def _column(self, name: str, driver: pa.DataType) -> Column:
        known = described(driver)
        fetch = known.sql(self.dialect.quote(name), mysql=self.dialect.escapes)
        return Column(name, str(driver), known.type, fetch, loss=known.loss)

    def position(self, column: str, function: str) -> Position | None:
        """See SQLSession; the value is asked for in the way that the column's values are."""
        kind, name = self.schema()[column].type, self.dialect.quote(column)
        rows = self.rows_sql(ReadRequest(window=Window(column, kind, None, None)), WHOLE)
        found = f"{function}({name})"
        fetch = self.relation[column].fetch
        asked = fetch.replace(name, found, 1) if fetch else found
        (value,) = self._odbc.rows(f"SELECT {asked} FROM {rows}")[0]
        return None if value is None else as_position(value, kind)

    def stream(
        self, statement: str, request: ReadRequest
    ) -> AbstractContextManager[Iterator[pl.DataFrame]]:
        self.relation  # noqa: B018 - which finds out how values travel
        return self._odbc.stream_as(statement, request.batch_rows, self._carriers)

    def frame(self, batch: pl.DataFrame) -> pl.DataFrame:
        schema = self.schema()
        return batch.with_columns(_fitting(column, schema[column.name].type) for column in batch)


def _fitting(values: pl.Series, kind: LogicalType) -> pl.Series:
    """Values as their type has them: drivers have ways of their own to say yes, and who one is."""
    if kind.kind == "uuid" and values.dtype == pl.String:
        return values.str.to_lowercase()
    if kind.kind == "bool" and values.dtype == pl.String:
        plain = values.drop_nulls().is_in(["0", "1"]).all()
        return (values == "1") if plain else values
    if kind.kind == "timestamp" and kind.zone and isinstance(values.dtype, pl.Datetime):
        return values.dt.replace_time_zone("UTC")
    return values
