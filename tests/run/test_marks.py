"""Rows marked as deleted, and a full refresh, which takes those that the source has no longer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from hygge import (
    DeltaStore,
    DuckDBStore,
    Flow,
    IcebergStore,
    ParquetHome,
    ParquetStore,
    SQLiteStore,
    Store,
)
from hygge.core.context import CancelToken
from hygge.core.settling import StoreSession
from hygge.run.preview import preview

STORES: dict[str, Callable[[], Store]] = {
    "parquet": lambda: ParquetStore("t", path="out/t"),
    "sqlite": lambda: SQLiteStore("t", path="out.db"),
    "duckdb": lambda: DuckDBStore("t", path="out.duckdb"),
    "delta": lambda: DeltaStore("t", path="out/t"),
    "iceberg": lambda: IcebergStore("t", path="out"),
}
SOFT: dict[str, Any] = {"mode": "merge", "key_column": "id", "deletes": "soft"}


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def flow(store: Store, ids: list[int], *, full_refresh: bool = False, **settings: Any) -> Flow:
    pl.DataFrame({"id": ids, "gone": [i == 9 for i in ids]}).write_parquet("in.parquet")
    home = ParquetHome("t", path="in.parquet")
    return Flow(home, store, full_refresh=full_refresh, **{**SOFT, **settings})


@pytest.mark.parametrize("kind", STORES)
def test_a_full_refresh_tells_how_many_marked_rows_go(kind: str) -> None:
    store = STORES[kind]()
    flow(store, [1, 2, 3, 4]).start_sync()
    assert flow(store, [1, 2], full_refresh=True).start_sync().warnings == ()
    flow(store, [1, 2, 3, 4]).start_sync()
    assert flow(store, [1, 4]).start_sync().warnings == ()
    again = flow(store, [1, 4], full_refresh=True)
    notes = preview(again.plan(), CancelToken()).notes
    told = "marked as deleted in _hygge_deleted_at; those of them that the source has no longer"
    assert notes == [(f"2 rows are {told} go with a full refresh", "warning")]
    result = again.start_sync()
    assert result.warnings == (f"2 rows were {told} went with the full refresh",)
    assert result.holds.startswith("2 rows")


def test_the_plan_tells_it_beforehand() -> None:
    store = STORES["parquet"]()
    said = "full refresh: rows marked in _hygge_deleted_at that the source has no longer go"
    assert said in flow(store, [1], full_refresh=True).plan().notes
    for full, settings in ((False, {}), (True, {"deletes": "hard"}), (True, {"deletes": None})):
        planned = flow(store, [1], full_refresh=full, **settings).plan()
        assert said not in planned.notes


def test_marks_that_the_source_gives_are_counted_too() -> None:
    store = STORES["parquet"]()
    source = {"deletes": None, "deleted_when": "gone"}
    flow(store, [1, 9], **source).start_sync()
    (told,) = flow(store, [1, 9], full_refresh=True, **source).start_sync().warnings
    assert told.startswith("1 row was marked as deleted in _hygge_deleted_at")


def test_a_store_that_does_not_count_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    store = STORES["sqlite"]()
    flow(store, [1, 2]).start_sync()
    monkeypatch.setattr("hygge.sql.sqlite.load.SQLiteStoreSession.valued", StoreSession.valued)
    (told,) = flow(store, [1], full_refresh=True).start_sync().warnings
    assert told.startswith("some rows were marked")
