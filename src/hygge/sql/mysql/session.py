"""Reading MySQL and MariaDB."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import ConfigError, DataError, UnsupportedError
from hygge.core.watermark import Position
from hygge.sql.link import Link
from hygge.sql.mysql.catalogue import SNAPSHOTS, look
from hygge.sql.mysql.clock import Clock, read_clock
from hygge.sql.mysql.keys import TableIndex, in_range, literals
from hygge.sql.mysql.link import MySQLLink
from hygge.sql.mysql.split import Key, pieces
from hygge.sql.mysql.together import locked
from hygge.sql.mysql.types import DIALECT, TEXT, column_of_query
from hygge.sql.pool import Lease
from hygge.sql.queries import bounded, chunk_key, chunk_type
from hygge.sql.ranges import range_label, range_rows, ranges_between
from hygge.sql.relation import Column, Relation
from hygge.sql.select import columns_sql
from hygge.sql.source import Source
from hygge.sql.together import Spare, TogetherSession, companions

BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_TEXTS = ("string", "json", "uuid")


class MySQLSession(TogetherSession):
    """One attempt's reading of a MySQL or MariaDB database, in one transaction.

    It is one snapshot of all tables whose storage engine has them, as InnoDB does.

    Parameters
    ----------
    lease, source, context: see SQLSession.
    spare: gives connections for sessions that share its snapshot.
    """

    dialect = DIALECT
    consistency = "one snapshot"

    def __init__(
        self, lease: Lease, source: Source, context: Context, spare: Spare = lambda most: ()
    ) -> None:
        super().__init__(lease, source, context)
        self._spare = spare
        self._clock: Clock | None = None
        self._engine = ""

    @property
    def link(self) -> MySQLLink:
        found = super().link
        assert isinstance(found, MySQLLink)
        return found

    def begin(self, snapshot: str) -> None:
        if snapshot:
            raise UnsupportedError(
                "a snapshot of MySQL is read only by the sessions that were opened with it",
                hint="`chunks: off` reads all in one session",
            )
        # The clock first: what commits between the two is seen, whatever time it carries.
        self._clock = read_clock(self.link)
        _begin(self.link)

    def share(self) -> str:
        """See HomeSession. The sessions beside are opened now, as many as are free, up to three;
        `beside` gives them out. This one's snapshot becomes theirs, later than it was."""
        if self._source.query or self.relation.kind != "table" or self._engine not in SNAPSHOTS:
            return ""
        if not self._shared:

            def begin(link: Link) -> None:
                if not self._shared:
                    _begin(self.link)
                    self._shared = f"of connection {self.link.number}"
                _begin(link)

            leases = companions(self._spare, lambda link: locked(link, self._table), begin)
            self._beside = [self._companion(lease) for lease in leases]
        return self._shared if self._beside else ""

    def _companion(self, lease: Lease) -> MySQLSession:
        """A session on a connection whose snapshot is open."""
        session = MySQLSession(lease, self._source, self._context)
        session._begun, session._clock = True, self._clock
        session._found, session._fields = self._found, self._fields
        session.consistency = self.consistency
        return session

    def clock(self) -> datetime:
        """See HomeSession; as it was when the snapshot was taken."""
        return self._begun_clock.bound

    def zone(self) -> str:
        """See HomeSession; of the machine's zone only an abbreviation is known, as of today."""
        own, machine = self.link.row("SELECT @@global.time_zone, @@system_time_zone")
        if own != "SYSTEM":
            return str(own)
        return "UTC" if machine == "UTC" else f"the machine's ({machine})"

    @property
    def settled_clock(self) -> bool:  # type: ignore[override]
        """Whether the server tells which transactions are open; see `clock`."""
        return self._begun_clock.settled

    @property
    def _begun_clock(self) -> Clock:
        self._enter("")
        assert self._clock is not None  # by begin()
        return self._clock

    def find(self, schema: str, name: str) -> Relation | None:
        """See SQLSession; a name with a dot is first tried as it is."""
        tries = [(schema, name)]
        if not schema and "." in name:
            head, _, tail = name.partition(".")
            tries.append((head, tail))
        for inside, table in tries:
            for found in look(self.link, inside, table):
                self._engine = found.engine
                if found.engine and found.engine not in SNAPSHOTS:
                    self.consistency = f"as read: {found.engine} has no snapshots"
                return found.relation
        return None

    def relations(self) -> Sequence[Relation]:
        return [found.relation for found in look(self.link, self._source.schema)]

    def describe(self, query: str) -> Sequence[Column]:
        columns = [column_of_query(definition) for definition in self.link.describe(query)]
        names = [column.name.lower() for column in columns]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ConfigError(
                f"the query has several columns named '{twice[0]}'",
                hint=f"name them apart: `... AS {twice[0]}_2`",
            )
        return columns

    def statement(self, request: ReadRequest, chunk: Chunk) -> str:
        """The SELECT that brings a chunk: a query as it is written, where that is all."""
        wanted = request.columns or tuple(self.schema().names)
        columns = [self._fetched(name) for name in wanted]
        if self._source.query and not self._source.condition and columns == list(
            self.relation.columns
        ) and not any(column.fetch for column in columns):  # fmt: skip
            return bounded(self._source, self.dialect, request, chunk, self.schema)
        listed = columns_sql(self.dialect, columns)
        return f"SELECT {listed} FROM {self.rows_sql(request, chunk)}"

    def position(self, column: str, function: str) -> Position | None:
        try:
            return super().position(column, function)
        except ValueError as error:  # a zero date
            raise DataError(
                f"{self._source.label}.{column}: the {function} is no position: {error}",
                hint="mend the rows, or read incrementally by another column",
            ) from None

    def split_table(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Ranges of the key, whatever its types, as even as the optimizer's estimates."""
        source = self._source
        if source.query:
            return self._split_query(request, parts)
        key = chunk_key(source, self.relation.key, self.schema())
        if not key:
            return (WHOLE,)
        quoted = [self.dialect.quote(name) for name in key]
        index = TableIndex(self.link, self._table, quoted)
        try:
            found = pieces(index, parts)
        except TypeError:  # a key of a type that is not cut
            return (WHOLE,)
        nulls = not self.relation[key[0]].required
        return [
            Chunk(
                at, f"{', '.join(key)} {_words(piece.lower, piece.upper)}",
                {"key": key, "from": literals(piece.lower), "below": literals(piece.upper),
                 "nulls": nulls and piece.lower is None},
                piece.rows,
            )
            for at, piece in enumerate(found)
        ]  # fmt: skip

    def _split_query(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Ranges of equal span of the column that the query's chunks are to be ranges of."""
        chunk_type(self._source, self.schema())  # raises where there is no such column
        name = self._source.chunk_column
        quoted, rows = self.dialect.quote(name), self.rows_sql(request, WHOLE)
        low, high = self.link.row(f"SELECT min({quoted}), max({quoted}) FROM {rows}")
        if low is None:
            return (WHOLE,)
        first, last = math.floor(low), math.ceil(high)
        return [
            self.chunk_of(at, name, span, range_label(name, span, first, last),
                          range_rows(span, first, last))
            for at, span in enumerate(ranges_between(first, last, parts))
        ]  # fmt: skip

    def chunk_condition(self, request: ReadRequest, chunk: Chunk) -> str:
        """See SQLSession; written for MySQL's optimizer."""
        bounds = chunk.bounds
        if "key" not in bounds:
            return ""
        names = [self.dialect.quote(name) for name in bounds["key"]]
        inside = in_range(names, bounds.get("from"), bounds.get("below"))
        return f"{inside} OR {names[0]} IS NULL" if inside and bounds.get("nulls") else inside

    @property
    def _table(self) -> str:
        """The table's name, quoted."""
        relation = self.relation
        return ".".join(map(self.dialect.quote, (relation.schema, relation.name)))

    def _fetched(self, name: str) -> Column:
        """A column as it is brought: as MySQL's own text where it is declared to be text."""
        column = self.relation[name]
        native = column.type.kind if column.type else ""
        if self.schema()[name].type.kind != "string" or native in (*_TEXTS, "binary", "null"):
            return column
        return replace(column, fetch=TEXT.format(self.dialect.quote(name)))


def _begin(link: Link) -> None:
    """Open a snapshot; one that is open is given up."""
    link.execute(BEGIN)


def _words(lower: Key | None, upper: Key | None) -> str:
    """A range of keys in words."""
    ends = [
        f"{word} {', '.join(map(str, key))}"
        for word, key in (("from", lower), ("below", upper)) if key is not None
    ]  # fmt: skip
    return " ".join(ends) or "all"
