"""`python -m benchmarks`: run them, write the results, print a table, fail over a limit.

Limits are ratios against a floor of the same run, or peak memory; the one absolute time (many
small tables) is reported beside its limit and judged too, since start-up is what it is about.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import data, project, settling, sources, targets
from benchmarks.encode import ready_frames
from benchmarks.line import Line, table
from benchmarks.measure import timed
from benchmarks.plot import svg

MANY_LIMIT_S = 4.0


def many(work: Path, runs: int) -> list[Line]:
    """200 entities of 1,000 rows, SQLite to Parquet."""
    base = data.many_tables(work)
    folder = work / "project-many"
    project.write(folder, {"type": "sqlite", "path": str(base)}, tables=["t*"])
    timing = timed(
        {"hygge": project.GO}, cwd=folder, runs=runs, before=lambda: project.clear(folder)
    )["hygge"]
    return [Line("200 tables of 1,000 rows, SQLite to Parquet", timing, seconds_limit=MANY_LIMIT_S)]


def one_source(name: str, work: Path, rows: int, runs: int) -> list[Line]:
    """The bench table from one source to Parquet, beside its floors and peers."""
    shown = f"{rows / 1_000_000:g} M rows"
    ready = ready_frames(data.parquet_table(work, rows))
    with sources.job(name, work, rows) as job:
        if job.skip:
            print(f"{shown}: {job.title} is left out: {job.skip}")
            return []
        flows = {"": job.flow, **job.variants}
        folders = {variant: work / f"project-{name}-{at}" for at, variant in enumerate(flows)}
        for variant, folder in folders.items():
            project.write(folder, job.home, **flows[variant])

        def clear() -> None:
            for folder in folders.values():
                project.clear(folder)

        commands: dict[str, Sequence[str]] = {"drain": job.drain}
        if job.encoded:
            commands["encode"] = sources.module("benchmarks.encode", ready)
        commands |= {f"go {variant}": project.go(folder) for variant, folder in folders.items()}
        commands |= {f"peer {peer}": command for peer, command in job.peers.items()}
        found = timed(commands, cwd=work, runs=runs, before=clear)
    floor = max(found[kind].seconds for kind in ("drain", "encode") if kind in found)
    what = f"{shown}: {job.title} to {job.into}"
    lines = [Line(f"{shown}: floor, {job.drained}", found["drain"])]
    if job.encoded:
        lines.append(Line(f"{shown}: floor, encode Parquet", found["encode"]))
    for variant in flows:
        lines.append(
            Line(
                f"{what}, {variant}" if variant else what, found[f"go {variant}"], floor=floor,
                ratio_limit=None if variant else job.ratio_limit,
                peak_limit=None if variant else job.peak_limit,
            )
        )  # fmt: skip
    return lines + [Line(f"{what}, {peer}", found[f"peer {peer}"]) for peer in job.peers]


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Whole processes, beside a floor of the same run.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--work", type=Path, default=Path(".bench"), help="where data is kept")
    parser.add_argument("--runs", type=int, default=3, help="of each; one from 5 M rows")
    parser.add_argument(
        "--rows", type=int, nargs="*", default=[1_000_000, 10_000_000], help="sizes of the table"
    )
    known, stores = sources.names(), [f"into-{name}" for name in targets.names()]
    everything = ["many", *known, *stores]
    parser.add_argument(
        "--only", nargs="*", choices=everything, default=everything, metavar="WHAT",
        help=f"some of: {', '.join(everything)}",
    )  # fmt: skip
    parser.add_argument(
        "--cores", type=int, nargs="*", default=_cores(),
        help="the processors that all of it, servers included, runs on",
    )  # fmt: skip
    chosen = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, chosen.cores)
    work = chosen.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    lines = many(work, chosen.runs) if "many" in chosen.only else []
    for rows in chosen.rows:
        runs = chosen.runs if rows < 5_000_000 else 1
        for name in (n for n in known if n in chosen.only):
            lines += one_source(name, work, rows, runs)
        if settled := [n.removeprefix("into-") for n in stores if n in chosen.only]:
            lines += settling.into_each(settled, work, rows, runs)
    print(table(lines))
    result = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} processors, "
        f"of which {len(chosen.cores)} used",
        "python": platform.python_version(),
        "results": [line.to_json() for line in lines],
    }
    (work / "results.json").write_text(json.dumps(result, indent=2) + "\n")
    (work / "results.md").write_text(table(lines) + "\n")
    (work / "results.svg").write_text(svg(lines))
    print(f"\nwritten to {work}: results.json, results.md, results.svg")
    failures = [failure for line in lines for failure in line.failures]
    for failure in failures:
        print(f"over the limit: {failure}")
    return 1 if failures else 0


def _cores() -> list[int]:
    """The first two processors that this process may use, so that machines compare."""
    if not hasattr(os, "sched_getaffinity"):
        return []
    return sorted(os.sched_getaffinity(0))[:2]


if __name__ == "__main__":
    sys.exit(main())
