"""Ctrl-C and SIGTERM: before the commit point or past it, and saying which."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import polars as pl
import pytest
from tests.cli.support import SLOW, environment, hygge, project, steady

ENDLESS = 600


@contextmanager
def running(root: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`hygge go` as it runs; killed at the end if it still does."""
    child = subprocess.Popen(
        [sys.executable, "-m", "hygge", "go", *arguments],
        cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8",
    )  # fmt: skip
    try:
        yield child
    finally:
        child.kill()
        child.communicate()


def until(child: subprocess.Popen[str], words: str) -> str:
    """Read what it prints up to a line with these words."""
    assert child.stdout is not None
    read = ""
    for line in child.stdout:
        read += line
        if words in line:
            return read
    raise AssertionError(f"'{words}' never came:\n{read}")


@pytest.mark.parametrize(
    ("number", "code", "called"),
    [(signal.SIGINT, 130, "Ctrl-C"), (signal.SIGTERM, 143, "SIGTERM")],
)
def test_a_signal_stops_before_the_commit_point(
    number: signal.Signals, code: int, called: str, tmp_path: Path
) -> None:
    root = project(tmp_path, flow=SLOW.format(batches=ENDLESS, pause=0.05, entities="a, b"))
    with running(root, "--report", "run.json") as child:
        until(child, "start main.a")
        time.sleep(0.3)
        child.send_signal(number)
        out, err = child.communicate(timeout=30)
    assert child.returncode == code, out + err
    assert f"{called}: stopping before the commit points" in err
    assert f"Stopped by {called}." in out
    assert "stopped before the commit point, nothing changed: main.a" in out
    assert "never started: 1 entity" in out
    assert "Traceback" not in err
    assert not list((root / "lake").rglob("part-*"))
    told = json.loads((root / "run.json").read_text(encoding="utf-8"))
    assert (told["status"], told["reason"]) == ("cancelled", f"stopped by {called}")
    assert "cancelled" in hygge("journal", cwd=root).out
    (root / "flows" / "main" / "flow.yml").write_text(
        SLOW.format(batches=2, pause=0, entities="a, b"), encoding="utf-8"
    )
    hygge("go", "--retry-failed", cwd=root)  # and nothing stands in the way of the next run


def test_a_load_past_its_commit_point_is_finished_and_told(tmp_path: Path) -> None:
    root = project(tmp_path, flow=SLOW.format(batches=2, pause=0, entities="a, b"))
    (root / "stores").mkdir()
    (root / "stores" / "lingering.py").write_text(LINGERING, encoding="utf-8")
    flow = root / "flows" / "main" / "flow.yml"
    flow.write_text(flow.read_text().replace("{type: parquet, path: lake}", "{type: lingering}"))
    with running(root) as child:
        until(child, "committing")
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130, out + err
    assert "finished, being past the commit point: main.a" in out
    assert "never started: 1 entity" in out


LINGERING = '''
"""A Store whose commit takes its time."""
import time

from hygge import Store
from hygge.core.custom import WriteOnlyLoad
from hygge.core.settling import StoreSession


class Load(WriteOnlyLoad):
    def commit(self, receipts, state):
        print("committing", flush=True)
        time.sleep(1.5)
        return super().commit(receipts, state)


class Session(StoreSession):
    def __init__(self, store, context):
        self.store, self.context = store, context

    def state(self):
        return None

    def begin(self, request):
        return Load(self.store.write, self.store.place(), request, self.context)


class LingeringStore(Store):
    async def write(self, df):
        pass

    def open(self, context):
        return Session(self, context)
'''

STUBBORN = '''
"""A Home that does not listen."""
import time

import polars as pl

from hygge import Home


class StubbornHome(Home):
    def fields(self):
        return {"id": "int64"}

    def read_batches(self):
        yield pl.DataFrame({"id": [1]})
        time.sleep(600)
'''


def test_a_second_signal_leaves_at_once_and_nothing_half_done(tmp_path: Path) -> None:
    root = project(tmp_path, flow=SLOW.format(batches=2, pause=0, entities="a"))
    (root / "homes" / "stubborn.py").write_text(STUBBORN, encoding="utf-8")
    flow = root / "flows" / "main" / "flow.yml"
    stubborn = flow.read_text().replace("{type: slow, batches: 2, pause: 0}", "{type: stubborn}")
    mended = flow.read_text()
    flow.write_text(stubborn)
    with running(root) as child:
        until(child, "start main.a")
        time.sleep(0.3)
        child.send_signal(signal.SIGINT)
        time.sleep(0.5)
        assert child.poll() is None
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=10)
    assert child.returncode == 130, out + err
    assert "once more leaves at once" in err
    assert "Left at once. What had not been committed is not there." in err
    assert "interrupted" in hygge("journal", cwd=root).out
    flow.write_text(mended)
    hygge("go", "--full-refresh", cwd=root)


def test_an_overlapping_run(tmp_path: Path) -> None:
    gate = tmp_path / "go-on"
    flow = SLOW.format(batches=2, pause=0, entities="a").replace("pause: 0", f"until: {gate}")
    root = project(tmp_path, flow=flow)
    with running(root) as child:
        until(child, "start main.a")
        done = hygge("go", cwd=root)
        assert "skipped main.a: another run is moving it (process PID" in steady(done.out)
        hygge("go", "--skip-exit-code", "75", cwd=root, code=75)
        failed = hygge("go", "--if-running", "fail", cwd=root, code=1)
        assert "another run is moving it" in failed.out
        with running(root, "--if-running", "wait") as waiting:
            until(waiting, "start: 1 entity")
            gate.touch()
            out, _ = child.communicate(timeout=30)
            assert (child.returncode, "moved main.a" in out) == (0, True)
            out, _ = waiting.communicate(timeout=30)
            assert (waiting.returncode, "moved main.a" in out) == (0, True)


def test_a_signal_before_anything_moves(tmp_path: Path) -> None:
    root = project(tmp_path, flow=SLOW.format(batches=2, pause=0, entities="a"))
    (root / "homes" / "asleep.py").write_text(
        "import sys, time\nprint('loading', flush=True)\ntime.sleep(30)\n", encoding="utf-8"
    )
    with running(root) as child:
        until(child, "loading")
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=10)
    assert child.returncode == 130
    assert "Stopped." in err
    assert "Traceback" not in err


def test_what_is_done_of_a_load_in_chunks_is_kept_and_gone_on_with(tmp_path: Path) -> None:
    root = project(tmp_path, flow=CHUNKED.format(pause=0.2))
    (root / "homes" / "tenths.py").write_text(TENTHS, encoding="utf-8")
    with running(root) as child:
        until(child, "start main.a")
        wait_for(lambda: sum(len(p.read_text().splitlines()) > 3 for p in root.rglob("ledger")))
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=30)
    assert child.returncode == 130, out + err
    kept = re.search(r"stopped before its commit point; (\d+) of 10 chunks are kept; run it", out)
    assert kept, out
    flow = root / "flows" / "main" / "flow.yml"
    flow.write_text(CHUNKED.format(pause=0), encoding="utf-8")
    hygge("go", cwd=root)
    told = hygge("journal", "last", cwd=root).out
    assert f"{kept[1]} of 10 chunks were reused, {10 - int(kept[1])} read again" in told
    assert f"10 chunks, {kept[1]} of them before: one snapshot" in told
    ids = pl.concat(map(pl.read_parquet, root.rglob("lake/a/part-*")))["id"].sort()
    assert ids.to_list() == list(range(100))


def wait_for(condition: Callable[[], object], seconds: float = 30.0) -> None:
    """Look every moment until it holds."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds
        time.sleep(0.02)


CHUNKED = """
home: {{type: tenths, pause: {pause}}}
store: {{type: parquet, path: lake}}
chunks: 10
entities: [a]
"""

TENTHS = '''
import time

import polars as pl
from hygge import Home, HomeConfig, Schema
from hygge.core.chunk import Chunk
from hygge.core.reading import HomeSession


class TenthsHome(Home):
    """A hundred rows that never change, in ten chunks."""

    class Config(HomeConfig):
        pause: float = 0

    def open(self, context):
        return Session(self.config.pause)


class Session(HomeSession):
    consistency = "one snapshot"

    def __init__(self, pause):
        self.pause = pause

    def schema(self):
        return Schema.of(pl.DataFrame({"id": [0]}))

    def share(self):
        return "the only one"

    def split(self, request, parts):
        return [Chunk(n, f"tenth {n}", {"from": n * 10}) for n in range(parts)]

    def fingerprint(self, request, chunk):
        return "always the same"

    def read(self, request, chunk):
        time.sleep(self.pause)
        yield pl.DataFrame({"id": range(chunk.bounds["from"], chunk.bounds["from"] + 10)})
'''


STOPS_AT = """
import atexit, sys, time
from contextlib import suppress

MOMENT = sys.argv.pop(1)

def here():
    print("here", flush=True)
    while True:  # not `pause`, which sleeps through a signal that came just before it
        time.sleep(0.01)

class Stop:
    def find_spec(self, name, path=None, target=None):
        if name == MOMENT:
            here()

if MOMENT == "the end":
    atexit.register(here)
sys.meta_path.insert(0, Stop())
from hygge.__main__ import start
start()
"""


@pytest.mark.parametrize("moment", ["hygge.cli.app", "click", "hygge.project", "polars", "the end"])
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_at_any_moment_is_an_exit_code(
    moment: str, number: signal.Signals, code: int, tmp_path: Path
) -> None:
    """While anything is imported, and when all is done: never the signal itself, or a traceback."""
    root = project(tmp_path, flow=SLOW.format(batches=1, pause=0, entities="a"))
    child = subprocess.Popen(
        [sys.executable, "-c", STOPS_AT, moment, "go"],
        cwd=root, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        encoding="utf-8",
    )  # fmt: skip
    try:
        until(child, "here")
        child.send_signal(number)
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
        child.communicate()
    assert (child.returncode, err) == (code, "\nStopped.\n")
