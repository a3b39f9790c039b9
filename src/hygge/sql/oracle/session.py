"""Reading Oracle."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pyarrow as pa

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import ConfigError, DataError
from hygge.sql.numbered import NumberedSession
from hygge.sql.oracle.catalogue import known_of, look
from hygge.sql.oracle.link import OracleLink
from hygge.sql.oracle.types import DIALECT, Known, carrier, described, known
from hygge.sql.pool import Lease
from hygge.sql.relation import Column, Relation, meanings
from hygge.sql.source import Source

SCN = "SELECT TO_CHAR(DBMS_FLASHBACK.GET_SYSTEM_CHANGE_NUMBER) FROM dual"
"""The system change number, which names a state of the whole database. It needs the right to
execute DBMS_FLASHBACK."""


class OracleSession(NumberedSession):
    """One attempt's reading, in a read-only transaction, or of a state that sessions share.

    https://docs.oracle.com/en/database/oracle/oracle-database/23/adfns/flashback.html
    """

    dialect = DIALECT
    consistency = "one snapshot"

    def __init__(self, lease: Lease, source: Source, context: Context) -> None:
        super().__init__(lease, source, context)
        assert isinstance(lease.link, OracleLink)
        self._oracle = lease.link
        self._scn = ""
        self._known: dict[str, Known] = {}

    def begin(self, snapshot: str) -> None:
        if snapshot:
            self._scn = str(int(snapshot))  # it goes into statements
        else:
            self._oracle.execute("SET TRANSACTION READ ONLY")

    def share(self) -> str:
        """The number of the state that is read from here on; "" for a query, which is as written,
        and where the user may not look back."""
        if self._source.query or self._scn:
            return self._scn
        relation = self.relation
        name = f"{self.dialect.quote(relation.schema)}.{self.dialect.quote(relation.name)}"
        try:
            scn = str(int(self._oracle.rows(SCN)[0][0]))
            self._oracle.rows(f"SELECT 1 FROM {name} AS OF SCN {scn} WHERE 1 = 0")
        except (ConfigError, DataError):
            return ""
        self._oracle.reset()  # the read-only transaction is of a state before
        self._scn = scn
        return scn

    def clock(self) -> datetime:
        """The server's, in UTC."""
        (now,) = self.link.row("SELECT SYS_EXTRACT_UTC(SYSTIMESTAMP) FROM dual")
        moment: datetime = now
        return moment.replace(tzinfo=UTC)

    def find(self, schema: str, name: str) -> Relation | None:
        """As written; else in capitals, which is what a name without quotes means to Oracle."""
        for written in (str, str.upper):
            for within, table in meanings(schema, name):
                found = look(self.link.rows, written(within), written(table))
                if found:
                    return found[0]
        return None

    def relations(self) -> Sequence[Relation]:
        return look(self.link.rows, None, None)

    def describe(self, query: str) -> Sequence[Column]:
        columns = []
        self._enter("")
        for info in self._oracle.described(query):
            name, precision, scale = described(info.type_code.name, info.precision, info.scale)
            number = name == "NUMBER" and info.scale != -127
            found = known(name, precision if number else None, scale if number else None)
            if info.is_json and name != "JSON":  # text that a constraint says is JSON
                found = Known(known("JSON", None, None).type)
            self._known[info.name] = found
            fetch = found.fetch.format(DIALECT.quote(info.name)) if found.fetch else ""
            columns.append(
                Column(info.name, name, found.type, fetch, info.null_ok is False, 0, found.loss)
            )
        return columns

    def _about(self, column: Column) -> Known:
        """What the type table says of a column, whatever is declared of it."""
        if column.name in self._known:
            return self._known[column.name]
        digits = column.native.partition("(")[2].rstrip(")").split(",")
        if column.native.startswith("NUMBER("):
            return known_of("NUMBER", None if digits[0] == "*" else digits[0], digits[1])
        return known_of(column.native, None, None)

    def from_sql(self, chunk: Chunk) -> str:
        """The table, in the state that is shared."""
        return super().from_sql(chunk) + (f" AS OF SCN {self._scn}" if self._scn else "")

    def stream(
        self, statement: str, request: ReadRequest
    ) -> AbstractContextManager[Iterator[pl.DataFrame]]:
        """The rows, in the Arrow types in which nothing is lost."""
        schema = self.schema()
        names: Sequence[Any] = request.columns or schema.names
        wanted = [
            pa.field(name, carrier(self._about(self.relation[name]), schema[name].type))
            for name in names
        ]
        return self._oracle.stream_as(statement, request.batch_rows, pa.schema(wanted))

    def frame(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Instants, which come as UTC's wall clock, as instants."""
        schema = self.schema()
        zoned = [
            column.dt.replace_time_zone("UTC") for column in batch
            if schema[column.name].type.zone and isinstance(column.dtype, pl.Datetime)
        ]  # fmt: skip
        return batch.with_columns(zoned)
