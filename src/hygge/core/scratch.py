"""Folders of this machine for what a process needs for a while, and their removal where it died.

Each holds a lock, which the operating system frees when the process ends, however that is: whoever
finds the folder can tell whether anybody still needs it. The first that a process makes sweeps what
others have left. Where a file system has no locks, folders are made all the same, and nobody sweeps
them.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path

from hygge.core.locks import try_lock

PREFIX = "hygge-scratch-"
LOCK = "lock"
GRACE_S = 3600.0
"""Folders in which something was written since are left alone, in seconds: one's owner may be about
to take its lock, or be on another host, if hosts share the folders and not the locks."""


class Scratch:
    """A new folder, `path`, that goes when it is removed, let go of or at the process's end.

    Parameters
    ----------
    name: of the folder itself, within one of a name that nobody else has.
    """

    def __init__(self, name: str = "files") -> None:
        whole = Path(tempfile.gettempdir())
        _sweep_once(whole)
        outer = Path(tempfile.mkdtemp(prefix=PREFIX, dir=whole))
        self._removal = weakref.finalize(self, _remove, outer, _locked(outer))
        self.path = outer / name
        self.path.mkdir()

    def remove(self) -> None:
        """Remove it. Safe more than once."""
        self._removal()

    def __enter__(self) -> Path:
        return self.path

    def __exit__(self, *_: object) -> None:
        self.remove()


def _locked(outer: Path) -> int | None:
    """The lock of a new folder; None where it is refused, and then none is there to be taken."""
    with suppress(OSError):
        if (lock := try_lock(outer / LOCK)) is not None:
            return lock
    (outer / LOCK).unlink(missing_ok=True)
    return None


def _remove(outer: Path, lock: int | None) -> None:
    if lock is not None:
        os.close(lock)  # before the rest: where files that are open cannot be removed
    shutil.rmtree(outer, ignore_errors=True)


@cache
def _sweep_once(whole: Path) -> None:
    sweep(whole)


def sweep(whole: Path) -> None:
    """Remove the folders of processes of this user's that have ended.

    Parameters
    ----------
    whole: the folder for temporary files, in which they are. What cannot be removed stays.
    """
    with suppress(OSError), os.scandir(whole) as entries:
        for entry in entries:
            if entry.name.startswith(PREFIX) and entry.is_dir(follow_symlinks=False):
                with suppress(OSError):
                    _sweep_one(Path(entry.path))


def _sweep_one(outer: Path) -> None:
    if outer.lstat().st_uid != _user() or _last_written(outer) > time.time() - GRACE_S:
        return
    if not (outer / LOCK).exists():  # it died before it had one, or another sweeps it now
        outer.rmdir()
    elif (lock := try_lock(outer / LOCK)) is not None:  # nobody takes it again but to sweep
        _remove(outer, lock)


def _last_written(outer: Path) -> float:
    """When something in a folder was last written, made or removed, in seconds since 1970."""
    found = [outer]
    for at, folders, files in os.walk(outer):
        found += [Path(at, name) for name in (*folders, *files)]
    return max(path.lstat().st_mtime for path in found)


def _user() -> int:
    """The number of this process's user, as its files have it; 0 where there are none."""
    return os.getuid() if hasattr(os, "getuid") else 0
