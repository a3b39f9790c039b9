"""The bench table in PostgreSQL: on a server started for it, or on the one the tests are given.

`python -m benchmarks.sources.postgres URL ROWS` makes the table there, for trying things by hand.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.servers import Database, Missing, postgres_server
from tests.servers.postgres import POSTGRES, PostgresDatabase

from benchmarks import data, peers
from benchmarks.sources import Job, module

RATIO_LIMIT = {1_000_000: 1.5, 10_000_000: 1.2}  # at the lesser, start-up counts
PEAK_LIMIT_MB = 500
COPY = "COPY bench TO STDOUT (FORMAT binary)"
DDL = (
    data.DDL.replace(" at datetime", ' "at" timestamp')
    .replace("ratio double", "ratio double precision")
    .replace("payload json", "payload jsonb")
)


@contextmanager
def job(work: Path, rows: int) -> Iterator[Job]:
    try:
        with postgres_server() as server, server.database() as database:
            table(database, rows)
            os.environ["BENCH_POSTGRES_URL"] = database.url
            yield Job(
                title="PostgreSQL",
                home={"type": "postgres", "url": "${BENCH_POSTGRES_URL}", "table": "bench"},
                drain=drain(database), drained="COPY (binary) to nothing", encoded=False,
                flow={"chunks": "off"}, variants={"chunks: auto": {"chunks": "auto"}},
                peers={
                    f"by {name}": module("benchmarks.peers", name, database.url, work / "peers")
                    for name in peers.installed()
                },
                ratio_limit=RATIO_LIMIT.get(rows),
                peak_limit=PEAK_LIMIT_MB,
            )  # fmt: skip
    except Missing as missing:
        yield Job(title="PostgreSQL", skip=str(missing))


def drain(database: Database) -> list[str]:
    """psql, with the server's binary COPY going to nothing."""
    return client(database, COPY)


def client(database: Database, out: str, into: str = "") -> list[str]:
    """psql with a statement whose output goes to another's input, or to nothing."""
    end = f'| "$0" "$@" --command="{into}"' if into else "> /dev/null"
    arguments = [a for a in database.arguments() if not a.startswith("--file")]
    script = f'"$0" "$@" --command="{out}" {end}'
    return ["env", *_said(database.secrets()), "sh", "-c", script, database.client, *arguments]


def _said(secrets: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in secrets.items()]


def table(database: Database, rows: int) -> None:
    """The bench table, laid down by psql's COPY, analyzed and vacuumed as a server would."""
    database.execute(DDL)
    command = [database.client, *database.arguments()]
    for frame in data.pieces(rows):
        text = frame.with_columns(active=frame["active"].cast(str)).write_csv(
            include_header=False, quote_style="necessary"
        )
        subprocess.run(
            command, env=os.environ | database.secrets(), check=True, stdout=subprocess.DEVNULL,
            input=f"COPY bench FROM STDIN (FORMAT csv);\n{text}\\.\n".encode(),
        )  # fmt: skip
    database.execute("VACUUM (ANALYZE) bench;")
    database.execute("CHECKPOINT;")


def main(url: str, rows: str) -> None:
    table(PostgresDatabase.at(url, POSTGRES.client()), int(rows))


if __name__ == "__main__":
    main(*sys.argv[1:])
