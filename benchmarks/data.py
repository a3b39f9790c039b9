"""The tables that are moved: made here, deterministic, kept between runs in a work folder."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl

PIECE_ROWS = 250_000
DDL = """create table bench (
  id integer primary key, small smallint not null, medium integer, big bigint not null,
  ratio double, amount numeric(18,4), active boolean, day date, at datetime,
  at_utc timestamptz, payload json, code text not null, name text, city text, note text
)"""


def pieces(rows: int) -> Iterator[pl.DataFrame]:
    """The bench table, 15 columns and about 440 bytes a row, in frames of PIECE_ROWS."""
    for start in range(0, rows, PIECE_ROWS):
        yield piece(start, min(PIECE_ROWS, rows - start))


def piece(start: int, rows: int) -> pl.DataFrame:
    """Rows `start` to `start + rows` of the bench table."""
    n = pl.int_range(start, start + rows, dtype=pl.Int64)
    mixed = (n * 2_654_435_761) % 1_000_003
    hexed = pl.format("{}-{}", mixed, (n * 40_503) % 65_537)
    day = pl.lit("2020-01-01").str.to_date() + pl.duration(days=mixed % 2000)
    moment = pl.lit("2020-01-01").str.to_datetime(time_unit="us") + pl.duration(
        microseconds=n * 61_000_017
    )
    every_ninth = (n % 9) == 0
    return pl.select(
        id=n,
        small=(mixed % 30_000).cast(pl.Int16),
        medium=pl.when(every_ninth).then(None).otherwise(mixed * 2).cast(pl.Int32),
        big=n * 1_000_003,
        ratio=(mixed / 7.0),
        amount=((mixed * 10_000 + n % 9_999).cast(pl.Decimal(38, 4)) / 10_000).cast(
            pl.Decimal(18, 4)
        ),
        active=(n % 3) == 0,
        day=day,
        at=moment,
        at_utc=moment.dt.replace_time_zone("UTC"),
        payload=pl.concat_str(
            pl.lit('{"id": '), n, pl.lit(', "tags": ["warm", "quiet"], "score": '), mixed,
            pl.lit("}"),
        ),
        code=hexed,
        name=pl.when(every_ninth).then(None).otherwise(pl.format("Søren Ångström {}", mixed)),
        city=pl.format("Købmagergade {}, {} København K", mixed % 300, mixed % 9_999),
        note=pl.concat_str(
            pl.lit("a line of plain text that a person might have typed about this row, "),
            hexed, pl.lit(", and some more of it so that a row has the width of a real one: "),
            mixed, pl.lit(" and then a full stop."),
        ),
    )  # fmt: skip


@contextmanager
def in_the_making(target: Path) -> Iterator[Path]:
    """A path to make something at, which becomes `target` once it is whole."""
    partial = target.with_name(target.name + ".partial")
    if partial.is_dir():
        shutil.rmtree(partial)
    partial.unlink(missing_ok=True)
    yield partial
    partial.rename(target)


def parquet_table(folder: Path, rows: int) -> Path:
    """A folder of Parquet files with the bench table, made unless it is there."""
    target = folder / f"bench-{rows}"
    if not target.exists():
        with in_the_making(target) as partial:
            partial.mkdir()
            for number, frame in enumerate(pieces(rows)):
                frame.write_parquet(partial / f"{number:04d}.parquet")
    return target


def many_tables(folder: Path, tables: int = 200, rows: int = 1000) -> Path:
    """A SQLite file with many small tables, made unless it is there."""
    target = folder / f"many-{tables}x{rows}.db"
    if target.exists():
        return target
    with in_the_making(target) as partial, sqlite3.connect(partial) as base:
        for number in range(tables):
            base.execute(
                f"create table t{number:03d} (id integer primary key, name text not null, "
                "amount numeric(10,2), created datetime, note text)"
            )
            base.executemany(
                f"insert into t{number:03d} values (?, ?, ?, ?, ?)",
                (
                    (i, f"name {i}", i / 100, f"2024-01-{i % 28 + 1:02d} 08:00:00", None)
                    for i in range(rows)
                ),
            )
    return target
