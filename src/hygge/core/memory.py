"""What code written in C does with memory, kept within bounds."""

from __future__ import annotations

import ctypes
import os
import sys
import threading
import time
from functools import cache

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8  # malloc.h of glibc
_THRESHOLD = 128 * 1024  # glibc's own, before it adapts
TIDY_EVERY_S = 2.0
_largest = [0]  # of what give_back was told is large
_tidying = threading.Lock()
_tidied = [time.monotonic()]


@cache
def give_back(least: int = _THRESHOLD) -> None:
    """Have the C library give large buffers back to the system when they are freed.

    Parameters
    ----------
    least: what is large, in bytes; the most that anybody said holds.

    glibc maps blocks from 128 KB on alone, but raises that limit up to 32 MB as such blocks are
    freed (mallopt(3), M_MMAP_THRESHOLD); from then on a driver's columns come from its heap, in
    which what is freed between others stays. Setting the limit keeps it. Seen of 3 M rows of 15
    columns from PostgreSQL: a peak of 446 MB instead of 533 MB, for 2 % more time; of 1 M rows from
    SQLite: 50 MB less, in less time, since blocks that grow are moved without a copy.

    Threads also share the heaps that there are by now, unless MALLOC_ARENA_MAX says how many: glibc
    begins one for each, up to eight for each processor (mallopt(3), M_ARENA_MAX), and what one has
    freed another does not use. Does nothing where the C library is another.
    """
    if "MALLOC_ARENA_MAX" not in os.environ:
        _set(_M_ARENA_MAX, 1)
    _largest[0] = max(_largest[0], least)
    _set(_M_MMAP_THRESHOLD, _largest[0])


def tidy() -> None:
    """Give what lies idle in the C library's heaps back to the system, unless that was done
    within the last TIDY_EVERY_S, or another thread is at it.

    Threads come and go with chunks, and what they have freed between other things stays: of 10 M
    rows from PostgreSQL into Delta 220 MB lay idle in the end, and the more rows, the more. With
    heaps that are shared, and this, the peak was 555 MB; without this, 600 to 660 MB, in the same
    time. Does nothing where the C library is another.
    """
    early = time.monotonic() - _tidied[0] < TIDY_EVERY_S
    if early or not _tidying.acquire(blocking=False):
        return
    try:
        _call("malloc_trim", 0)
    finally:
        _tidied[0] = time.monotonic()
        _tidying.release()


def _set(parameter: int, value: int) -> None:
    _call("mallopt", parameter, value)


def _call(name: str, *arguments: int) -> None:
    if sys.platform == "linux" and (function := getattr(ctypes.CDLL(None), name, None)):
        function(*arguments)
