"""Random histories of loads against a plain dictionary, read by DuckDB."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.files.driving import by_duckdb, load, state_of

from hygge.files import buckets
from hygge.stores.ipc import IPCStore
from hygge.stores.parquet import ParquetStore

VALUES = st.one_of(st.none(), st.integers(-5, 5))
KEYED = st.dictionaries(st.tuples(st.integers(0, 12), st.sampled_from("aéb")), VALUES, max_size=12)
STEP = st.tuples(st.sampled_from(["replace", "append", "merge"]), KEYED, st.integers(1, 4))


def frame(rows: dict[tuple[int, str], Any]) -> pl.DataFrame:
    return pl.DataFrame(
        [(a, b, v) for (a, b), v in rows.items()],
        schema={"a": pl.Int64, "b": pl.String, "value": pl.Int64}, orient="row",
    )  # fmt: skip


def pieces(whole: pl.DataFrame, number: int) -> list[pl.DataFrame]:
    size = max(1, -(-whole.height // number))
    return [whole.slice(at, size) for at in range(0, max(1, whole.height), size)]


@given(st.lists(STEP, max_size=6), st.integers(1, 5), st.sampled_from([64, 300, 1 << 20]))
@settings(max_examples=40)
def test_any_history_of_loads(history: list[Any], part_rows: int, leaf: int) -> None:
    oracle: dict[tuple[int, str], Any] = {}
    before, buckets.LEAF_BYTES = buckets.LEAF_BYTES, leaf
    spill, buckets.SPILL_BYTES = buckets.SPILL_BYTES, leaf
    try:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "t"
            store = ParquetStore("t", path=folder, part_rows=part_rows)
            for mode, rows, number in history:
                if mode == "append":  # a key comes once, so that a later merge may follow
                    rows = {k: v for k, v in rows.items() if k not in oracle}
                oracle = rows if mode == "replace" else {**oracle, **rows}
                commit = load(store, mode, pieces(frame(rows), number), keys=("a", "b"))
                assert commit.rows == len(oracle)
                got = by_duckdb(folder)
                assert {(r["a"], r["b"]): r["value"] for r in got} == oracle
                assert len(got) == len(oracle)
                held = state_of(store)
                assert held is not None
                assert held.rows == len(oracle)
                assert held.loaded == len(rows)
    finally:
        buckets.LEAF_BYTES, buckets.SPILL_BYTES = before, spill


@pytest.mark.parametrize("kind", [ParquetStore, IPCStore])
def test_buckets_split_as_they_grow_and_only_touched_ones_are_written(
    tmp_path: Path, kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "LEAF_BYTES", 4_000)
    store = kind("t", path=tmp_path / "t")
    rows = pl.DataFrame({"id": range(2_000), "v": [0] * 2_000})
    load(store, "merge", [rows.slice(at, 100) for at in range(0, 2_000, 100)], keys=("id",))
    first = state_of(store)
    assert first is not None
    leaves = first.extra["layout"]["leaves"]
    assert sum(2.0**-depth for depth, _ in leaves) == 1  # every hash has one bucket
    assert len(leaves) > 8
    commit = load(store, "merge", [pl.DataFrame({"id": [7], "v": [1]})], keys=("id",))
    assert len(commit.files) == 1
    kept = {p["name"] for p in first.extra["parts"]}
    assert commit.state is not None
    assert len(kept - {p["name"] for p in commit.state.extra["parts"]}) == 1
    assert commit.rows == 2_000
    more = pl.DataFrame({"id": range(1_000, 9_000), "v": [2] * 8_000})
    commit = load(store, "merge", [more], keys=("id",))
    assert commit.rows == 9_000
    assert commit.state is not None
    deeper = commit.state.extra["layout"]["leaves"]
    assert sum(2.0**-depth for depth, _ in deeper) == 1
    assert len(deeper) > len(leaves)


def test_another_hash_fills_every_bucket_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(buckets, "LEAF_BYTES", 2_000)
    store = ParquetStore("t", path=tmp_path / "t")
    rows = pl.DataFrame({"id": range(1_000), "v": [0] * 1_000})
    load(store, "merge", [rows], keys=("id",))
    as_before = buckets.hashes

    def other(frame: pl.DataFrame, keys: Any) -> pl.Series:
        return (as_before(frame, keys) + 12_345) ^ 0b1011

    monkeypatch.setattr(buckets, "hashes", other)
    commit = load(store, "merge", [pl.DataFrame({"id": [3, 2_000], "v": [1, 1]})], keys=("id",))
    assert commit.rows == 1_001
    got = {r["id"]: r["v"] for r in by_duckdb(tmp_path / "t")}
    assert got == {**dict.fromkeys(range(1_000), 0), 3: 1, 2_000: 1}
    commit = load(store, "merge", [pl.DataFrame({"id": [4], "v": [1]})], keys=("id",))
    assert len(commit.files) == 1  # and from then on it is as before
