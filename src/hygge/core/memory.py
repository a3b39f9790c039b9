"""What code written in C does with memory, kept within bounds."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8  # malloc.h of glibc
_THRESHOLD = 128 * 1024  # glibc's own, before it adapts
_KEPT = 32 << 20  # the most that glibc takes from its heap
_state = {"keeps": False}


@cache
def one_heap() -> None:
    """Have all threads share one heap of the C library; those that have their own keep it, so this
    is for the beginning of a process.

    glibc begins one for each thread, up to eight for each processor (mallopt(3), M_ARENA_MAX).
    Threads come and go with chunks, and what one has freed another does not use: of 10 M rows from
    PostgreSQL into Delta 220 MB lay idle in the end, and the more rows, the more. With one it was
    64 MB, for no more of the processor: all that is large goes by Python's lock anyway, and what
    is small is each thread's own cache. Does nothing where the C library is another.
    """
    _set(_M_ARENA_MAX, 1)


@cache
def give_back(least: int = _THRESHOLD) -> None:
    """Have the C library give large buffers back to the system when they are freed.

    Parameters
    ----------
    least: what is large, in bytes.

    glibc maps blocks from 128 KB on alone, but raises that limit up to 32 MB as such blocks are
    freed (mallopt(3), M_MMAP_THRESHOLD); from then on a driver's columns come from its heap, in
    which what is freed between others stays. Setting the limit keeps it. Seen of 3 M rows of 15
    columns from PostgreSQL: a peak of 446 MB instead of 533 MB, for 2 % more time; of 1 M rows from
    SQLite: 50 MB less, in less time, since blocks that grow are moved without a copy. Does nothing
    where the C library is another.
    """
    one_heap()
    if not _state["keeps"]:
        _set(_M_MMAP_THRESHOLD, least)


@cache
def keep() -> None:
    """Have the C library keep what is freed for what comes next, whoever asks for the other.

    DuckDB takes each of its blocks of 256 KB from it, and would have each mapped, cleared by the
    system and unmapped again while a table is filled. Seen from PostgreSQL on two processors:
    1 M rows of 15 columns in 4.1 s instead of 4.7 s and 450 MB instead of 430 MB; 10 M rows in
    34 s instead of 38 s.
    """
    one_heap()
    _state["keeps"] = True
    _set(_M_MMAP_THRESHOLD, _KEPT)
    _set(_M_TRIM_THRESHOLD, _KEPT)


def _set(parameter: int, value: int) -> None:
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(parameter, value)
