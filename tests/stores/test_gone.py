"""Rows that come and keys that go: the same whatever fits memory at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.contract import readers

from hygge import DataError, DeltaStore, IcebergStore, Store
from hygge.core.context import Surroundings
from hygge.lake import gone, once
from hygge.lake.gone import Gone
from hygge.lake.once import Coming
from hygge.lake.shelf import Folder
from hygge.testing.loading import load_frames

KINDS = {"k": pl.Int64, "s": pl.String}
keys = st.tuples(st.integers(0, 5), st.sampled_from(["", "a", "b", None]))


def frame(rows: list[tuple[Any, ...]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=KINDS, orient="row")


@given(st.lists(keys, max_size=30), st.lists(keys, max_size=30), st.integers(1, 4), st.booleans())
@settings(max_examples=60)
def test_all_parts_together_are_one_join(
    go: list[Any], rows: list[Any], parts: int, alike: bool
) -> None:
    """Also where hashes of different keys are the same."""
    keys, there = frame(go), frame(rows).with_row_index("at")
    whole = gone.hashes_of

    def coarse(rows: pl.DataFrame, keys: Any) -> pl.Series:
        return whole(rows, keys) % 3 if alike else whole(rows, keys)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gone, "hashes_of", coarse)
        found = [Gone.of([keys.head(3), keys.tail(-3)], at, parts) for at in range(parts)]
        stay = pl.concat([one.stay(there) for one in found])
        meets = any(one.meets(there) for one in found)
    expected = there.join(keys, on=["k", "s"], how="anti")
    assert stay.sort("at").equals(expected)
    assert meets == (expected.height < there.height)
    assert sum(one.keys.height for one in found) == keys.unique().height


def test_keys_of_other_types_are_not_passed_over() -> None:
    found = Gone.of([pl.DataFrame({"k": [1, 2]})])
    with pytest.raises(pl.exceptions.SchemaError):
        found.stay(pl.DataFrame({"k": [2.0, 3.0]}))


def test_no_key_and_no_rows() -> None:
    rows = frame([(1, "a")])
    assert Gone.of(()).stay(rows).equals(rows)
    assert Gone.of([rows.clear()]).stay(rows).equals(rows)
    assert not Gone.of([rows.clear()]).meets(rows)


def lying(folder: Path, rows: pl.DataFrame) -> Callable[..., Coming]:
    """Rows in files of four rows each."""
    names = []
    for at, part in enumerate(rows.iter_slices(4)):
        part.write_parquet(folder / f"{at}.parquet")
        names.append(f"{at}.parquet")
    return lambda **how: Coming(Folder(folder), names, rows.height, ["k"], entity="t", **how)


def test_rows_that_come_twice_are_compared_in_parts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = frame([(at % 10, str(at % 10)) for at in range(24)])
    coming = lying(tmp_path, rows)
    monkeypatch.setattr(once, "KEYS", 3)
    frames = list(coming(once=True).frames())
    assert pl.concat(frames).sort("k").equals(rows.unique().sort("k"))
    assert max(f.height for f in frames) <= 4
    assert sum(1 for _ in coming(once=False).gone()) == 8
    many = lying(tmp_path, frame([(1, "x")] * 24))(once=True)
    assert pl.concat(many.frames()).rows() == [(1, "x")]
    with pytest.raises(DataError, match="differ under one key, k=1"):
        lying(tmp_path, frame([(1, "x")] * 20 + [(1, "y")]))(once=True)


@pytest.mark.parametrize("make", [DeltaStore, IcebergStore])
def test_loads_of_more_keys_than_are_held(
    tmp_path: Path, make: Callable[..., Store], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(once, "KEYS", 4)
    path = tmp_path / "t" if make is DeltaStore else tmp_path
    store = make("t", path=path).bind(Surroundings(root=tmp_path))
    load_frames(store, [frame([(at, "old") for at in range(30)])], "merge", ["k"])
    new = frame([(at, "new") for at in range(10, 20)])
    load_frames(store, [new], "merge", ["k"])
    wide = new.with_columns(k=pl.col("k") + 10, w=pl.lit(1)).cast({"k": pl.Decimal(25, 2)})
    load_frames(store, [wide], "merge", ["k"])  # which writes all anew
    got = readers.delta(path) if make is DeltaStore else readers.iceberg(tmp_path, "t")
    rows = got.select(pl.col("k").cast(pl.Int64), "s", "w").sort("k").rows()
    expected = [(k, "old" if k < 10 else "new", 1 if k >= 20 else None) for k in range(30)]
    assert rows == expected
