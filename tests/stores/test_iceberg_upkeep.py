"""Housekeeping of Iceberg tables: what is joined, what is removed, and what never is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pyiceberg.catalog import Catalog
from pyiceberg.table import Table
from tests.contract import readers

from hygge import ConflictError, IcebergStore, StateError, Store
from hygge.core.context import Context, Surroundings
from hygge.lake.iceberg import load as loading
from hygge.lake.iceberg import upkeep
from hygge.lake.iceberg.upkeep import remove_old
from hygge.lake.upkeep import KEY
from hygge.testing.loading import load_frames, state_of

NOW = datetime(2024, 1, 1, tzinfo=UTC)
LATER = datetime(2100, 1, 1, tzinfo=UTC)


def bound(folder: Path, **settings: Any) -> Store:
    return IcebergStore("t", path=folder, **settings).bind(Surroundings(root=folder))


def some(*ids: int, part: str = "a") -> pl.DataFrame:
    return pl.DataFrame({"k": ids, "p": part}, schema={"k": pl.Int64, "p": pl.String})


def keys(folder: Path) -> list[int]:
    return sorted(readers.iceberg(folder, "t")["k"])


def lying(folder: Path) -> set[Path]:
    return {p for p in (folder / "default" / "t").rglob("*") if p.is_file()}


def live(table: Table) -> int:
    return len(list(table.scan().plan_files()))


def test_files_are_joined_when_that_is_due(
    tmp_path: Path, catalog: Catalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = NOW

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now

    monkeypatch.setattr(loading, "datetime", Clock)
    store = bound(tmp_path, optimize={"compact": "24h"})
    counts = []
    for at in range(5):
        load_frames(store, [some(at)], "append")
        counts.append(live(catalog.load_table("default.t")))
        now += timedelta(hours=10)
    assert counts == [1, 2, 3, 1, 2]
    assert keys(tmp_path) == [0, 1, 2, 3, 4]
    state = state_of(store)
    assert state is not None and (state.rows, state.generation) == (5, 5)
    assert state.extra[KEY]["compact"] == "2024-01-02T06:00:00+00:00"


def test_joining_keeps_partitions_and_full_files(tmp_path: Path, catalog: Catalog) -> None:
    store = bound(tmp_path, partition_by=["p"], part_rows=8)
    load_frames(store, [some(*range(8))], "append")
    for at in range(3):
        load_frames(store, [some(10 + at), some(20 + at, part="b")], "append")
    before = state_of(store)
    assert store.compact(Context()) == (7, 3)
    assert state_of(store) == before
    assert store.compact(Context()) == (3, 3)
    parts = catalog.load_table("default.t").inspect.partitions().to_pylist()
    assert {(p["partition"]["p"], p["file_count"]) for p in parts} == {("a", 2), ("b", 1)}
    assert keys(tmp_path) == [*range(8), 10, 11, 12, 20, 21, 22]
    load_frames(store, [some(11, 30)], "merge", ["k"])
    assert keys(tmp_path) == [*range(8), 10, 11, 12, 20, 21, 22, 30]


def test_what_another_commits_while_files_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bound(tmp_path)
    for at in range(2):
        load_frames(store, [some(at)], "append")
    whole, done = upkeep.exchange, list[int]()

    def meanwhile(*args: Any) -> None:
        whole(*args)
        if not done:
            done.append(1)
            load_frames(store, [some(7)], "append")

    monkeypatch.setattr(upkeep, "exchange", meanwhile)
    with pytest.raises(ConflictError):
        store.compact(Context())
    assert keys(tmp_path) == [0, 1, 7]
    assert not [path for path in lying(tmp_path) if "join-" in str(path)]
    assert store.compact(Context()) == (3, 1)
    assert keys(tmp_path) == [0, 1, 7]


def test_old_snapshots_go_with_the_files_that_only_they_need(
    tmp_path: Path, catalog: Catalog
) -> None:
    store = bound(tmp_path, optimize={"vacuum": "1d"})
    for at in range(4):
        load_frames(store, [some(at)], "replace")
    table = catalog.load_table("default.t")
    tagged = table.snapshots()[1].snapshot_id
    table.manage_snapshots().create_tag(tagged, "kept").commit()
    data = tmp_path / "default" / "t" / "data"
    dead, strange = data / "dead" / "0.parquet", data / "dead" / "notes.txt"
    dead.parent.mkdir()
    dead.write_bytes(b"")
    strange.write_bytes(b"")
    place = store.found  # type: ignore[attr-defined]
    assert remove_old(table, place, NOW) == []  # all of them are younger
    assert len(table.snapshots()) == 4
    gone = remove_old(table, place, LATER)
    assert "data/dead/0.parquet" in gone and strange.exists() and not dead.exists()
    table = catalog.load_table("default.t")
    assert {s.snapshot_id for s in table.snapshots()} == {
        tagged, table.current_snapshot().snapshot_id  # type: ignore[union-attr]
    }  # fmt: skip
    assert keys(tmp_path) == [3]
    assert table.scan(snapshot_id=tagged).to_arrow()["k"].to_pylist() == [1]
    assert len(list(data.rglob("*.parquet"))) == 2
    assert remove_old(table, place, LATER) == []
    load_frames(store, [some(9)], "append")
    assert keys(tmp_path) == [3, 9]


def test_a_table_whose_files_are_not_found_is_left_alone(tmp_path: Path, catalog: Catalog) -> None:
    store = bound(tmp_path)
    load_frames(store, [some(1)], "replace")
    load_frames(store, [some(2)], "replace")
    table = catalog.load_table("default.t")
    lost = Path(next(iter(table.scan().plan_files())).file.file_path.removeprefix("file://"))
    lost.rename(tmp_path / "elsewhere")
    before = lying(tmp_path)
    with pytest.raises(StateError, match="nothing was removed"):
        remove_old(table, store.found, LATER)  # type: ignore[attr-defined]
    assert {p for p in before if p.suffix == ".parquet"} <= lying(tmp_path)
    (tmp_path / "elsewhere").rename(lost)
    with table.transaction() as change:
        change.set_properties({"gc.enabled": "false"})
    assert remove_old(table, store.found, LATER) == []  # type: ignore[attr-defined]


def test_catalogs_that_share_a_warehouse_take_nothing_of_each_other(tmp_path: Path) -> None:
    stores = [bound(tmp_path / n, warehouse=tmp_path / "shared") for n in ("dev", "prod")]
    places = [store.found for store in stores]  # type: ignore[attr-defined]
    for at, store in enumerate(stores):
        load_frames(store, [some(at)], "replace")
        load_frames(store, [some(at, at)], "replace")
    catalogs = [place.catalog() for place in places]
    try:
        tables = [c.load_table("default.t") for c in catalogs]
        assert tables[0].location() != tables[1].location()
        assert remove_old(tables[0], places[0], LATER)
        # As earlier versions of hygge had it, and as other programs may: one folder for both.
        shared = Path(tables[0].location().removeprefix("file://"))
        theirs = Path(tables[1].metadata_location.removeprefix("file://"))
        lies = shared / "metadata" / theirs.name
        lies.write_bytes(theirs.read_bytes())
        before = set(shared.rglob("*"))
        with pytest.raises(StateError, match=f"{theirs.name} .* of another table; nothing was"):
            remove_old(tables[0], places[0], LATER)
        lies.write_bytes(b"{")  # nobody can say whose
        with pytest.raises(StateError, match="nothing was removed"):
            remove_old(tables[0], places[0], LATER)
        assert set(shared.rglob("*")) == before
    finally:
        for opened in catalogs:
            opened.close()
    for store in stores:
        load_frames(store, [some(7)], "append")
        state = state_of(store)
        assert state is not None and state.rows == 3


def test_a_load_stands_though_tidying_up_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = bound(tmp_path, optimize={"compact": "1h"})
    load_frames(store, [some(1)], "append")
    told = list[str]()

    def failing(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(upkeep, "join_files", failing)
    with store.open(Context()) as session:
        session._tidy.run(  # type: ignore[attr-defined]
            {"compact"}, session._catalog, session._place,  # type: ignore[attr-defined]
            Context(note=lambda text, _: told.append(text)),
        )  # fmt: skip
    assert len(told) == 1 and "tidying up" in told[0]
    assert keys(tmp_path) == [1]
