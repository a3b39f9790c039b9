"""Some histories of one kind and scenario, done in whatever process."""

from __future__ import annotations

import tempfile
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.histories.history import Difference, History
from tests.histories.kinds import KINDS
from tests.histories.scenarios import SCENARIOS
from tests.servers import Server

MEMORY = Path("/dev/shm")


@dataclass
class Told:
    """What came of some histories of one kind and scenario.

    Parameters
    ----------
    lost, doubled: rows, in all.
    failed: histories that ended in an error other than a difference.
    cpu, wall: seconds, added up over the processes; `cpu` without the servers'.
    problems: in full.
    """

    kind: str
    scenario: str
    histories: int = 0
    steps: int = 0
    runs: int = 0
    lost: int = 0
    doubled: int = 0
    failed: int = 0
    cpu: float = 0.0
    wall: float = 0.0
    problems: list[str] = field(default_factory=list)

    def add(self, other: Told) -> None:
        """Take another one's figures in."""
        for name, value in vars(other).items():
            if name not in ("kind", "scenario"):
                setattr(self, name, getattr(self, name) + value)


@dataclass(frozen=True)
class Task:
    """Some histories of one kind and scenario; `there` is what the kind needs to be there."""

    kind: str
    scenario: int
    seeds: range
    steps: int
    there: Any


def work(task: Task) -> Told:
    """Do them, in whatever process."""
    kind, scenario = KINDS[task.kind], SCENARIOS[task.scenario]
    told = Told(task.kind, scenario.name)
    wall, cpu = time.perf_counter(), time.process_time()
    place = MEMORY if MEMORY.is_dir() else None
    with ExitStack() as stack:
        new = tempfile.TemporaryDirectory(prefix="hygge-histories-", dir=place)
        folder, there = Path(stack.enter_context(new)), task.there
        if isinstance(there, Server):
            there = stack.enter_context(there.database())
        made = stack.enter_context(kind(folder, there))
        for seed in task.seeds:
            store = made.make(f"{scenario.name} {seed}")
            history = History(scenario, folder, store, made.read, seed)
            try:
                history.go(task.steps)
            except Difference as difference:
                told.lost += len(difference.lost)
                told.doubled += len(difference.extra)
                told.problems.append(f"{task.kind}: {difference}")
            except Exception:  # noqa: BLE001 - the others are to be done nevertheless
                told.failed += 1
                said = "\n".join([f"{task.kind}: {scenario.name}, seed {seed}", *history.said])
                told.problems.append(f"{said}\n{traceback.format_exc()}")
            told.histories += 1
            told.steps += history.steps
            told.runs += history.runs
    told.wall = time.perf_counter() - wall
    told.cpu = time.process_time() - cpu
    return told
