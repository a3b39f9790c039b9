"""Filling files: one is laid down while the next is gathered, and what fails leaves nothing."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import polars as pl
import pyarrow as pa
import pytest

from hygge.lake.parts import Filler, Sizes, no_facts, write_parquet
from hygge.lake.shelf import Data, Folder, digest_of


class Slow(Folder):
    """A folder in which the first file is not there before rows of the second are encoded."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.second, self.fails = threading.Event(), ""

    def write(self, name: str, data: Data) -> None:
        if name == "a-00000.parquet":
            assert self.second.wait(60)
        super().write(name, data)
        if name == self.fails:
            raise OSError("broken")


def filled(shelf: Slow, rows: int) -> Filler:
    """Three rows to a file."""
    encoded = list[int]()

    def encode(frame: pl.DataFrame, out: BinaryIO) -> None:
        encoded.append(frame.height)
        if len(encoded) == 2:
            shelf.second.set()
        write_parquet(frame, out, "zstd")

    filler = Filler(shelf, "a", Sizes(3, 1 << 20), "zstd", no_facts, encode=encode)
    for at in range(rows):
        filler.add(pl.DataFrame({"k": [at]}))
    return filler


def test_a_file_is_laid_down_while_the_next_is_gathered(tmp_path: Path) -> None:
    shelf = Slow(tmp_path)
    filler = filled(shelf, 8)
    filler.flush()
    names = [f"a-0000{number}.parquet" for number in range(3)]
    assert [(f.name, f.rows) for f in filler.files] == list(zip(names, (3, 3, 2), strict=True))
    found: Sequence[int] = [row for name in names for row in pl.read_parquet(tmp_path / name)["k"]]
    assert found == list(range(8))


def test_files_of_any_size_follow_one_another(tmp_path: Path) -> None:
    filler = Filler(Folder(tmp_path), "a", Sizes(1 << 20, 1 << 30), "zstd", no_facts)
    sizes = [5000, 70_000, 1, 900, 40_000, 2]
    for size in sizes:
        filler.add(pl.DataFrame({"k": range(size)}))
        filler._flush(())
    filler.flush()
    assert [file.rows for file in filler.files] == sizes
    for file, size in zip(filler.files, sizes, strict=True):
        lies = (tmp_path / file.name).read_bytes()
        assert (len(lies), digest_of(lies)) == (file.bytes, file.digest)
        assert lies.endswith(b"PAR1")
        assert pl.read_parquet(tmp_path / file.name)["k"].to_list() == list(range(size))


def test_a_folder_may_hold_what_it_was_given_for_a_moment_more(tmp_path: Path) -> None:
    """As one of Arrow's may, whose own threads write."""

    class Holding(Folder):
        def write(self, name: str, data: Data) -> None:
            super().write(name, data)
            held.append(pa.py_buffer(data))

    held = list[pa.Buffer]()
    filler = Filler(Holding(tmp_path), "a", Sizes(3, 1 << 20), "zstd", no_facts)
    filler.add(pl.DataFrame({"k": range(15)}))  # its buffers come round, with what is held of them
    filler.flush()
    assert [digest_of(memoryview(data)) for data in held] == [file.digest for file in filler.files]
    assert len(held) == 5


def test_what_fails_is_raised_and_what_lies_there_is_removed(tmp_path: Path) -> None:
    shelf = Slow(tmp_path)
    shelf.fails = "a-00001.parquet"
    filler = filled(shelf, 6)
    with pytest.raises(OSError, match="broken"):
        filler.flush()
    assert len(list(tmp_path.iterdir())) == 2
    filler.discard()
    assert filler.files == [] and list(tmp_path.iterdir()) == []


def test_those_that_gather_at_once_share_the_memory(tmp_path: Path) -> None:
    rows = pl.DataFrame({"k": range(100)})  # 800 bytes
    sizes = Sizes(1 << 20, 8_000)
    first, second, third = (
        Filler(Folder(tmp_path), stem, sizes, "zstd", no_facts) for stem in ("a", "b", "c")
    )
    for _ in range(30):
        first.add(rows)  # alone
    for _ in range(30):
        first.add(rows)
        second.add(rows)
        third.add(rows)
    second.flush()
    third.discard()
    for _ in range(20):
        first.add(rows)  # alone again
    first.flush()
    assert [file.rows for file in first.files] == [1000] * 3 + [500] * 6 + [1000] * 2
    assert [file.rows for file in second.files] == [500] * 6
