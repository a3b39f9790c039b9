"""The bench table in SQL Server, on the one that HYGGE_TEST_MSSQL_URL names.

Its texts have no length (`nvarchar(max)`); `mssql_sized` has the same table with lengths beside it.
`python -m benchmarks.sources.mssql drain URL` reads it into nothing, by the driver's Arrow alone;
`... copy URL FOLDER` copies a folder of Parquet into a new table, by its bulk copy alone.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import polars as pl
import pyarrow as pa

from benchmarks import data
from benchmarks.sources import Job, module
from hygge.core.fields import Schema, parse_type
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.native import ROWS, driver
from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.mssql.strings import connection_string
from hygge.sql.settle.place import Place

VARIABLE = "HYGGE_TEST_MSSQL_URL"
RATIO_LIMIT = {1_000_000: 1.5, 10_000_000: 1.2}  # at the lesser, start-up counts
PEAK_LIMIT_MB = 500
DATABASE = "hygge_bench"
TABLE = Place("dbo", "bench", DATABASE)
SIZED = Place("dbo", "bench_sized", DATABASE)
ALONE = Place("dbo", "bench_alone", DATABASE)


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    yield read("SQL Server", TABLE, rows)


def read(title: str, place: Place, rows: int) -> Job:
    """Reading a table that is laid down for it."""
    url = table(rows, place)
    if not url:
        return Job(title=title, skip=f"set {VARIABLE}=mssql://sa:...@host/master")
    os.environ["BENCH_MSSQL_URL"] = url
    return Job(
        title=title,
        home={"type": "mssql", "url": "${BENCH_MSSQL_URL}", "table": place.name},
        drain=module("benchmarks.sources.mssql", "drain", url, place.name),
        drained="drain SQL Server by arrow_reader", encoded=False, flow={"chunks": "off"},
        ratio_limit=RATIO_LIMIT.get(rows), peak_limit=PEAK_LIMIT_MB,
    )  # fmt: skip


def table(rows: int, place: Place = TABLE) -> str:
    """The bench table, laid down by bulk copy; the address of its database, "" for no server."""
    server = os.environ.get(VARIABLE, "")
    if not server:
        return ""
    at = urlsplit(server)
    query = at.query or "trust_server_certificate=yes"
    base = f"mssql://{at.netloc}/"
    with opened(f"{base}{quote(at.path.strip('/'))}?{query}") as link:
        if not link.rows(f"SELECT 1 FROM sys.databases WHERE name = '{DATABASE}'"):
            link.execute(f"CREATE DATABASE {DATABASE}")
    url = f"{base}{DATABASE}?{query}"
    with opened(url) as link:
        there = MSSQLSettler().names(link, place) is not None
        if not there or link.row(f"SELECT COUNT_BIG(*) FROM {place.name}")[0] != rows:
            lay(link, place, data.pieces(rows), keys=("id",))
    return url


def opened(url: str) -> MSSQLLink:
    link = MSSQLConnection(url=url).open_link()  # type: ignore[arg-type]
    assert isinstance(link, MSSQLLink)
    return link


def lay(
    link: MSSQLLink, place: Place, frames: Iterator[pl.DataFrame], keys: tuple[str, ...] = ()
) -> None:
    """A new table with the frames' rows, by one bulk copy."""
    settler = MSSQLSettler()
    settler.drop(link, place, place.table)
    copy = link.copy_into(f"[{place.schema}].[{place.table}]")
    for number, frame in enumerate(frames):
        if not number:
            fields = Schema.of(frame)
            settler.create(link, place, place.table, sized(fields) if place == SIZED else fields,
                           keys)  # fmt: skip
        copy.take(frame)
    copy.end()


def sized(fields: Schema) -> Schema:
    """Fields whose texts have a length."""
    short = parse_type("string(2000)")
    return fields.changed({f.name: short for f in fields if f.type.kind == "string"})


def drain(url: str, name: str) -> None:
    """The driver's batches, one after another, of the size that hygge asks for."""
    text = connection_string(MSSQLConnection(url=url).keys())  # type: ignore[arg-type]
    cursor = driver().connect(text, autocommit=True).cursor()
    cursor.execute(f"SELECT * FROM {name}")
    with cursor.arrow_reader(ROWS) as reader:
        print(sum(batch.num_rows for batch in reader))


def copy(url: str, folder: Path) -> None:
    """The driver's bulk copy of the same rows into a heap, and nothing else."""
    files = sorted(folder.glob("*.parquet"))
    with opened(url) as link:
        MSSQLSettler().drop(link, ALONE, ALONE.table)
        first = pl.read_parquet(files[0], n_rows=1)
        MSSQLSettler().create(link, ALONE, ALONE.table, Schema.of(first), ())
    text = connection_string(MSSQLConnection(url=url).keys())  # type: ignore[arg-type]
    cursor = driver().connect(text, autocommit=True).cursor()
    batches = (batch for file in files for batch in pl.read_parquet(file).to_arrow().to_batches())
    schema = first.to_arrow().schema
    done = cursor.bulkcopy_arrow(
        "[dbo].[bench_alone]", pa.RecordBatchReader.from_batches(schema, batches), timeout=0,
        column_mappings=schema.names, keep_nulls=True, table_lock=True,
    )  # fmt: skip
    print(done["rows_copied"])


if __name__ == "__main__":
    if sys.argv[1] == "drain":
        drain(sys.argv[2], sys.argv[3])
    else:
        copy(sys.argv[2], Path(sys.argv[3]))
