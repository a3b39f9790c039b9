"""Reading any database that SQLAlchemy reaches: fields by reflection, rows as Python objects.

The slow road, for databases that have no connector of their own yet.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl
import sqlalchemy as sa
from sqlalchemy.engine.reflection import ObjectKind

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.sql.alchemy.codes import types_of
from hygge.sql.alchemy.link import AlchemyLink, told
from hygge.sql.alchemy.types import dialect_of, known, text_of
from hygge.sql.numbered import NumberedSession
from hygge.sql.pool import Lease
from hygge.sql.python_rows import frame_of
from hygge.sql.relation import Column, Relation, meanings
from hygge.sql.source import Source

_SNAPSHOTS = {
    "postgresql": "REPEATABLE READ", "mysql": "REPEATABLE READ", "mariadb": "REPEATABLE READ",
    "oracle": "SERIALIZABLE", "cockroachdb": "SERIALIZABLE", "sqlite": "SERIALIZABLE",
}  # fmt: skip
"""The isolation level that is a snapshot, where versions of rows make it one. Elsewhere the same
level locks rows against writers, which reading must not."""

_CLOCKS = {
    "postgresql": "SELECT clock_timestamp()", "cockroachdb": "SELECT clock_timestamp()",
    "mysql": "SELECT utc_timestamp(6)", "mariadb": "SELECT utc_timestamp(6)",
    "mssql": "SELECT sysutcdatetime()",
    "oracle": "SELECT sys_extract_utc(systimestamp) FROM dual",
}  # fmt: skip

_NO_ROWS = {"mysql": "LIMIT 0", "mariadb": "LIMIT 0"}
"""What asks for columns alone, where a condition that is never met is looked at too late:
https://dev.mysql.com/doc/refman/8.4/en/limit-optimization.html"""


class AlchemySession(NumberedSession):
    """One attempt's reading of a table, a view or a query; see SQLSession."""

    def __init__(self, lease: Lease, source: Source, context: Context) -> None:
        super().__init__(lease, source, context)
        assert isinstance(lease.link, AlchemyLink)
        self._alchemy = lease.link
        self._connection = lease.link.connection
        self.dialect = dialect_of(self._connection.dialect)
        self._snapshot = _SNAPSHOTS.get(lease.link.backend, "")
        self.consistency = "one snapshot" if self._snapshot else "as each statement reads it"
        if lease.link.borrowed:
            self.consistency = "what that connection sees"

    def begin(self, snapshot: str) -> None:
        if self._snapshot and not self._alchemy.borrowed:
            self._alchemy.begin(self._snapshot)

    def clock(self) -> datetime | None:
        """See HomeSession; None where the dialect's clock is not known, or SQLite's: this one's."""
        if self._alchemy.backend == "sqlite":
            return datetime.now(UTC)
        asked = _CLOCKS.get(self._alchemy.backend)
        if asked is None:
            return None
        moment: datetime = self.link.row(asked)[0]
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)

    def find(self, schema: str, name: str) -> Relation | None:
        with told(self._alchemy.label):
            inspector = sa.inspect(self._connection)
            for within, table in meanings(schema, name):
                try:
                    columns = inspector.get_columns(table, within or None)
                except sa.exc.NoSuchTableError:
                    continue
                key = inspector.get_pk_constraint(table, within or None)["constrained_columns"]
                return self._relation(within, table, "table", columns, key)
        return None

    def relations(self) -> Sequence[Relation]:
        """Those of the default schema."""
        with told(self._alchemy.label):
            inspector = sa.inspect(self._connection)
            found = []
            for kind, word in ((ObjectKind.TABLE, "table"), (ObjectKind.ANY_VIEW, "view")):
                columns = inspector.get_multi_columns(kind=kind)
                keys = inspector.get_multi_pk_constraint(kind=kind)
                for (schema, name), those in columns.items():
                    found_key = keys.get((schema, name))
                    key = found_key["constrained_columns"] if found_key else []
                    found.append(self._relation(schema or "", name, word, those, key))
        default = self._connection.dialect.default_schema_name or ""
        return sorted(
            (Relation(r.schema or default, r.name, r.kind, r.columns) for r in found),
            key=lambda r: r.name,
        )

    def _relation(
        self, schema: str, name: str, kind: str, columns: Sequence[Any], key: Sequence[str]
    ) -> Relation:
        return Relation(
            schema, name, kind,
            tuple(
                self._column(
                    c["name"], c["type"], required=not c.get("nullable", True),
                    key=key.index(c["name"]) + 1 if c["name"] in key else 0,
                )
                for c in columns
            ),
        )  # fmt: skip

    def describe(self, query: str) -> Sequence[Column]:
        """By the driver's type codes, where they say enough."""
        dialect = self._connection.dialect
        none = _NO_ROWS.get(dialect.name, "WHERE 1 = 0")
        names, kinds = self._alchemy.described(
            f"SELECT * FROM ({query}\n) hygge_query {none}",
            lambda cursor: types_of(dialect.driver, dialect.name, cursor),
        )
        return [self._column(n, kind) for n, kind in zip(names, kinds, strict=True)]

    def _column(self, name: str, kind: Any, *, required: bool = False, key: int = 0) -> Column:
        backend = self._alchemy.backend
        found = known(kind, backend)
        native = "" if kind is None else text_of(kind, self._connection.dialect)
        fetch = found.fetch.format(self.dialect.quote(name)) if found.fetch else ""
        return Column(name, native, found.type, fetch, required, key, found.loss)

    def split_table(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """See NumberedSession; a caller's connection is read at once, being the only one."""
        return (WHOLE,) if self._alchemy.borrowed else super().split_table(request, parts)

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows, each value held to its field. Raises BadValue."""
        schema = self.schema()
        fields, offset = Schema(schema[n] for n in request.columns or schema.names), 0
        for batch in super().read(request, chunk):
            columns = [column.to_list() for column in batch]
            yield frame_of(
                columns, fields, entity=self._source.label, offset=offset, lenient=request.lenient
            )
            offset += batch.height


def session_over(live: Any, source: Source, context: Context) -> AlchemySession:
    """A session over a caller's Engine, of which one connection is taken, or Connection, which is
    left as it is."""
    if not hasattr(live, "connect"):
        link = AlchemyLink(live, source.where, borrowed=True)
        return AlchemySession(Lease(link, lambda link, broken: None), source, context)
    with told(source.where):
        link = AlchemyLink(live.connect(), source.where)
    return AlchemySession(Lease(link, lambda _, broken: link.give_back()), source, context)
