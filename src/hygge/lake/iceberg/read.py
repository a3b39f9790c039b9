"""Reading an Iceberg table's snapshot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any

import polars as pl
import pyarrow as pa
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    LessThan,
)  # fmt: skip
from pyiceberg.expressions.parser import parse
from pyiceberg.expressions.visitors import bind
from pyiceberg.io.pyarrow import expression_to_pyarrow
from pyiceberg.schema import Schema as NativeSchema
from pyiceberg.table import FileScanTask

from hygge.core.chunk import Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import ConfigError, ConnectError
from hygge.core.fields import Schema
from hygge.core.home import Home
from hygge.core.watermark import Window
from hygge.lake.faults import amiss, unread
from hygge.lake.iceberg.catalog import Place, found, telling
from hygge.lake.iceberg.scan import frames_of
from hygge.lake.iceberg.table import row_count, shelf_of, sizes_of
from hygge.lake.iceberg.types import logical_schema
from hygge.lake.session import LakeSession


class IcebergSession(LakeSession):
    """See LakeSession.

    Parameters
    ----------
    place: of the table.
    snapshot: to be read; None for the newest.
    where: a condition that rows must meet, as pyiceberg reads it; "" for all.
    """

    def __init__(
        self, home: Home, place: Place, snapshot: int | None, where: str, context: Context
    ) -> None:
        super().__init__(home, context)
        self._place, self._catalog = place, place.catalog(make=False)
        try:
            table = found(self._catalog, place)
            if table is None:
                raise ConnectError(f"{place} is not there", hint="is its name right?")
            if snapshot is not None and table.snapshot_by_id(snapshot) is None:
                known = ", ".join(str(s.snapshot_id) for s in table.snapshots()[-3:]) or "none"
                raise ConnectError(
                    f"{place} has no snapshot {snapshot}", hint=f"its newest: {known}"
                )
            self._where = _condition(where, place)
        except BaseException:
            self._catalog.close()
            raise
        newest = table.current_snapshot()
        self._table = table
        self._snapshot = newest.snapshot_id if snapshot is None and newest else snapshot
        self.consistency = f"snapshot {self._snapshot} of the table"

    def _fields(self) -> Schema:
        schema = self._table.schema()
        if self._snapshot is not None:
            schema = self._table.scan(snapshot_id=self._snapshot).projection()
        return logical_schema(schema, str(self._place))

    def _frames(self, columns: Sequence[str], window: Window | None) -> Iterator[pl.DataFrame]:
        if self._snapshot is None:
            return
        whole = isinstance(self._where, AlwaysTrue)
        with telling(self._place):
            scan = self._table.scan(row_filter=self._around(window), snapshot_id=self._snapshot)
            every = scan.projection()
            schema = NativeSchema(*(every.find_field(name) for name in columns)) if whole else every
            keep = None if whole else expression_to_pyarrow(bind(every, self._where, True))
            for frame in self._whole(frames_of(self._table, scan.plan_files(), schema)):
                if keep is not None:
                    frame = pl.DataFrame(frame.to_arrow().filter(keep)).select(columns)
                yield frame

    def _whole(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        """Rows of files, which may be gone, cut, or no Parquet at all."""
        try:
            yield from frames
        except (pa.ArrowException, OSError) as error:
            raise unread(self._place, error, self._amiss, "are its files whole?") from error

    def _amiss(self) -> str:
        location = self._table.location()
        return amiss(shelf_of(location, self._table.io), sizes_of(location, self._tasks()))

    def _around(self, window: Window | None) -> BooleanExpression:
        """What rows must meet, and what those of a window meet, so that files are passed over."""
        out: BooleanExpression = self._where
        if window is not None and _tells(window.lower):
            out = And(out, GreaterThanOrEqual(term=window.column, value=window.lower))
            if _tells(window.upper):  # without a lower bound, NULL is inside
                out = And(out, LessThan(term=window.column, value=window.upper))
        return out

    def _tasks(self) -> list[FileScanTask]:
        with telling(self._place):
            return list(self._table.scan(snapshot_id=self._snapshot).plan_files())

    def estimate(self, request: ReadRequest) -> Estimate:
        if self._snapshot is None:
            return Estimate(rows=0, bytes=0, exact=True)
        tasks = self._tasks()
        size = sum(task.file.file_size_in_bytes for task in tasks)
        rows = self._rows(request, tasks)
        return Estimate(rows=rows, bytes=size, exact=rows is not None)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        return 0 if self._snapshot is None else self._rows(request, self._tasks())

    def _rows(self, request: ReadRequest, tasks: Sequence[FileScanTask]) -> int | None:
        whole = request.window is None and isinstance(self._where, AlwaysTrue)
        return row_count(tasks) if whole else None

    def close(self) -> None:
        self._catalog.close()


def _condition(where: str, place: Place) -> BooleanExpression:
    if not where:
        return AlwaysTrue()
    try:
        return parse(where)
    except Exception as error:
        raise ConfigError(
            f"{place}: `where` cannot be read: {error}",
            hint="it is a condition as pyiceberg has it: comparisons, IN, IS NULL, AND, OR, NOT",
        ) from error


def _tells(bound: Any) -> bool:
    """Whether a bound is one that the library compares exactly, whatever the column's type."""
    return type(bound) is date or (isinstance(bound, int) and abs(bound) < 1 << 31)
