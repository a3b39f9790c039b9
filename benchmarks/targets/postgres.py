"""The bench table from PostgreSQL into PostgreSQL: another schema of the same database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.sources.postgres import COPY, client
from benchmarks.targets import Job, Source

RATIO_LIMIT = {1_000_000: 1.5, 10_000_000: 1.25}  # at the lesser, start-up counts
MERGE_LIMIT = {10_000_000: 0.2}  # of fewer rows, starting up is most of both
BARE = "by_copy"


@contextmanager
def job(source: Source) -> Iterator[Job]:
    database = source.database

    def clear() -> None:
        database.execute(
            "DROP SCHEMA IF EXISTS copy CASCADE; DROP SCHEMA IF EXISTS by_copy CASCADE; "
            f"CREATE SCHEMA {BARE}; CREATE TABLE {BARE}.bench (LIKE public.bench); CHECKPOINT;"
        )

    into = f"COPY {BARE}.bench FROM STDIN (FORMAT binary)"
    yield Job(
        title="PostgreSQL",
        store={"type": "postgres", "url": "${BENCH_POSTGRES_URL}", "table": "copy.bench"},
        floors={"COPY (binary) out, piped into COPY in": client(database, COPY, into)},
        clear=clear, ratio_limit=RATIO_LIMIT.get(source.rows),
        merge_limit=MERGE_LIMIT.get(source.rows),
    )  # fmt: skip
