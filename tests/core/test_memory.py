"""What the C library is told of memory."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

HEAPS = """
import ctypes, sys, threading
from hygge.core import memory

def work():
    kept.append(bytearray(100_000))
    here.wait()

for call in sys.argv[2:]:
    getattr(memory, call)()
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
TIDY = """
from hygge.core import memory

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

blocks = [bytearray(b"x" * 50_000) for _ in range(2_000)]
del blocks[1:-1]  # what is between them stays
full = resident()
memory.tidy()
early = resident()
memory._tidied[0] -= memory.TIDY_EVERY_S
memory.tidy()
print(full - early, full - resident())
"""
MAPPED = """
import ctypes, re, sys
from pathlib import Path
from hygge.core.memory import give_back
from hygge.sql.duckdb.link import DuckDBLink

def mapped():
    c = ctypes.CDLL(None)
    c.fopen.restype = ctypes.c_void_p
    file = ctypes.c_void_p(c.fopen(sys.argv[1].encode(), b"w"))
    c.malloc_info(0, file)
    c.fclose(file)
    return int(re.findall('type="mmap" count="([0-9]+)"', Path(sys.argv[1]).read_text())[-1])

def alone(size):
    before = mapped()
    blocks = [bytearray(size) for _ in range(50)]
    return mapped() - before >= 50

for opening in (lambda: DuckDBLink.open(sys.argv[2], None, writing=True), give_back):
    kept = opening()
    print(alone(256 << 10), alone(1 << 20))
"""
glibc = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is another")


@glibc
def test_threads_share_a_heap_where_much_is_given_back(tmp_path: Path) -> None:
    heaps = {}
    for calls in ((), ("give_back",)):
        told = tmp_path / "-".join(["heaps", *calls])
        command = [sys.executable, "-c", HEAPS, str(told), *calls]
        free = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"}
        subprocess.run(command, check=True, env=free)
        heaps[calls] = told.read_text().count("<heap nr=")
    assert heaps["give_back",] == 1
    assert heaps[()] > 1


@glibc
def test_blocks_of_duckdb_are_not_mapped_one_by_one_where_it_writes(tmp_path: Path) -> None:
    """Whoever else has large buffers given back: it changed an index five times as slowly."""
    command = [sys.executable, "-c", MAPPED, str(tmp_path / "heaps"), str(tmp_path / "w.duckdb")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert done.stdout.split() == ["False", "True"] * 2


@glibc
def test_what_lies_idle_is_given_back_now_and_then() -> None:
    done = subprocess.run([sys.executable, "-c", TIDY], check=True, capture_output=True, text=True)
    early, late = map(int, done.stdout.split())
    assert early < 10_000_000 < 80_000_000 < late
