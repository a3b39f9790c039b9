"""Settling in DuckDB."""

from __future__ import annotations

from typing import Any

import polars as pl

from hygge.core.errors import HyggeError, TransientError
from hygge.sql.duckdb.types import DIALECT
from hygge.sql.link import Link
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler


class DuckDBSettler(Settler):
    """Everything is transactional, tables too; two loads of one table conflict at the commit."""

    dialect = DIALECT
    case_matters = False
    longest_name = 1 << 16

    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        taker: Any = link
        return int(taker.append(place.sql(self.dialect, table), rows))

    def is_conflict(self, error: HyggeError) -> bool:
        return isinstance(error, TransientError) and "onflict" in error.message
