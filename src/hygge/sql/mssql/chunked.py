"""Reading a table of SQL Server in chunks, by sessions side by side."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context
from hygge.core.fields import LogicalType
from hygge.sql.cuts import by_keys
from hygge.sql.link import Link
from hygge.sql.mssql.keys import find_cuts, sampled, share_of
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.split import histogram, is_clustered, locked, pieces
from hygge.sql.mssql.types import DIALECT
from hygge.sql.pool import Lease
from hygge.sql.queries import chunk_key, chunk_type
from hygge.sql.ranges import range_label
from hygge.sql.source import Source
from hygge.sql.together import Spare, TogetherSession, companions

SAMPLED = "sampled"
"""The bound of what is a sample: the percentage of the pages that it takes."""


class ChunkedSession(TogetherSession):
    """See MSSQLSession.

    Parameters
    ----------
    lease, source, context: see SQLSession.
    spare: gives connections for sessions beside this one.
    """

    dialect = DIALECT

    def __init__(
        self, lease: Lease, source: Source, context: Context, spare: Spare = lambda most: ()
    ) -> None:
        super().__init__(lease, source, context)
        self._spare = spare

    @property
    def link(self) -> MSSQLLink:
        found = super().link
        assert isinstance(found, MSSQLLink)
        return found

    @property
    def _table(self) -> str:
        return self.from_sql(WHOLE)

    def split_table(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Ranges of the key, or of `chunk_column`. A table that does not lie in the order of its
        key is not cut, unless by `chunk_column`."""
        source = self._source
        if source.query:
            return self._by_numbers(request, source.chunk_column, parts) if is_whole(
                chunk_type(source, self.schema())
            ) else (WHOLE,)  # fmt: skip
        key = chunk_key(source, self.relation.key, self.schema())
        if not key:
            return (WHOLE,)
        if not source.chunk_column and not is_clustered(self.link, self._table, key[0]):
            return (WHOLE,)
        if len(key) == 1 and is_whole(self.schema()[key[0]].type):
            return self._by_numbers(request, key[0], parts)
        return self._by_keys(request, key, parts)

    def _by_numbers(self, request: ReadRequest, column: str, parts: int) -> Sequence[Chunk]:
        """Ranges of whole numbers, as even as the statistics."""
        ends = [self.position(column, function) for function in ("MIN", "MAX")]
        if None in ends:
            return (WHOLE,)
        low, high = (int(end) for end in ends)  # type: ignore[arg-type]
        told = self.link.engine.whole and not self._source.query
        steps = histogram(self.link, self._table, column) if told else []
        return [
            self.chunk_of(at, column, bounds, range_label(column, bounds, low, high), rows)
            for at, (bounds, rows) in enumerate(pieces(steps, low, high, parts))
        ]

    def _by_keys(self, request: ReadRequest, key: Sequence[str], parts: int) -> Sequence[Chunk]:
        """Ranges of a key of any type, between keys of a sample. Views give none, nor does a table
        that nobody has counted: without a share to sample, all its keys would be put in order."""
        relation = self.relation
        if relation.kind != "table" or relation.rows is None or not self.link.engine.whole:
            return (WHOLE,)
        columns = [relation[name] for name in key]
        open_ = [f"{DIALECT.quote(c.name)} IS NOT NULL" for c in columns if not c.required]
        some = Chunk(bounds={SAMPLED: share_of(relation.rows, parts)})
        cuts = find_cuts(self.link, columns, self.rows_sql(request, some, *open_), parts)
        return by_keys(key, cuts, nulls=bool(open_), rows=relation.rows // (len(cuts) + 1))

    def from_sql(self, chunk: Chunk) -> str:
        return sampled(super().from_sql(chunk), chunk.bounds.get(SAMPLED))

    # In one snapshot ------------------------------------------------------------------------------

    @property
    @abstractmethod
    def can_share(self) -> bool:
        """Whether others can be in a snapshot of the same moment as this session's."""

    @abstractmethod
    def companion(self, lease: Lease) -> TogetherSession:
        """A session on a connection whose snapshot is open."""

    def share(self) -> str:
        """See HomeSession. The sessions beside are opened now, as many as are free, up to three;
        `beside` gives them out. This one's snapshot becomes theirs, later than it was."""
        if self._source.query or self.relation.kind != "table" or not self.can_share:
            return ""
        if not self._shared:
            table = self._table

            def begin(link: Link) -> None:
                if not self._shared:
                    _open(self.link, table)
                    self._shared = f"of session {self.link.row('SELECT @@SPID')[0]}"
                _open(link, table)

            leases = companions(self._spare, lambda link: locked(link, table), begin)
            self._beside = [self.companion(lease) for lease in leases]
        return self._shared if self._beside else ""


def is_whole(kind: LogicalType) -> bool:
    """Whether values of a type are whole numbers."""
    return kind.is_integer or (kind.kind == "decimal" and not kind.scale)


def _open(link: Link, table: str) -> None:
    """Open a snapshot, which is of the moment of its first read; one that is open is given up."""
    link.execute(
        "IF @@TRANCOUNT > 0 COMMIT TRANSACTION; SET TRANSACTION ISOLATION LEVEL SNAPSHOT; "
        "BEGIN TRANSACTION"
    )
    link.rows(f"SELECT TOP 1 1 AS one FROM {table}")
