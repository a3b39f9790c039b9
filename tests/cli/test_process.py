"""The process that `hygge` is: how it ends."""

from __future__ import annotations

import platform
import subprocess
import sys
from pathlib import Path

import pytest
from tests.cli.support import environment

ENDING = """
import atexit, sys, threading
def late():
    threading.main_thread().join()
    print("thread done")
atexit.register(lambda: print("asked to be called"))
threading.Thread(target=late).start()
{more}
from hygge.__main__ import start
start()
"""


@pytest.mark.parametrize("more", ["", "sys.setprofile(lambda *_: None)"])
@pytest.mark.parametrize(("argument", "code"), [("--version", 0), ("nonsense", 2)])
def test_threads_and_callbacks_have_their_turn(
    argument: str, code: int, more: str, tmp_path: Path
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING.format(more=more), argument],
        cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-2:] == ["thread done", "asked to be called"]


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="Arrow has its own choice"
)
@pytest.mark.parametrize("chosen", ["", "system"])
def test_arrow_has_the_allocator_that_is_asked_of_it(chosen: str) -> None:
    asked = """
from hygge.__main__ import set_up_libraries
set_up_libraries()
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""
    around = {k: v for k, v in environment().items() if k != "ARROW_DEFAULT_MEMORY_POOL"}
    around |= {"ARROW_DEFAULT_MEMORY_POOL": chosen} if chosen else {}
    done = subprocess.run(
        [sys.executable, "-c", asked], env=around, capture_output=True, text=True, timeout=60
    )
    assert (done.stdout, done.stderr) == (f"{chosen or 'jemalloc'}\n", "")


def test_cycles_are_looked_for_once_there_are_many() -> None:
    asked = """
import gc
from hygge.__main__ import look_late
look_late()
first = gc.get_threshold()[0]
kept = [[] for _ in range(first + 1)]
later = gc.get_threshold()[0]
assert later < first < gc.get_freeze_count() and not gc.callbacks
before = gc.get_stats()[0]["collections"]
kept += [[] for _ in range(3 * later)]
assert gc.get_stats()[0]["collections"] >= before + 2
"""
    subprocess.run([sys.executable, "-c", asked], env=environment(), check=True, timeout=60)
