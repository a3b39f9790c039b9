"""The bench table from Parquet into SQL Server, beside the driver's bulk copy alone."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import data
from benchmarks.sources import Job, module
from benchmarks.sources.mssql import DATABASE, PEAK_LIMIT_MB, VARIABLE, opened, table
from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.settle.place import STATE_TABLE, Place

RATIO_LIMIT = 1.3


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    url = table(rows)
    if not url:
        yield Job(title="Parquet", into="SQL Server", skip=f"set {VARIABLE}=mssql://...")
        return
    os.environ["BENCH_MSSQL_URL"] = url
    with opened(url) as link:  # what an earlier run has left is of another folder, maybe
        for name in ("bench_appended", STATE_TABLE):
            MSSQLSettler().drop(link, Place("dbo", name, DATABASE), name)
    folder = data.parquet_table(work, rows)
    store = {"type": "mssql", "url": "${BENCH_MSSQL_URL}", "table": "dbo.bench_appended"}
    yield Job(
        title="Parquet", into="SQL Server, appended",
        home={"type": "parquet", "path": str(folder)},
        drain=module("benchmarks.sources.mssql", "copy", url, folder),
        drained="bulkcopy_arrow of the same files", encoded=False,
        flow={"store": store, "mode": "append", "full_append": True, "chunks": "off"},
        ratio_limit=RATIO_LIMIT, peak_limit=PEAK_LIMIT_MB,
    )  # fmt: skip
