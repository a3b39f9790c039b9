"""append: after = there + coming."""

from __future__ import annotations

from collections.abc import Iterator

from hygge.sql.settle.modes.step import Rows, Step


def plan(rows: Rows) -> Iterator[Step]:
    """The statements."""
    yield rows.bring()
