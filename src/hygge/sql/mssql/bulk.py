"""How rows go into a table by bulk copy."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import polars as pl

from hygge.sql.mssql.copying import Copy
from hygge.sql.mssql.types import DIALECT
from hygge.sql.settle.settler import WayIn

if TYPE_CHECKING:
    from hygge.sql.mssql.link import MSSQLLink


class BulkWay(WayIn):
    """Rows by bulk copy, in one stream until the last writer ends it."""

    _copy: Copy | None = None

    def take(self, batches: Iterable[pl.DataFrame]) -> int:
        copy = self._copy
        if copy is None:
            schema = self._place.schema or str(self._link.row("SELECT SCHEMA_NAME()")[0])
            target = f"{DIALECT.quote(schema)}.{DIALECT.quote(self._table)}"
            copy = self._copy = cast("MSSQLLink", self._link).copy_into(target)
        return sum(map(copy.take, batches))

    def end(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.end()

    def drop(self) -> None:
        copy, self._copy = self._copy, None
        if copy is not None:
            copy.stop()
            copy.join()
