"""merge: after = (there - keys) + coming, where every key comes once.

With `deduplicate: latest by COLUMN`, of each key the row with the greatest value among those there
and those that come; of equal ones one that comes; NULL is below all. A row that is marked as gone,
where those are deleted, takes out what is there and is not brought in.
"""

from __future__ import annotations

from collections.abc import Iterator

from hygge.sql.settle.modes import words
from hygge.sql.settle.modes.step import Rows, Step


def plan(rows: Rows) -> Iterator[Step]:
    """The statements."""
    yield rows.take_out(rows.not_older)
    if not rows.terms.latest:
        yield rows.bring()
        return
    # What is there still under a key that comes is later than what comes.
    later = words.same(rows.dialect, rows.keys, rows.target, words.COMING)
    yield rows.bring(f"NOT EXISTS (SELECT 1 FROM {rows.target} WHERE {later})")
