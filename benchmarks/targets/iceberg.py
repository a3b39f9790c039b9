"""The bench table from PostgreSQL into an Iceberg table."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from pyiceberg.catalog import load_catalog

from benchmarks.sources import module
from benchmarks.targets import Job, Source
from benchmarks.targets.delta import batches

RATIO_LIMIT = 1.3


@contextmanager
def job(source: Source) -> Iterator[Job]:
    path, bare = (source.work / f"target-{name}.iceberg" for name in ("hygge", "bare"))

    def clear() -> None:
        for folder in (path, bare):
            shutil.rmtree(folder, ignore_errors=True)

    yield Job(
        title="Iceberg", store={"type": "iceberg", "path": str(path), "table": "bench"},
        floors={
            "COPY (binary) to nothing": source.drain,
            "pyiceberg alone, fed the same batches": module(
                "benchmarks.targets.iceberg", source.ready, bare
            ),
        },
        clear=clear, ratio_limit=RATIO_LIMIT,
    )  # fmt: skip


def load(ready: str, path: str) -> int:
    """Append batches that lie ready, as one stream."""
    Path(path).mkdir()
    first = next(batches(ready))
    # The library knows no 16-bit numbers.
    kinds = [f.with_type(pa.int32()) if f.type == pa.int16() else f for f in first.schema]
    schema = pa.schema(kinds)
    catalog = load_catalog(
        "bench", type="sql", uri=f"sqlite:///{path}/catalog.db", warehouse=f"file://{path}"
    )
    catalog.create_namespace("default")
    table = catalog.create_table("default.bench", schema=schema)
    fitting = (pa.Table.from_batches([b]).cast(schema).to_batches()[0] for b in batches(ready))
    table.append(pa.RecordBatchReader.from_batches(schema, fitting))
    rows = table.scan().count()
    catalog.close()
    return rows


if __name__ == "__main__":
    print(load(*sys.argv[1:]))
