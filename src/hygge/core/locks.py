"""Locks between processes that the operating system frees when their holder ends.

An advisory lock on a file (flock(2); LockFileEx through msvcrt on Windows). The file means nothing,
only the lock on it does, so none is ever stale.
"""

from __future__ import annotations

import os
from pathlib import Path

if os.name == "nt":  # pragma: no cover - the other half of the world
    import msvcrt

    def _take(descriptor: int) -> bool:
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
else:
    import fcntl

    def _take(descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True


def try_lock(path: Path) -> int | None:
    """Lock a file, made if need be, against every other process and every other call here.

    Returns
    -------
    An open descriptor that holds it; closing it frees it. None where another holds it.

    Raises OSError where the file cannot be made, or its file system has no locks.
    """
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    taken = False
    try:
        taken = _take(descriptor)
    finally:
        if not taken:
            os.close(descriptor)
    return descriptor if taken else None
