"""Many histories, side by side, and a table of what was lost and doubled: `make histories`.

    python -m tests.histories --kinds postgres duckdb --modes merge scd2 --histories 200

Each process takes some histories of one kind and scenario at a time, in a folder in memory and a
database of its own. Differences are printed in full; the exit code says whether there were any.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import sys
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from contextlib import ExitStack, contextmanager
from typing import Any

from tests.histories.kinds import KINDS
from tests.histories.scenarios import SCENARIOS
from tests.histories.work import Task, Told, work
from tests.servers import KINDS as SERVERS
from tests.servers import Missing, Run
from tests.servers.objects import emulator
from tests.sql.mssql import support as mssql

BATCH = 10
"""Histories that one process does in one place."""
SERVER_OF = {"postgres": "postgres", "mysql": "mariadb"}


@contextmanager
def all_there(names: set[str]) -> Iterator[dict[str, Any]]:
    """What kinds need to be there, by its name; without what is missing, which is told."""
    with ExitStack() as stack:
        run = stack.enter_context(Run.begin())
        found: dict[str, Any] = {"": None}
        for name in names - {""}:
            try:
                if name in SERVER_OF:
                    found[name] = stack.enter_context(run.server(SERVERS[SERVER_OF[name]]))
                elif name != "mssql":
                    found[name] = stack.enter_context(emulator(name))
                elif mssql.URL:
                    found[name] = mssql.is_babelfish()
                else:
                    print("SQL Server is missing; hint: set HYGGE_TEST_MSSQL_URL", file=sys.stderr)
            except Missing as missing:
                print(missing, file=sys.stderr)
        yield found


def tasks(asked: argparse.Namespace, there: dict[str, Any]) -> list[Task]:
    """What there is to do, pair after pair in the order asked."""
    seeds = range(asked.first, asked.first + asked.histories)
    return [
        Task(name, number, seeds[at : at + BATCH], asked.steps, there[KINDS[name].on])
        for name in asked.kinds if KINDS[name].on in there
        for number, scenario in enumerate(SCENARIOS)
        if scenario.name in asked.scenarios or scenario.mode in asked.modes
        if not scenario.unable(KINDS[name].type)
        for at in range(0, len(seeds), BATCH)
    ]  # fmt: skip


def _told(future: Future[Told], task: Task) -> Told:
    """What came of a task; all its histories count as failed where it could not be done."""
    try:
        return future.result()
    except Exception:  # noqa: BLE001 - the others are to be done nevertheless
        name, many = SCENARIOS[task.scenario].name, len(task.seeds)
        problem = f"{task.kind}: {name}, seeds from {task.seeds[0]}\n{traceback.format_exc()}"
        return Told(task.kind, name, histories=many, failed=many, problems=[problem])


LINE = "{:<16} {:<24} {:>9} {:>8} {:>7} {:>6} {:>8} {:>7} {:>8} {:>8}"
HEAD = LINE.format(
    "kind", "mode", "histories", "steps", "runs", "lost", "doubled", "failed", "cpu s", "wall s"
)


def shown(told: Told) -> str:
    """A line of the table."""
    return LINE.format(
        told.kind, told.scenario, told.histories, told.steps, told.runs, told.lost, told.doubled,
        told.failed, f"{told.cpu:.1f}", f"{told.wall:.1f}",
    )  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is asked; returns how many pairs had a problem."""
    modes = list(dict.fromkeys(s.mode for s in SCENARIOS))
    names = [s.name for s in SCENARIOS]
    parser = argparse.ArgumentParser(prog="make histories", description=__doc__)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS))
    parser.add_argument(
        "--modes",
        nargs="+",
        choices=modes,
        default=[],
        metavar="MODE",
        help="with all settings there are scenarios of",
    )
    parser.add_argument("--scenarios", nargs="+", choices=names, default=[], metavar="NAME",
                        help=f"beside those: {', '.join(names)}")  # fmt: skip
    parser.add_argument("--histories", type=int, default=200, help="of each pair (200)")
    parser.add_argument("--steps", type=int, default=30, help="of each history (30)")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed (0)")
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args(arguments)
    if not asked.modes and not asked.scenarios:
        asked.modes = modes
    processes = 1 if "mssql" in asked.kinds else asked.processes  # its tables share one database
    done: dict[tuple[str, str], Told] = {}
    with all_there({KINDS[name].on for name in asked.kinds}) as there:
        todo = tasks(asked, there)
        left: dict[tuple[str, int], int] = {}
        for task in todo:
            left[task.kind, task.scenario] = left.get((task.kind, task.scenario), 0) + 1
        context = multiprocessing.get_context("spawn")
        print(HEAD, flush=True)
        with ProcessPoolExecutor(processes, mp_context=context) as pool:
            futures = {pool.submit(work, task): task for task in todo}
            for future in as_completed(futures):
                task = futures.pop(future)
                told = _told(future, task)
                pair = told.kind, told.scenario
                done.setdefault(pair, Told(*pair)).add(told)
                print("".join(f"\n{p}\n" for p in told.problems), end="", flush=True)
                left[task.kind, task.scenario] -= 1
                if not left[task.kind, task.scenario]:
                    print(shown(done[pair]), flush=True)
    total = Told("in all", "")
    for told in done.values():
        total.add(told)
    print(shown(total))
    return sum(bool(t.problems) for t in done.values())


if __name__ == "__main__":
    sys.exit(min(main(), 100))
