"""kill -9 at every named step of the commit protocol: the last good state stays, or the new one."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import duckdb
import polars as pl
import pytest
from tests.files.crashing import ROWS, one_load, rows_of
from tests.files.driving import everything, state_of
from tests.files.remains import check_swept

from hygge.core.registry import lookup
from hygge.files.stage import STEPS
from hygge.files.swap import FALLBACK_STEPS

MODES = ("replace", "append", "merge")


def die(folder: Path, kind: str, mode: str, step: str, *, count: int = 1, version: int = 2,
        can_exchange: bool = True) -> int:  # fmt: skip
    """Run a load that is killed at a step; the process's return code."""
    program = [sys.executable, "-m", "tests.files.crashing", str(folder), kind, mode, step]
    program += [str(count), str(version), "yes" if can_exchange else "no"]
    return subprocess.run(program, cwd=Path.cwd(), env={**os.environ}, timeout=60).returncode


def expected(mode: str, versions: int) -> dict[int, int]:
    """Id to version, after so many loads."""
    out: dict[int, int] = {}
    for version in range(1, versions + 1):
        if mode == "replace":
            out = {}
        out |= dict(rows_of(mode, version).select("id", "version").iter_rows())
    return out


def held(folder: Path, kind: str) -> dict[int, int]:
    rows = everything(lookup("home", kind)("t", path=folder)).select("id", "version").rows()
    assert len(rows) == len(dict(rows))
    return dict(rows)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", STEPS)
def test_killed_at_every_step(tmp_path: Path, mode: str, step: str) -> None:
    folder = tmp_path / "data" / "t"
    one_load(folder, "parquet", mode, 1)
    before, after = expected(mode, 1), expected(mode, 2)
    assert die(folder, "parquet", mode, step) == -9
    published = STEPS.index(step) >= STEPS.index("files.exchanged")
    assert held(folder, "parquet") == (after if published else before)
    state = state_of(lookup("store", "parquet")("t", path=folder))
    assert state is not None
    assert state.generation == (2 if published else 1)
    assert state.rows == len(after if published else before)
    one_load(folder, "parquet", mode, 3 if published else 2)
    assert held(folder, "parquet") == (expected(mode, 3) if published else after)
    check_swept(folder)


@pytest.mark.parametrize("step", STEPS)
def test_killed_in_the_first_load(tmp_path: Path, step: str) -> None:
    folder = tmp_path / "t"
    assert die(folder, "ipc", "replace", step, version=1) == -9
    published = STEPS.index(step) >= STEPS.index("files.exchanged")
    assert folder.exists() == published
    one_load(folder, "ipc", "replace", 2)
    assert held(folder, "ipc") == expected("replace", 2)


@pytest.mark.parametrize("kind", ["ipc", "csv", "ndjson"])
@pytest.mark.parametrize("step", ["files.part_written", "files.state_written", "files.exchanged"])
def test_killed_with_other_formats(tmp_path: Path, kind: str, step: str) -> None:
    folder = tmp_path / "t"
    one_load(folder, kind, "append", 1)
    assert die(folder, kind, "append", step, count=1) == -9
    published = step == "files.exchanged"
    assert held(folder, kind) == expected("append", 2 if published else 1)
    if not published:
        one_load(folder, kind, "append", 2)
    assert held(folder, kind) == expected("append", 2)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", [*FALLBACK_STEPS, "files.locked", "files.exchanged"])
def test_killed_where_folders_cannot_be_exchanged(tmp_path: Path, mode: str, step: str) -> None:
    folder = tmp_path / "t"
    one_load(folder, "parquet", mode, 1)
    assert die(folder, "parquet", mode, step, can_exchange=False) == -9
    published = step in ("files.moved_away", "files.exchanged")
    assert folder.exists() != (step == "files.moved_away")
    # Whoever opens the Store next finishes what was begun.
    state = state_of(lookup("store", "parquet")("t", path=folder))
    assert state is not None
    assert state.generation == (2 if published else 1)
    assert held(folder, "parquet") == expected(mode, 2 if published else 1)
    one_load(folder, "parquet", mode, 3 if published else 2)
    assert held(folder, "parquet") == expected(mode, 3 if published else 2)
    check_swept(folder)


def test_a_reader_polling_sees_whole_generations_only(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    one_load(folder, "parquet", "replace", 1)
    seen: set[tuple[int, int]] = set()
    torn: list[object] = []
    stop = threading.Event()

    def poll() -> None:
        with duckdb.connect() as connection:
            while not stop.is_set():
                try:
                    rows = connection.execute(
                        f"select version, count(*) from '{folder}/*.parquet' group by all"
                    ).fetchall()
                except duckdb.Error:
                    continue  # caught between two generations: an error, never a mixture
                if not rows:
                    continue  # likewise: duckdb passes over names that are gone
                if len(rows) != 1 or rows[0][1] != ROWS:
                    torn.append(rows)
                seen.update(rows)

    reader = threading.Thread(target=poll)
    reader.start()
    try:
        version, began = 1, time.monotonic()
        while version < 30 or (len(seen) < 4 and time.monotonic() - began < 60):
            version += 1
            one_load(folder, "parquet", "replace", version)
            time.sleep(0.005)
    finally:
        stop.set()
        reader.join()
    assert not torn
    assert len(seen) > 3


def test_half_of_a_load_is_never_in_a_plain_glob(tmp_path: Path) -> None:
    folder = tmp_path / "t"
    one_load(folder, "parquet", "append", 1)
    assert die(folder, "parquet", "append", "files.part_synced", count=2) == -9
    assert pl.read_parquet(f"{folder}/*.parquet").height == ROWS
    assert pl.read_parquet(f"{tmp_path}/*/*.parquet").height == ROWS
