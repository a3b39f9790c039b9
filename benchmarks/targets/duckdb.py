"""The bench table from PostgreSQL into a DuckDB file."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb
import polars as pl

from benchmarks.sources import module
from benchmarks.targets import Job, Source

RATIO_LIMIT = 1.3
MERGE_LIMIT = {10_000_000: 0.2}  # of fewer rows, starting up is most of both


@contextmanager
def job(source: Source) -> Iterator[Job]:
    path, bare = (source.work / f"target-{name}.duckdb" for name in ("hygge", "bare"))

    def clear() -> None:
        for file in (path, bare):
            for each in (file, file.with_name(file.name + ".wal")):
                each.unlink(missing_ok=True)

    yield Job(
        title="DuckDB", store={"type": "duckdb", "path": str(path), "table": "bench"},
        floors={
            "COPY (binary) to nothing": source.drain,
            "DuckDB's own INSERT of the same batches": module(
                "benchmarks.targets.duckdb", source.ready, bare
            ),
        },
        clear=clear, ratio_limit=RATIO_LIMIT, merge_limit=MERGE_LIMIT.get(source.rows),
    )  # fmt: skip


def load(ready: str, path: str) -> int:
    """Insert batches that lie ready, in one transaction."""
    rows = 0
    with duckdb.connect(path) as db:
        db.execute("BEGIN")
        for number, file in enumerate(sorted(Path(ready).glob("*.arrow"))):
            frame = pl.read_ipc(file)
            piece = frame.to_arrow()  # noqa: F841 - duckdb finds it by its name
            into = "INSERT INTO bench SELECT * FROM piece"
            db.execute(into if number else "CREATE TABLE bench AS SELECT * FROM piece")
            rows += frame.height
        db.execute("COMMIT")
    return rows


if __name__ == "__main__":
    print(load(*sys.argv[1:]))
