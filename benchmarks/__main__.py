"""`python -m benchmarks`: run them, write results.json, print a table, fail over a limit.

Limits are ratios against a floor of the same run, or peak memory; the one absolute time (many
small tables) is reported beside its limit and judged too, since start-up is what it is about.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import data, floors
from benchmarks.measure import Timing, timed

PYTHON = sys.executable
PEAK_LIMIT_MB = 600
SQLITE_LIMIT = 1.5
MANY_LIMIT_S = 4.0


@dataclass(frozen=True)
class Line:
    """One result: what was timed, its floor, and the limits it is held to."""

    name: str
    timing: Timing
    floor: float | None = None
    ratio_limit: float | None = None
    peak_limit: float | None = None
    seconds_limit: float | None = None

    @property
    def ratio(self) -> float | None:
        return self.timing.seconds / self.floor if self.floor else None

    @property
    def failures(self) -> list[str]:
        found = []
        if self.ratio_limit and self.ratio and self.ratio > self.ratio_limit:
            found.append(f"{self.name}: {self.ratio:.2f}x its floor, limit {self.ratio_limit}x")
        if self.peak_limit and self.timing.peak_mb > self.peak_limit:
            found.append(
                f"{self.name}: peak {self.timing.peak_mb:.0f} MB, limit {self.peak_limit} MB"
            )
        if self.seconds_limit and self.timing.seconds > self.seconds_limit:
            found.append(f"{self.name}: {self.timing.seconds:.2f} s, limit {self.seconds_limit} s")
        return found

    def to_json(self) -> dict[str, object]:
        return {
            "name": self.name, **self.timing.to_json(), "floor_seconds": self.floor,
            "ratio": self.ratio, "ratio_limit": self.ratio_limit,
            "peak_limit_mb": self.peak_limit, "seconds_limit": self.seconds_limit,
        }  # fmt: skip


def project(folder: Path, home: str, store: str = "type: parquet\n      path: out") -> None:
    """A single-flow project that moves one table, or all tables of a file."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "hygge.yml").write_text(
        f"name: bench\nflows:\n  bench:\n    home:\n      {home}\n    store:\n      {store}\n"
    )


def hygge() -> list[str]:
    return [PYTHON, "-m", "hygge", "go", "--quiet"]


def many(work: Path, runs: int) -> list[Line]:
    """200 entities of 1,000 rows, SQLite to Parquet."""
    base = data.many_tables(work)
    folder = work / "project-many"
    project(folder, f"type: sqlite\n      path: {base}\n    tables: ['t*']")

    def clear() -> None:
        shutil.rmtree(folder / "out", ignore_errors=True)
        shutil.rmtree(folder / ".hygge", ignore_errors=True)

    timing = timed({"hygge": hygge()}, cwd=folder, runs=runs, before=clear)["hygge"]
    return [Line("200 tables of 1,000 rows, SQLite to Parquet", timing, seconds_limit=MANY_LIMIT_S)]


def big(work: Path, rows: int, runs: int) -> list[Line]:
    """The bench table, Parquet to Parquet and SQLite to Parquet, beside its floors."""
    parquet = data.parquet_table(work, rows)
    sqlite = data.sqlite_table(work, rows)
    ready = floors.ready_frames(parquet)
    module = [PYTHON, "-m", "benchmarks.floors"]
    root = Path(__file__).resolve().parent.parent
    os.environ["PYTHONPATH"] = str(root)
    from_parquet, from_sqlite = work / "project-parquet", work / "project-sqlite"
    project(from_parquet, f"type: parquet\n      path: {parquet}")
    project(from_sqlite, f"type: sqlite\n      path: {sqlite}\n      table: bench")

    def clear() -> None:
        for folder in (from_parquet, from_sqlite):
            shutil.rmtree(folder / "out", ignore_errors=True)
            shutil.rmtree(folder / ".hygge", ignore_errors=True)

    def cd(folder: Path, command: list[str]) -> list[str]:
        return ["env", "-C", str(folder), *command]

    found = timed(
        {
            "drain parquet": [*module, "drain_parquet", str(parquet)],
            "drain sqlite": [*module, "drain_sqlite", str(sqlite)],
            "encode": [*module, "encode", str(ready)],
            "parquet": cd(from_parquet, hygge()),
            "sqlite": cd(from_sqlite, hygge()),
        },
        cwd=work, runs=runs, before=clear,
    )  # fmt: skip
    shown = f"{rows // 1_000_000} M rows"
    encode = found["encode"].seconds
    return [
        Line(f"{shown}: floor, drain Parquet", found["drain parquet"]),
        Line(f"{shown}: floor, drain SQLite by ADBC", found["drain sqlite"]),
        Line(f"{shown}: floor, encode Parquet", found["encode"]),
        Line(
            f"{shown}: Parquet to Parquet", found["parquet"],
            floor=max(found["drain parquet"].seconds, encode), peak_limit=PEAK_LIMIT_MB,
        ),
        Line(
            f"{shown}: SQLite to Parquet", found["sqlite"],
            floor=max(found["drain sqlite"].seconds, encode), ratio_limit=SQLITE_LIMIT,
            peak_limit=PEAK_LIMIT_MB,
        ),
    ]  # fmt: skip


def table(lines: list[Line]) -> str:
    """The results as a table in Markdown."""
    out = ["| what | seconds | range | peak MB | of its floor |", "| --- | --- | --- | --- | --- |"]
    for line in lines:
        timing = line.timing
        ratio = f"{line.ratio:.2f}x" if line.ratio else ""
        out.append(
            f"| {line.name} | {timing.seconds:.2f} | {timing.fastest:.2f} to {timing.slowest:.2f} "
            f"| {timing.peak_mb:.0f} | {ratio} |"
        )
    return "\n".join(out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--work", type=Path, default=Path(".bench"), help="where data is kept")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[1_000_000, 10_000_000], help="sizes of the table"
    )
    chosen = parser.parse_args()
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    lines = many(work, chosen.runs)
    for rows in chosen.rows:
        lines += big(work, rows, chosen.runs if rows < 5_000_000 else 1)
    print(table(lines))
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors",
        "python": platform.python_version(),
        "results": [line.to_json() for line in lines],
    }
    (work / "results.json").write_text(json.dumps(result, indent=2) + "\n")
    print(f"\nwritten to {work / 'results.json'}")
    failures = [failure for line in lines for failure in line.failures]
    for failure in failures:
        print(f"over the limit: {failure}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
