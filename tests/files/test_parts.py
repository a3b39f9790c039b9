"""Parts that are made durable while the next is gathered: in order, none lost, none left behind."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.files import parts
from hygge.files.parquet import ParquetFormat
from hygge.files.parts import PartWriter, digest_of


def writer(folder: Path, rows: int) -> PartWriter:
    return PartWriter(folder, "part-x", ParquetFormat(), part_rows=rows, part_bytes=1 << 30)


@given(sizes=st.lists(st.integers(0, 25), max_size=6), rows=st.integers(1, 10))
def test_rows_in_order_in_even_parts(
    sizes: list[int], rows: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, total = tmp_path_factory.mktemp("parts"), sum(sizes)
    made = writer(folder, rows)
    numbers = iter(range(total))
    for size in sizes:
        made.add(pl.DataFrame({"n": [next(numbers) for _ in range(size)]}, schema={"n": pl.Int64}))
    made.flush()
    assert [p.rows for p in made.parts] == [
        min(rows, total - at) for at in range(0, total, rows)
    ]  # fmt: skip
    files = [folder / p.name for p in made.parts]
    assert sorted(folder.iterdir()) == files
    assert [v for f in files for v in pl.read_parquet(f)["n"]] == list(range(total))
    assert [(p.bytes, p.digest) for p in made.parts] == [
        (f.stat().st_size, digest_of(f)) for f in files
    ]


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_part_that_is_not_durable_fails_the_whole(
    failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(path: Path) -> None:
        if path.name.endswith(f"{failing:05d}.parquet"):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(parts, "sync", sync)
    made = writer(tmp_path, 2)
    with pytest.raises(OSError, match="Input/output"):
        made.add(pl.DataFrame({"n": range(5)}))
        made.flush()
    made.discard()
    assert list(tmp_path.iterdir()) == []
    assert made.parts == []


def test_discarding_removes_what_was_written(tmp_path: Path) -> None:
    made = writer(tmp_path, 2)
    made.add(pl.DataFrame({"n": range(7)}))
    assert len(list(tmp_path.iterdir())) == 3
    made.discard()
    assert list(tmp_path.iterdir()) == []
