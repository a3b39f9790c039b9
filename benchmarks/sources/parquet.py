"""The bench table as a folder of Parquet files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from benchmarks import data
from benchmarks.sources import Job, module


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    folder = data.parquet_table(work, rows)
    yield Job(
        title="Parquet", home={"type": "parquet", "path": str(folder)},
        drain=module("benchmarks.sources.parquet", folder), drained="drain Parquet",
    )  # fmt: skip


def drain(path: str) -> int:
    """Decode the files, a row group at a time, into nothing."""
    return sum(pl.read_parquet(file).height for file in sorted(Path(path).glob("*.parquet")))


if __name__ == "__main__":
    print(drain(sys.argv[1]))
