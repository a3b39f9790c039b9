"""The bench table in MariaDB: on a server started for it, or on the one the tests are given.

`python -m benchmarks.sources.mysql URL ROWS` makes the table there, for trying things by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
from tests.servers import Database, Missing, mariadb_server
from tests.servers.mariadb import MARIADB, MariaDatabase

from benchmarks import data
from benchmarks.sources import Job

RATIO_LIMIT = 1.5
PEAK_LIMIT_MB = 500
DDL = (
    data.DDL.replace(" at datetime", " at datetime(6)")
    .replace("at_utc timestamptz", "at_utc timestamp(6) null")
    .replace("code text", "code varchar(64)")
    .replace("name text", "name varchar(100)")
    .replace("city text", "city varchar(100)")
)
LOAD = (
    "SET time_zone = '+00:00'; LOAD DATA LOCAL INFILE '/dev/stdin' INTO TABLE bench "
    "CHARACTER SET utf8mb4 FIELDS TERMINATED BY '\\t'"
)


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    try:
        with mariadb_server() as server, server.database() as database:
            table(database, rows)
            os.environ["BENCH_MYSQL_URL"] = database.url
            yield Job(
                title="MariaDB",
                home={"type": "mysql", "url": "${BENCH_MYSQL_URL}", "table": "bench"},
                drain=drain(database), drained="mariadb --quick into nothing", encoded=False,
                flow={"chunks": "off"}, variants={"chunks: auto": {"chunks": "auto"}},
                ratio_limit=RATIO_LIMIT, peak_limit=PEAK_LIMIT_MB,
            )  # fmt: skip
    except Missing as missing:
        yield Job(title="MariaDB", skip=str(missing))


def drain(database: Database) -> list[str]:
    """The server's own client, unbuffered, into nothing."""
    script = 'exec "$0" "$@" --quick --execute="SELECT * FROM bench" > /dev/null'
    said = [f"{name}={value}" for name, value in database.secrets().items()]
    return ["env", *said, "sh", "-c", script, database.client, *database.arguments()]


def table(database: Database, rows: int) -> None:
    """The bench table, laid down by the client's LOAD DATA, and analyzed."""
    database.execute(DDL)
    command = [database.client, *database.arguments(), "--local-infile=1", f"--execute={LOAD}"]
    shown = "%Y-%m-%d %H:%M:%S%.6f"
    for frame in data.pieces(rows):
        text = frame.with_columns(
            pl.col("active").cast(pl.Int8), pl.col("at", "at_utc").dt.strftime(shown)
        ).write_csv(
            separator="\t", include_header=False, null_value="\\N", quote_style="never"
        )  # fmt: skip
        subprocess.run(
            command, env=os.environ | database.secrets(), check=True, input=text.encode()
        )
    database.execute("ANALYZE TABLE bench")


if __name__ == "__main__":
    table(MariaDatabase.at(sys.argv[1], MARIADB.client()), int(sys.argv[2]))
