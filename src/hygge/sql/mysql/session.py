"""Reading MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.errors import ConfigError
from hygge.sql.mysql.catalogue import SNAPSHOTS, look
from hygge.sql.mysql.clock import Clock, read_clock
from hygge.sql.mysql.link import MySQLLink
from hygge.sql.mysql.types import DIALECT, TEXT, column_of_query
from hygge.sql.queries import bounded
from hygge.sql.relation import Column, Relation
from hygge.sql.select import columns_sql
from hygge.sql.session import SQLSession

BEGIN = "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY"
_TEXTS = ("string", "json", "uuid")


class MySQLSession(SQLSession):
    """One attempt's reading of a MySQL or MariaDB database, in one transaction.

    It is one snapshot of all tables whose storage engine has them, as InnoDB does.
    """

    dialect = DIALECT
    consistency = "one snapshot"
    _clock: Clock | None = None

    @property
    def link(self) -> MySQLLink:
        found = super().link
        assert isinstance(found, MySQLLink)
        return found

    def begin(self, snapshot: str) -> None:
        # The clock first: what commits between the two is seen, whatever time it carries.
        self._clock = read_clock(self.link)
        self.link.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self.link.execute(BEGIN)

    def clock(self) -> datetime:
        """See HomeSession; as it was when the snapshot was taken."""
        return self._begun_clock.bound

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

    def _fetched(self, name: str) -> Column:
        """A column as it is brought: as MySQL's own text where it is declared to be text."""
        column = self.relation[name]
        native = column.type.kind if column.type else ""
        if self.schema()[name].type.kind != "string" or native in (*_TEXTS, "binary", "null"):
            return column
        return replace(column, fetch=TEXT.format(self.dialect.quote(name)))
