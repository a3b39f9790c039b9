"""What the C library is told of memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

from hygge.core import memory


@pytest.mark.parametrize("first", ["give_back", "keep"])
def test_what_is_kept_stays_kept(first: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told: dict[int, int] = {}
    monkeypatch.setattr(memory, "_set", told.__setitem__)
    monkeypatch.setitem(memory._state, "keeps", False)
    calls = [memory.give_back.__wrapped__, memory.keep.__wrapped__]
    for call in calls if first == "give_back" else reversed(calls):
        call()
    assert told[memory._M_MMAP_THRESHOLD] == told[memory._M_TRIM_THRESHOLD] == memory._KEPT


HEAPS = """
import ctypes, sys, threading
from hygge.core.memory import give_back, one_heap

def work():
    kept.append(bytearray(100_000))
    here.wait()

for call in sys.argv[2:]:
    globals()[call]()
kept, here = [], threading.Barrier(8)
threads = [threading.Thread(target=work) for _ in range(8)]
for step in (threading.Thread.start, threading.Thread.join):
    for thread in threads:
        step(thread)
c = ctypes.CDLL(None)
c.fopen.restype = ctypes.c_void_p
file = ctypes.c_void_p(c.fopen(sys.argv[1].encode(), b"w"))
c.malloc_info(0, file)
c.fclose(file)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another")
def test_threads_share_one_heap(tmp_path: Path) -> None:
    heaps = {}
    for calls in ((), ("one_heap",), ("give_back",)):
        told = tmp_path / "-".join(["heaps", *calls])
        command = [sys.executable, "-c", HEAPS, str(told), *calls]
        subprocess.run(command, check=True, env={**os.environ, "MALLOC_ARENA_MAX": "8"})
        heaps[calls] = told.read_text().count("<heap nr=")
    assert heaps[()] > 1
    assert heaps["one_heap",] == heaps["give_back",] == 1
