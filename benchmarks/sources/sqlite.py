"""The bench table in an SQLite file."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import adbc_driver_manager
import adbc_driver_sqlite
import adbc_driver_sqlite.dbapi
import polars as pl
import pyarrow

from benchmarks import data
from benchmarks.sources import Job, module

RATIO_LIMIT = 1.3


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    file = table(work, rows)
    yield Job(
        title="SQLite", home={"type": "sqlite", "path": str(file), "table": "bench"},
        drain=module("benchmarks.sources.sqlite", file), drained="drain SQLite by ADBC",
        ratio_limit=RATIO_LIMIT,
    )  # fmt: skip


def drain(path: str) -> int:
    """Read the bench table through ADBC's SQLite reader, 65,536 rows a batch, into nothing."""
    with (
        adbc_driver_sqlite.connect(path) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
        adbc_driver_manager.AdbcStatement(connection) as statement,
    ):
        statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
        statement.set_sql_query("select * from bench")
        handle, _ = statement.execute_query()
        return sum(b.num_rows for b in pyarrow.RecordBatchReader.from_stream(handle))


def stored(frame: pl.DataFrame) -> pl.DataFrame:
    """A piece as SQLite stores it: decimals as reals, times as ISO text, booleans as 0 and 1."""
    return frame.with_columns(
        pl.col("amount").cast(pl.Float64),
        pl.col("active").cast(pl.Int64),
        pl.col("day").dt.strftime("%Y-%m-%d"),
        pl.col("at").dt.strftime("%Y-%m-%d %H:%M:%S%.6f"),
        pl.col("at_utc").dt.strftime("%Y-%m-%d %H:%M:%S%.6f+00:00"),
    )


def table(folder: Path, rows: int) -> Path:
    """A SQLite file with the bench table, made unless it is there."""
    target = folder / f"bench-{rows}.db"
    if target.exists():
        return target
    with data.in_the_making(target) as partial:
        with sqlite3.connect(partial) as base:
            base.execute("pragma journal_mode=off")
            base.execute(data.DDL)
        with adbc_driver_sqlite.dbapi.connect(str(partial)) as connection:
            with connection.cursor() as cursor:
                for frame in data.pieces(rows):
                    cursor.adbc_ingest("bench", stored(frame).to_arrow(), mode="append")
            connection.commit()
    return target


if __name__ == "__main__":
    print(drain(sys.argv[1]))
