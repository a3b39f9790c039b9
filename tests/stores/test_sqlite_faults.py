"""SQLiteStore when processes die, race, or read meanwhile. Real processes, real signals."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.sql.databases import ask, make
from tests.stores.sqlite_runs import expected, frame, load, run, state_of

from hygge.core.errors import ConflictError
from hygge.sql.sqlite.load import STEPS

MODES = ("replace", "append", "merge")
READER = """
import sqlite3, sys
c = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
print("reading", flush=True)
while True:
    print(c.execute("SELECT count(*), min(x), max(x), count(DISTINCT id) FROM t").fetchone(), flush=True)
"""  # noqa: E501


def start(path: Path, mode: str, upper: int, step: str) -> subprocess.Popen[bytes]:
    """A process that runs up to `upper` and dies at a step."""
    command = [sys.executable, "-m", "tests.stores.sqlite_runs", str(path), mode, str(upper), step]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2])


@pytest.mark.parametrize(
    ("mode", "journal"), [*((mode, "wal") for mode in MODES), ("replace", "delete")]
)
def test_killed_at_every_step(mode: Any, journal: str, tmp_path: Path) -> None:
    """Before the commit the old rows are there, after it the new; the next run sets it right."""
    paths = {step: tmp_path / step.split(".")[1] / "w.db" for step in STEPS}
    for path in paths.values():
        path.parent.mkdir()
        if journal == "delete":
            make(path, "CREATE TABLE other (x)")
        run(path, mode, 5)
        assert ask(path, "PRAGMA journal_mode") == [(journal,)]
    steps = list(paths)
    for pair in (steps[i : i + 2] for i in range(0, len(steps), 2)):
        dying = [(step, start(paths[step], mode, 8, step)) for step in pair]
        for step, process in dying:
            assert process.wait(60) == -signal.SIGKILL, step
    for step, path in paths.items():
        done = steps.index(step) >= steps.index("sqlite.committed")
        rows = expected(mode, 5, 8) if done else expected(mode, 5)
        assert ask(path, "SELECT id, x FROM t ORDER BY id") == rows, step
        left = [p for p in path.parent.iterdir() if ".hygge-" in p.name]
        assert bool(left) == (step != "sqlite.cleaned"), step
        run(path, mode, 8)
        assert ask(path, "SELECT id, x FROM t ORDER BY id") == expected(mode, 5, 8), step
        held = state_of(path)
        assert held is not None
        assert held.rows == 8
        if mode == "replace":  # a run that has nothing to do begins no load, and clears nothing up
            assert not [p for p in path.parent.iterdir() if ".hygge-" in p.name], step


def test_a_live_stage_is_never_cleared_up(tmp_path: Path) -> None:
    from hygge.sql.sqlite.stage import Stage

    path = tmp_path / "w.db"
    one = Stage(path, "a")
    other = Stage(path, "b")
    assert one.folder.exists()
    one.remove()
    assert not one.folder.exists()
    assert other.folder.exists()
    other.remove()
    other.remove()


@pytest.mark.parametrize("mode", MODES)
def test_of_two_that_race_one_wins(mode: Any, tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    run(path, mode, 5)
    start_both = threading.Barrier(2)

    def attempt(number: int) -> str:
        start_both.wait()
        rows = [(i, f"by {number}") for i in range(5, 9)]
        try:
            load(path, mode, [frame(rows)], upper=9 + number, generation=1)
        except ConflictError:
            return "lost"
        return f"by {number}"

    with ThreadPoolExecutor(2) as pool:
        ends = list(pool.map(attempt, range(2)))
    assert sorted(ends)[1] == "lost"
    winner = min(ends)
    assert ask(path, "SELECT DISTINCT x FROM t WHERE id >= 5") == [(winner,)]
    held = state_of(path)
    assert held is not None
    assert held.generation == 2


def test_two_processes_race(tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    run(path, "merge", 5)
    both = [start(path, "merge", 8, "never") for _ in range(2)]
    codes = sorted(process.wait(60) for process in both)
    assert codes in ([0, 0], [0, 1])  # the second may come too late, or after the first
    assert ask(path, "SELECT id, x FROM t ORDER BY id") == expected("merge", 5, 8)


def test_many_tables_of_one_file_in_parallel(tmp_path: Path) -> None:
    path = tmp_path / "w.db"

    def one(number: int) -> int | None:
        rows = [frame([(i, "x") for i in range(50)])]
        return load(path, "replace", rows, table=f"t{number}").rows

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(one, range(200))) == [50] * 200
    tables = "SELECT count(*) FROM sqlite_master WHERE name GLOB 't[0-9]*'"
    assert ask(path, tables) == [(200,)]
    assert ask(path, "SELECT count(*) FROM _hygge_state") == [(200,)]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["w.db"]


@pytest.mark.parametrize("journal", ["wal", "delete"])
def test_a_reader_sees_one_load_or_the_next(journal: str, tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    if journal == "delete":
        make(path, "CREATE TABLE other (x)")
    run(path, "replace", 3000)
    command = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        for upper in range(3001, 3013):
            run(path, "replace", upper)
        reader.kill()
        seen = {line.strip() for line in reader.stdout if line.endswith(")\n")}
    whole = {str((n, f"to {n}", f"to {n}", n)) for n in range(3000, 3013)}
    assert len(seen) > 1
    assert seen <= whole
