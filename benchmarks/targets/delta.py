"""The bench table from PostgreSQL into a Delta table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pyarrow as pa
from deltalake import DeltaTable, write_deltalake

from benchmarks.sources import module
from benchmarks.targets import Job, Source

RATIO_LIMIT = {1_000_000: 1.5, 10_000_000: 1.3}  # at the lesser, start-up counts


@contextmanager
def job(source: Source) -> Iterator[Job]:
    path, bare = (source.work / f"target-{name}.delta" for name in ("hygge", "bare"))

    def clear() -> None:
        for folder in (path, bare):
            shutil.rmtree(folder, ignore_errors=True)

    yield Job(
        title="Delta", store={"type": "delta", "path": str(path)},
        floors={
            "COPY (binary) to nothing": source.drain,
            "deltalake alone, fed the same batches": module(
                "benchmarks.targets.delta", source.ready, bare
            ),
        },
        clear=clear, ratio_limit=RATIO_LIMIT.get(source.rows),
        merge_peak_limit=None,  # what the library's threads have in hand at a time is its own
    )  # fmt: skip


def load(ready: str, path: str) -> int:
    """Write batches that lie ready, as one stream."""
    first = next(batches(ready))
    write_deltalake(path, pa.RecordBatchReader.from_batches(first.schema, batches(ready)))
    return int(DeltaTable(path).count())


def batches(ready: str) -> Iterator[pa.RecordBatch]:
    """What lies ready, 65,536 rows at a time."""
    for file in sorted(Path(ready).glob("*.arrow")):
        yield from pl.read_ipc(file).to_arrow().to_batches(max_chunksize=65_536)


if __name__ == "__main__":
    print(load(*sys.argv[1:]))
