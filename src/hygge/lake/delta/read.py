"""Reading a Delta table's version."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import polars as pl
from deltalake.exceptions import DeltaError

from hygge.core.chunk import Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import ConnectError
from hygge.core.fields import Schema
from hygge.core.home import Home
from hygge.core.watermark import Window
from hygge.lake.delta.merge import quoted
from hygge.lake.delta.table import byte_count, opened, row_count, scan, sizes_of, telling
from hygge.lake.delta.types import logical_schema
from hygge.lake.faults import amiss, unread
from hygge.lake.place import Place
from hygge.lake.session import LakeSession


class DeltaSession(LakeSession):
    """See LakeSession.

    Parameters
    ----------
    place: of the table.
    version: to be read; None for the newest.
    where: a condition that rows must meet; "" for all.
    """

    def __init__(
        self, home: Home, place: Place, version: int | None, where: str, context: Context
    ) -> None:
        super().__init__(home, context)
        table = opened(place, version)
        if table is None:
            raise ConnectError(f"{place} is no Delta table", hint="is the path right?")
        self._place, self._table, self._where = place, table, where
        self.consistency = f"version {table.version()} of the table"

    def _fields(self) -> Schema:
        return logical_schema(self._table.schema(), str(self._place))

    def _frames(self, columns: Sequence[str], window: Window | None) -> Iterator[pl.DataFrame]:
        conditions = [f"({self._where})"] if self._where else []
        if window is not None:
            conditions += _around(window)
        try:
            yield from scan(self._table, columns, " AND ".join(conditions))
        except (DeltaError, OSError) as error:
            hint = "look at `where:`" if self._where else "are its files whole?"
            raise unread(self._place, error, self._amiss, hint) from error

    def _amiss(self) -> str:
        return amiss(self._place.shelf(), sizes_of(self._table))

    def estimate(self, request: ReadRequest) -> Estimate:
        with telling(self._place):
            size = byte_count(self._table)
        return Estimate(rows=self._rows(request), bytes=size, exact=True)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        return self._rows(request)

    def _rows(self, request: ReadRequest) -> int | None:
        if request.window is not None or self._where:
            return None
        with telling(self._place):
            return row_count(self._table)


def _around(window: Window) -> list[str]:
    """Conditions that a window's rows meet, so that files are passed over; others may, too."""
    column, out = quoted(window.column), []
    if (lower := _literal(window.lower)) is not None:
        out.append(f"{column} >= {lower}")
    if (upper := _literal(window.upper)) is not None and window.lower is not None:
        out.append(f"{column} < {upper}")  # without a lower bound, NULL is inside
    return out


def _literal(value: Any) -> str | None:
    """A bound in SQL, where that is exact whatever the column's type."""
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 63 else None
    if type(value) is date:
        return f"DATE '{value.isoformat()}'"
    return None
