"""Parts that are made durable while the next is gathered: in order, none lost, none left behind."""

from __future__ import annotations

import threading
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.context import CancelToken
from hygge.core.errors import Cancelled
from hygge.core.fields import Schema
from hygge.files import draft
from hygge.files.delimited import CSVFormat
from hygge.files.draft import digest_of
from hygge.files.format import Format
from hygge.files.ipc import IPCFormat
from hygge.files.ndjson import NDJSONFormat
from hygge.files.parquet import ParquetFormat, row_groups
from hygge.files.parts import PartWriter
from hygge.files.rewrite import coalesce


def writer(folder: Path, rows: int, group: int | None = 65_536) -> PartWriter:
    form = ParquetFormat(row_group_rows=group)
    return PartWriter(folder, "part-x", form, part_rows=rows, part_bytes=1 << 30)


@given(
    sizes=st.lists(st.integers(0, 25), max_size=6), rows=st.integers(1, 10),
    group=st.none() | st.integers(1, 12),
)  # fmt: skip
def test_rows_in_order_in_even_parts(
    sizes: list[int], rows: int, group: int | None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Whether a part is written once all its rows are there, or while they come."""
    folder, total = tmp_path_factory.mktemp("parts"), sum(sizes)
    made = writer(folder, rows, group)
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
    for file in files:
        lying = [g.rows for g in row_groups(file)]
        assert lying == [min(group or rows, sum(lying) - at) for at in accumulated(lying)]
    assert [(p.bytes, p.digest) for p in made.parts] == [
        (f.stat().st_size, digest_of(f)) for f in files
    ]


def accumulated(sizes: list[int]) -> list[int]:
    return [sum(sizes[:number]) for number in range(len(sizes))]


def writing() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("write part-x")]


def test_what_is_discarded_half_written_leaves_no_thread_and_no_file(tmp_path: Path) -> None:
    made = writer(tmp_path, 100, group=4)
    made.add(pl.DataFrame({"n": range(9)}))
    assert len(writing()) == 1
    made.discard()
    assert (writing(), list(tmp_path.iterdir())) == ([], [])


def test_parts_whose_rewriting_is_cancelled_leave_no_thread(tmp_path: Path) -> None:
    held, cancel = writer(tmp_path, 9), CancelToken()
    held.add(pl.DataFrame({"n": range(18)}))
    held.flush()
    new = tmp_path / "new"
    new.mkdir()

    def shape(piece: pl.DataFrame) -> pl.DataFrame:
        cancel.cancel("enough")
        return piece

    form, fields = ParquetFormat(), Schema.of(pl.DataFrame({"n": [0]}))
    with pytest.raises(Cancelled, match="enough"):
        coalesce(
            tmp_path, held.parts, form, fields, writer(new, 100, group=4), shape,
            which=lambda part: True, cancel=cancel,
        )  # fmt: skip
    assert (writing(), list(new.iterdir())) == ([], [])


@pytest.mark.parametrize("group", [4, None])
def test_a_part_that_cannot_be_written_says_why(group: int | None, tmp_path: Path) -> None:
    made = writer(tmp_path / "gone", 100, group=group)
    with pytest.raises(FileNotFoundError, match="part-x-00000"):
        for _ in range(5):
            made.add(pl.DataFrame({"n": range(9)}))
        made.flush()
    made.discard()
    assert writing() == []


def test_rows_that_fail_on_their_way_fail_the_part(tmp_path: Path) -> None:
    """Half a part is never taken for a whole one."""
    made = writer(tmp_path, 100, group=4)
    made.add(pl.DataFrame({"n": range(9)}))
    with pytest.raises(ValueError, match="came after"):
        for _ in range(5):
            made.add(pl.DataFrame({"other": ["x"] * 9}))
        made.flush()
    made.discard()
    assert (writing(), list(tmp_path.iterdir())) == ([], [])


@pytest.mark.parametrize("failing", [0, 1, 2])
def test_a_part_that_is_not_durable_fails_the_whole(
    failing: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def sync(path: Path) -> None:
        if path.name.endswith(f"{failing:05d}.parquet"):
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(draft, "sync", sync)
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


@pytest.mark.parametrize(
    "form", [ParquetFormat(), IPCFormat(), CSVFormat(), CSVFormat(header=False), NDJSONFormat()]
)
def test_a_part_gives_the_columns_that_are_asked_for(form: Format, tmp_path: Path) -> None:
    rows = pl.DataFrame({"a": [1, 2], "b": ["x", None], "c": [None, 0.5]})
    part, fields = tmp_path / f"part.{form.extension}", Schema.of(rows)
    form.write(rows, part)
    for asked in (["c"], ["c", "a"], ["b"]):
        assert pl.concat(form.read(part, fields, asked)).equals(rows.select(asked))
    assert pl.concat(form.read(part, fields)).equals(rows)
