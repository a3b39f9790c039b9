"""Loads of the bench table from PostgreSQL into each Store, and merges of what changed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.servers import Database, Missing, postgres_server

from benchmarks import data, project, targets
from benchmarks.encode import ready_frames
from benchmarks.line import Line
from benchmarks.measure import once, timed
from benchmarks.sources import postgres

HOME = {"type": "postgres", "url": "${BENCH_POSTGRES_URL}", "table": "bench"}
CHANGED = (
    "DROP TABLE IF EXISTS changed; CREATE TABLE changed (LIKE bench INCLUDING ALL); "
    "INSERT INTO changed SELECT * FROM bench WHERE id % {every} = 7; "
    "UPDATE changed SET note = note || ', changed', big = -big; VACUUM ANALYZE changed;"
)


def into_each(names: Sequence[str], work: Path, rows: int, runs: int) -> list[Line]:
    """One server, one bench table, and every target of these names."""
    lines: list[Line] = []
    try:
        with postgres_server() as server, server.database() as database:
            postgres.table(database, rows)
            database.execute(CHANGED.format(every=targets.CHANGED_EVERY))
            os.environ["BENCH_POSTGRES_URL"] = database.url
            source = targets.Source(
                database, rows, ready_frames(data.parquet_table(work, rows)),
                postgres.drain(database), work,
            )  # fmt: skip
            for name in names:
                lines += _into(name, source, runs)
    except Missing as missing:
        print(f"Stores are left out: {missing}")
    return lines


def _into(name: str, source: targets.Source, runs: int) -> list[Line]:
    shown = f"{source.rows / 1_000_000:g} M rows"
    with targets.job(name, source) as job:
        if job.skip:
            print(f"{shown}: into {job.title} is left out: {job.skip}")
            return []
        folders = {
            mode: _project(source.work / f"project-into-{name}-{mode}", job.store, mode)
            for mode in (job.mode, *job.beside)
        }

        def clear() -> None:
            for folder in folders.values():
                project.clear(folder)
            job.clear()

        found = timed(
            {**job.floors, **{f"go {mode}": project.go(at) for mode, at in folders.items()}},
            cwd=source.work, runs=runs, before=clear,
        )  # fmt: skip
        what = f"{shown}: PostgreSQL to {job.title}"
        lines = [Line(f"{shown}: floor, {floor}", found[floor]) for floor in job.floors]
        floor = max(found[floor].seconds for floor in job.floors)
        for mode in folders:
            held = mode == job.mode
            lines.append(
                Line(
                    f"{what}, {mode}", found[f"go {mode}"], floor=floor,
                    ratio_limit=job.ratio_limit if held else None,
                    peak_limit=job.peak_limit if held else None,
                )
            )  # fmt: skip
        if job.merges:
            replaced = found["go replace"].seconds if "replace" in folders else floor
            lines += _merges(name, job, source, runs, replaced, clear)
        job.clear()
        return lines


def _merges(
    name: str, job: targets.Job, source: targets.Source, runs: int, replaced: float, clear: Any
) -> list[Line]:
    """A `merge` of what changed into all rows, against what it takes to replace them."""
    lines = []
    for variant, settings in {"": {}, **job.merge_variants}.items():
        store = {**job.store, **settings}
        clear()
        folder = source.work / f"project-into-{name}-merge"
        _project(folder, store, "merge")
        once(project.go(folder), source.work)
        with _only_changed(source.database):
            found = timed(
                {"merge": project.go(folder)}, cwd=source.work, runs=runs, before=lambda: None
            )
        title = f"{source.rows / 1_000_000:g} M rows: merge of 1 % into {job.title}"
        lines.append(
            Line(
                f"{title}, {variant}" if variant else f"{title}, beside replacing",
                found["merge"], floor=replaced,
                ratio_limit=None if variant else job.merge_limit,
                peak_limit=None if variant else job.merge_peak_limit,
            )
        )  # fmt: skip
    return lines


@contextmanager
def _only_changed(database: Database) -> Iterator[None]:
    """Meanwhile the source has nothing but the rows that changed, as a window would have it."""
    rename = "ALTER TABLE {} RENAME TO {};"
    database.execute(rename.format("bench", "whole") + rename.format("changed", "bench"))
    try:
        yield
    finally:
        database.execute(rename.format("bench", "changed") + rename.format("whole", "bench"))


def _project(folder: Path, store: Any, mode: str) -> Path:
    settings: dict[str, Any] = {"mode": mode, "key_column": "id", "full_append": mode == "append"}
    project.write(folder, HOME, store, **settings)
    return folder
