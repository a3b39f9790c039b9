"""Keys that come twice at the source, or are NULL there: nothing else goes for their sake."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hygge import (
    DataError,
    DuckDBHome,
    DuckDBStore,
    Flow,
    ParquetHome,
    ParquetStore,
    SQLiteHome,
    SQLiteStore,
)

KINDS = {
    "sqlite": (SQLiteStore, SQLiteHome, "w.db"), "duckdb": (DuckDBStore, DuckDBHome, "w.duckdb"),
    "parquet": (ParquetStore, ParquetHome, "w"),
}  # fmt: skip
BEFORE = [("a", 1, 1), ("b", 1, 2), ("c", 1, 3)]


@pytest.mark.parametrize("kind", list(KINDS))
@pytest.mark.parametrize("key", [["k"], ["k", "n"]])
@pytest.mark.parametrize(
    "rest", [[("a", 1, 1), ("a", 1, 1)], [("a", 1, 1), (None, 1, 0)]], ids=["doubled", "null"]
)
def test_only_what_is_gone_goes(
    kind: str, key: list[str], rest: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a comparison of keys; the rows themselves lie before the window."""
    monkeypatch.chdir(tmp_path)
    store, home, path = KINDS[kind]

    def lay(rows: Sequence[Any]) -> None:
        with closing(sqlite3.connect("shop.db")) as db, db:
            db.execute("DROP TABLE IF EXISTS t")
            db.execute("CREATE TABLE t (k TEXT, n INTEGER, u INTEGER)")
            db.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)

    flow = Flow(
        SQLiteHome("t", path="shop.db"), store("t", path=path), name="t", mode="merge",
        key_column=key, incremental={"column": "u"}, deletes={"mode": "hard", "find": "keys"},
    )  # fmt: skip
    lay(BEFORE)
    flow.start_sync()
    lay([*rest, ("b", 1, 2)])
    left = BEFORE[:2]
    if kind == "parquet" and rest[1][0] is None:  # files tell of any key that is NULL
        with pytest.raises(DataError, match="the key column 'k' is NULL"):
            flow.start_sync()
        left = BEFORE
    else:
        flow.start_sync()
    Flow(home("t", path=path), ParquetStore("o", path="out"), name="o").start_sync()
    assert sorted(pl.read_parquet("out/*.parquet")["k", "n", "u"].rows()) == left
