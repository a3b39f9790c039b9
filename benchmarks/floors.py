"""Floors: the least any tool must do for these rows. `python -m benchmarks.floors NAME PATH`."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import polars as pl


def drain_sqlite(path: str) -> int:
    """Read the bench table through ADBC's SQLite reader, 65,536 rows a batch, into nothing."""
    import adbc_driver_manager
    import adbc_driver_sqlite
    import pyarrow

    with (
        adbc_driver_sqlite.connect(path) as database,
        adbc_driver_manager.AdbcConnection(database) as connection,
        adbc_driver_manager.AdbcStatement(connection) as statement,
    ):
        statement.set_options(**{"adbc.sqlite.query.batch_rows": "65536"})
        statement.set_sql_query("select * from bench")
        handle, _ = statement.execute_query()
        return sum(b.num_rows for b in pyarrow.RecordBatchReader.from_stream(handle))


def drain_parquet(path: str) -> int:
    """Decode the bench table's Parquet files, a row group at a time, into nothing."""
    return sum(pl.read_parquet(file).height for file in sorted(Path(path).glob("*.parquet")))


def encode(path: str) -> int:
    """Write the bench table as Parquet from frames that lie ready in memory-mapped Arrow files."""
    rows = 0
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as out:
        for number, file in enumerate(sorted(Path(path).glob("*.arrow"))):
            frame = pl.read_ipc(file)
            rows += frame.height
            frame.write_parquet(Path(out) / f"{number:04d}.parquet")
    return rows


def ready_frames(source: Path) -> Path:
    """Arrow files of a Parquet bench table, for `encode`; made unless they are there."""
    target = source.with_name(source.name + "-ready")
    if not target.exists():
        partial = source.with_name(source.name + "-ready.partial")
        partial.mkdir(exist_ok=True)
        for file in sorted(source.glob("*.parquet")):
            pl.read_parquet(file).write_ipc(partial / f"{file.stem}.arrow")
        partial.rename(target)
    return target


if __name__ == "__main__":
    name, place = sys.argv[1:]
    print(
        {"drain_sqlite": drain_sqlite, "drain_parquet": drain_parquet, "encode": encode}[name](
            place
        )
    )
