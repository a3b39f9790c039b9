"""replace: after = coming.

With `deduplicate`: the latest row of each key that comes. Rows that are marked as gone, where those
are deleted, are left out. The target is a new table, which takes the old one's name afterwards.
"""

from __future__ import annotations

from collections.abc import Iterator

from hygge.sql.settle.modes.step import Rows, Step


def plan(rows: Rows) -> Iterator[Step]:
    """The statements that fill the new table."""
    yield rows.bring()
