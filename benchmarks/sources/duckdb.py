"""The bench table in a DuckDB file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from benchmarks import data
from benchmarks.sources import Job, module

RATIO_LIMIT = 1.3


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    file = table(work, rows)
    yield Job(
        title="DuckDB", home={"type": "duckdb", "path": str(file), "table": "bench"},
        drain=module("benchmarks.sources.duckdb", file), drained="drain DuckDB as Arrow",
        ratio_limit=RATIO_LIMIT,
    )  # fmt: skip


def drain(path: str) -> int:
    """Read the bench table as Arrow, 65,536 rows a batch, into nothing."""
    with duckdb.connect(path, read_only=True) as db:
        return sum(b.num_rows for b in db.sql("select * from bench").to_arrow_reader(65_536))


def table(folder: Path, rows: int) -> Path:
    """A DuckDB file with the bench table, made unless it is there."""
    target = folder / f"bench-{rows}.duckdb"
    if target.exists():
        return target
    with data.in_the_making(target) as partial, duckdb.connect(str(partial)) as db:
        db.execute(data.DDL.replace(" at datetime", ' "at" timestamp'))
        for frame in data.pieces(rows):
            piece = frame.to_arrow()  # noqa: F841 - duckdb finds it by its name
            db.execute("insert into bench select * from piece")
    return target


if __name__ == "__main__":
    print(drain(sys.argv[1]))
