"""Sessions whose tables are split by a column of whole numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.errors import ConfigError
from hygge.sql.queries import chunk_type
from hygge.sql.ranges import Piece, balanced, range_label
from hygge.sql.session import SQLSession


class NumberedSession(SQLSession):
    """For databases whose statistics are not known here: rows are counted, in portable SQL."""

    def split_table(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Ranges of about equal numbers of rows of the primary key, or of `chunk_column`.

        Where the key is not one whole number, all is read at once. Rows are counted for it, which
        goes through the index once or a few times.
        """
        name = self._chunk_column()
        if not name:
            return (WHOLE,)
        rows = self.rows_sql(request, WHOLE)
        column = self.dialect.quote(name)
        ends = self.link.row(f"SELECT min({column}), max({column}) FROM {rows}")
        low, high = _whole(ends[0]), _whole(ends[1])
        if low is None or high is None or high - low + 1 < parts:
            return (WHOLE,)

        def count(cuts: Sequence[int]) -> list[Piece]:
            cases = " ".join(f"WHEN {column} < {cut} THEN {at}" for at, cut in enumerate(cuts))
            bucket = f"CASE WHEN {column} IS NULL THEN 0 {cases} ELSE {len(cuts)} END"
            each = f"count(*), min({column}), max({column})"
            found = {
                int(at): Piece(int(n), _whole(least), _whole(most))
                for at, n, least, most in self.link.rows(
                    f"SELECT {bucket}, {each} FROM {rows} GROUP BY {bucket}"
                )
            }
            return [found.get(at, Piece(0)) for at in range(len(cuts) + 1)]

        return [
            self.chunk_of(at, name, bounds, range_label(name, bounds, low, high), held)
            for at, (bounds, held) in enumerate(balanced(low, high, parts, count))
        ]

    def _chunk_column(self) -> str:
        """The column of whole numbers that it is split by; "" for none."""
        name, key = self._source.chunk_column, self.relation.key
        if name:
            if not chunk_type(self._source, self.schema()).is_integer:
                raise ConfigError(
                    f"`chunk_column: {name}` holds no whole numbers", hint="choose one that does"
                )
            return name
        return key[0] if len(key) == 1 and self.schema()[key[0]].type.is_integer else ""


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
