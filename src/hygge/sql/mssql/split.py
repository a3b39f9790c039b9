"""Cutting a table of SQL Server at whole numbers of its key, and readers of one moment of it.

The ranges are as even as the server's own statistics of the key: a histogram of at most 200 steps,
which lies in the catalogue, so that a table of any size is cut at once. Where there is none they
have equal spans. Only a table whose key is clustered is cut: of a heap, each range would be a read
of all of it.
https://learn.microsoft.com/sql/relational-databases/system-dynamic-management-views/sys-dm-db-stats-histogram-transact-sql
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hygge.core.errors import HyggeError
from hygge.sql.link import Link
from hygge.sql.mssql.types import text_literal
from hygge.sql.ranges import Range, merged, range_rows, ranges_between
from hygge.sql.together import PATIENCE_S

CLUSTERED_SQL = """
SELECT COUNT(*) FROM sys.indexes i
JOIN sys.index_columns ic ON ic.object_id = i.object_id AND ic.index_id = i.index_id
JOIN sys.columns c ON c.object_id = ic.object_id AND c.column_id = ic.column_id
WHERE i.object_id = OBJECT_ID({table}) AND i.type = 1 AND ic.key_ordinal = 1 AND c.name = {column}
"""
HISTOGRAM_SQL = """
SELECT CAST(h.range_high_key AS bigint), CAST(h.range_rows + h.equal_rows AS bigint)
FROM sys.dm_db_stats_histogram(OBJECT_ID({table}), (
    SELECT MIN(s.stats_id) FROM sys.stats s
    JOIN sys.stats_columns sc ON sc.object_id = s.object_id AND sc.stats_id = s.stats_id
    JOIN sys.columns c ON c.object_id = sc.object_id AND c.column_id = sc.column_id
    WHERE s.object_id = OBJECT_ID({table}) AND s.has_filter = 0 AND sc.stats_column_id = 1
      AND c.name = {column})) h
ORDER BY h.step_number
"""
"""Each step: the largest key in it, and its rows."""

Step = tuple[int, int]


def is_clustered(link: Link, table: str, column: str) -> bool:
    """Whether a table lies in the order of a column.

    Parameters
    ----------
    table: its quoted name.
    """
    return bool(link.row(_asked(CLUSTERED_SQL, table, column))[0])


def histogram(link: Link, table: str, column: str) -> list[Step]:
    """The statistics of a column of whole numbers; none where there are none, or none to be seen
    (they came with SQL Server 2016 SP1)."""
    try:
        return [(int(key), int(rows)) for key, rows in
                link.rows(_asked(HISTOGRAM_SQL, table, column)) if key is not None]  # fmt: skip
    except HyggeError:
        return []


def _asked(query: str, table: str, column: str) -> str:
    return query.format(table=text_literal(table), column=text_literal(column))


def pieces(steps: Sequence[Step], low: int, high: int, parts: int) -> list[tuple[Range, int]]:
    """Up to `parts` ranges of whole numbers, and about how many rows each has; the outermost are
    unbounded.

    Parameters
    ----------
    steps: of the column's histogram, in order.
    low, high: the least and the largest number now.
    """
    cuts = sorted({key + 1 for key, _ in steps if low <= key < high})
    if not cuts:
        return [(r, range_rows(r, low, high)) for r in ranges_between(low, high, parts)]
    counts = [0] * (len(cuts) + 1)
    for key, rows in steps:
        counts[sum(cut <= key for cut in cuts)] += rows
    return merged(cuts, counts, parts)


@contextmanager
def locked(link: Link, table: str) -> Iterator[None]:
    """While nobody writes to a table. Raises TransientError where somebody goes on writing."""
    (before,) = link.row("SELECT @@LOCK_TIMEOUT")
    link.execute(f"SET LOCK_TIMEOUT {PATIENCE_S * 1000}")
    try:
        link.execute("BEGIN TRANSACTION")
        link.rows(f"SELECT TOP 1 1 AS one FROM {table} WITH (TABLOCK, HOLDLOCK)")
        yield
    finally:
        link.execute(f"IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET LOCK_TIMEOUT {before}")
