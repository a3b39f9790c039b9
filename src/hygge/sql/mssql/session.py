"""Reading SQL Server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.errors import UnsupportedError
from hygge.core.fields import Field, LogicalType
from hygge.core.watermark import Position, Window
from hygge.sql.mssql import rowversion, tracking
from hygge.sql.mssql.catalogue import describe_sql, described, look, named
from hygge.sql.mssql.chunked import ChunkedSession
from hygge.sql.mssql.columns import NOTHING, Beside, as_asked
from hygge.sql.mssql.security import policies
from hygge.sql.mssql.types import DIALECT, Precision
from hygge.sql.pool import Lease
from hygge.sql.relation import Column, Relation, by_column, meanings
from hygge.sql.select import where
from hygge.sql.source import Source

_SNAPSHOT = "one snapshot"
_WORDS = {
    "read_committed": "as each statement reads it (READ COMMITTED): rows that others change "
    "meanwhile may be missed or come twice",
    "versions": "as each statement reads it (READ COMMITTED by versions: each is one snapshot)",
    "read_uncommitted": "READ UNCOMMITTED: what others have not committed is read, and rows may be "
    "missed or come twice",
}  # fmt: skip
_STATE = (
    "SELECT snapshot_isolation_state, is_read_committed_snapshot_on FROM sys.databases "
    "WHERE name = DB_NAME()"
)


@dataclass(frozen=True)
class MSSQLSource(Source):
    """What is to be read; see Source.

    Parameters
    ----------
    precision: how `datetime2(7)` is read; see `types.column_of`.
    beside: what is read beside columns; see `columns.as_asked`.
    """

    precision: Precision = "us"
    beside: Beside = NOTHING


_OFFSET = "SELECT DATEDIFF(second, SYSUTCDATETIME(), SYSDATETIME())"


def offset_of(seconds: int) -> str:
    """An offset as SQL writes it: `-05:00`; of two clocks that were read one after the other, so
    that the nearest quarter of an hour is meant."""
    quarters = round(seconds / 900)
    return f"{'-' if quarters < 0 else '+'}{abs(quarters) // 4:02}:{abs(quarters) % 4 * 15:02}"


class MSSQLSession(ChunkedSession):
    """One attempt's reading of a database of SQL Server.

    In one snapshot, where the database has them allowed (`ALLOW_SNAPSHOT_ISOLATION`), which all of
    Azure SQL Database have, or the server knows nothing else. Sessions beside it have snapshots of
    their own, of the same moment of the table.

    Parameters
    ----------
    lease, source, context: see SQLSession.
    spare: gives connections for sessions beside this one.
    """

    counting = DIALECT.counting
    _clock: datetime | None = None
    _bound: rowversion.Bound | None = None
    _tracked: tracking.Tracked | None = None
    _kept = _WORDS["read_committed"]

    @property
    def consistency(self) -> str:  # type: ignore[override]
        """See HomeSession; known once the server has been asked."""
        self._enter("")
        return self._kept

    def begin(self, snapshot: str) -> None:
        if snapshot:
            raise UnsupportedError(
                "a snapshot of SQL Server is read only by the sessions that were opened with it",
                hint="`chunks: off` reads all in one session",
            )
        link = self.link
        engine = link.engine
        engine.check_isolation(link.isolation, self._source.where)
        # The clock first: what commits between the two is seen, whatever time it carries.
        (now,) = link.row("SELECT SYSUTCDATETIME()")
        self._clock = now.replace(tzinfo=UTC)
        if engine.isolation == "snapshot":
            self._kept = _SNAPSHOT
            link.execute("BEGIN TRANSACTION")
            return
        (allowed, versions) = next(iter(link.rows(_STATE)), (0, False))
        if engine.isolation == "own":
            self._kept = _WORDS["versions" if versions else "read_uncommitted"]
            return
        level = link.isolation or ("snapshot" if allowed == 1 else "read_committed")
        if level == "snapshot":
            self._kept = _SNAPSHOT
            link.execute("SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION")
            return
        by_versions = level == "read_committed" and versions
        self._kept = _WORDS["versions" if by_versions else level]
        link.execute(f"SET TRANSACTION ISOLATION LEVEL {level.upper().replace('_', ' ')}")

    def clock(self) -> datetime | None:
        """The server's, as it was before the first row was read; others' open transactions may
        still write rows of earlier times, so that a `lag` is needed."""
        self._enter("")
        return self._clock

    def zone(self) -> str:
        """See HomeSession; as an offset, which is today's."""
        return offset_of(int(self.link.row(_OFFSET)[0]))

    def who(self) -> str:
        return self.link.who()

    # Beside others --------------------------------------------------------------------------------

    @property
    def can_share(self) -> bool:
        return self._kept == _SNAPSHOT and self.link.engine.whole

    def companion(self, lease: Lease) -> MSSQLSession:
        """A session on a connection whose snapshot is open."""
        session = MSSQLSession(lease, self._source, self._context)
        session._begun, session._clock, session._kept = True, self._clock, self._kept
        session._found, session._fields, session._bound = self._found, self._fields, self._bound
        session._tracked = self._tracked
        return session

    # By Change Tracking ---------------------------------------------------------------------------

    def told_by(self, what: str) -> Field:
        """See HomeSession. Raises ConfigError where the table's changes are not tracked."""
        if self._source.query or what != "change_tracking":
            return super().told_by(what)
        self.link.engine.check_tracking(self._source.where)
        self._tracked = tracking.read_state(self.link, self._table, self._source.label)
        return tracking.VERSION

    def expired(self, last: Position) -> str:
        assert self._tracked is not None and isinstance(last, int)
        return tracking.expired(self._tracked, last, self._source.label)

    def gone(self, request: ReadRequest) -> Chunk:
        return Chunk(label="rows that are gone", bounds={tracking.GONE: self._since(request)})

    def from_sql(self, chunk: Chunk) -> str:
        table = super().from_sql(chunk)
        gone = chunk.bounds.get(tracking.GONE)
        return table if gone is None else tracking.changes(table, gone)

    def rows_sql(self, request: ReadRequest, chunk: Chunk, *also: str) -> str:
        """See SQLSession. Of a row that is gone nothing is known but its key."""
        if tracking.GONE in chunk.bounds:
            return self.from_sql(chunk) + where(tracking.DELETED)
        return super().rows_sql(request, chunk, *also)

    def _since(self, request: ReadRequest) -> int:
        assert request.window is not None and isinstance(request.window.lower, int)
        return request.window.lower

    # By rowversion --------------------------------------------------------------------------------

    def positions(self, field: Field) -> LogicalType:
        """See HomeSession: row versions are numbers, of a table; a query hides what it reads."""
        return rowversion.NUMBER if self._by_rowversion(field.name) else field.type

    def settled(self, field: Field) -> bool:
        known = field == tracking.VERSION or self._by_rowversion(field.name)
        return known or super().settled(field)

    def maximum(self, column: str) -> Position | None:
        """See HomeSession. Of a rowversion, what is below all that may still appear; the snapshot
        is taken anew, since it must not be older than that."""
        if self._tracked is not None and column == tracking.VERSION.name:
            return self._tracked.current
        if not self._by_rowversion(column):
            return super().maximum(column)
        link, place = self.link, self._source.where
        kept = self._kept == _SNAPSHOT
        if kept:
            link.execute("COMMIT TRANSACTION")
        self._bound = rowversion.read_bound(link, place)
        if self._bound.held_back and (who := rowversion.holder(link)):
            self._context.note(
                f"rows from {rowversion.shown(self._bound.upper)} on are left for a later run: "
                f"{who} holds them back",
                "warning",
            )
        if kept:
            link.execute("BEGIN TRANSACTION")
        return self._bound.upper - 1

    def check_position(self, column: str, last: Position) -> None:
        if self._bound is not None and isinstance(last, int):
            rowversion.check_last(self._bound, last, self._source.where)

    def window_condition(self, window: Window) -> str:
        if self._tracked is not None and window.column == tracking.VERSION.name:
            # Whatever has changed since, later than the bound or not: it comes again then.
            since = window.lower
            assert since is None or isinstance(since, int)
            return "" if since is None else tracking.changed(self._table, self.relation.key, since)
        if not self._by_rowversion(window.column):
            return super().window_condition(window)
        return rowversion.condition(self.dialect.quote(window.column), window)

    def _by_rowversion(self, column: str) -> bool:
        return (
            not self._source.query
            and column in self.schema().names
            and self.relation[column].native in rowversion.NATIVES
        )

    # The catalogue --------------------------------------------------------------------------------

    def find(self, schema: str, name: str) -> Relation | None:
        for inside, table in meanings(schema, name):
            found = look(self.link.rows, named(inside, table), self._precision)
            if found:
                (relation,) = found
                columns = self._declared(relation.columns)
                return replace(relation, columns=columns, filtered=self._is_filtered(relation))
        return None

    def _is_filtered(self, relation: Relation) -> bool:
        """Whether a policy filters a table's rows; of a view's tables that is not asked."""
        quote = self.dialect.quote
        named = f"{quote(relation.schema)}.{quote(relation.name)}"
        return relation.kind == "table" and any(policies(self.link, named))

    def relations(self) -> Sequence[Relation]:
        return look(self.link.rows)

    def describe(self, query: str) -> Sequence[Column]:
        """By the server's word, of the query in the form in which it is run."""
        names, rows = self.link.table(describe_sql(f"SELECT * FROM ({query}\n) hygge_query"))
        return self._declared(described(rows, names, self._precision))

    @property
    def _precision(self) -> Precision:
        return self._source.precision if isinstance(self._source, MSSQLSource) else "us"

    def _declared(self, columns: Sequence[Column]) -> tuple[Column, ...]:
        source = self._source
        natives = {column.name: column.native for column in columns}
        kinds = by_column(source.types, natives, entity=source.label)
        beside = source.beside if isinstance(source, MSSQLSource) else NOTHING
        return as_asked(columns, kinds, self.link.fetches, beside)

    def frame(self, batch: pl.DataFrame) -> pl.DataFrame:
        """Identifiers in lower case: the driver has them in upper case; instants as such."""
        schema = self.schema()
        changed: list[Any] = []
        for name, dtype in batch.schema.items():
            kind = schema[name].type
            if dtype == pl.String and kind.kind == "uuid":
                changed.append(pl.col(name).str.to_lowercase())
            elif kind.zone and isinstance(dtype, pl.Datetime) and not dtype.time_zone:
                changed.append(pl.col(name).dt.replace_time_zone("UTC"))
        return batch.with_columns(changed) if changed else batch
