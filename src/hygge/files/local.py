"""The local file system, as the commit protocol needs it: exchange, rename, fsync, locks.

The one module that talks to the operating system about folders and durability.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hygge.core.context import CancelToken
from hygge.core.errors import TransientError
from hygge.core.locks import try_lock

_AT_FDCWD = -100  # Linux, <fcntl.h>: paths are relative to the working directory
_RENAME_NOREPLACE, _RENAME_EXCHANGE = 1, 2  # Linux, <linux/fs.h>; renameat2(2)
_RENAME_SWAP, _RENAME_EXCL = 0x2, 0x4  # macOS, <stdio.h>; renamex_np(2)
_UNSUPPORTED = {errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


class NoExchange(Exception):
    """This file system or operating system cannot do it in one operation."""


@cache
def _rename_call() -> Callable[[bytes, bytes, bool], int] | None:
    """A call (from, to, whether to exchange) that returns 0 or -1; None where there is none."""
    if os.name == "nt":
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    if sys.platform == "darwin" and hasattr(libc, "renamex_np"):
        swap: Any = libc.renamex_np
        swap.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint]
        return lambda a, b, both: int(swap(a, b, _RENAME_SWAP if both else _RENAME_EXCL))
    if hasattr(libc, "renameat2"):
        call: Any = libc.renameat2
        call.argtypes = [
            ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
        ]  # fmt: skip
        return lambda a, b, both: int(
            call(_AT_FDCWD, a, _AT_FDCWD, b, _RENAME_EXCHANGE if both else _RENAME_NOREPLACE)
        )
    return None


def _renamed(source: Path, target: Path, *, both: bool) -> None:
    call = _rename_call()
    if call is None:
        raise NoExchange
    if call(os.fsencode(source), os.fsencode(target), both) != 0:
        code = ctypes.get_errno()
        if code in _UNSUPPORTED:
            raise NoExchange
        raise OSError(code, os.strerror(code), str(source), None, str(target))


def exchange(left: Path, right: Path) -> None:
    """Let two folders change places in one operation. Raises NoExchange where there is none."""
    _renamed(left, right, both=True)


def rename_new(source: Path, target: Path) -> None:
    """Rename to a name that is free. Raises FileExistsError where it is not."""
    try:
        _renamed(source, target, both=False)
    except NoExchange:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        source.rename(target)


def can_exchange(folder: Path) -> bool:
    """Whether two folders can be exchanged here, found by doing it once per file system.

    Parameters
    ----------
    folder: an existing folder that can be written to.
    """
    device = folder.stat().st_dev
    if device not in _exchanges:
        _exchanges[device] = _try_exchange(folder)
    return _exchanges[device]


_exchanges: dict[int, bool] = {}


def _try_exchange(folder: Path) -> bool:
    one, two = (folder / f".hygge-{uuid.uuid4().hex[:12]}" for _ in range(2))
    try:
        one.mkdir()
        two.mkdir()
        exchange(one, two)
    except (NoExchange, OSError):
        return False
    finally:
        for made in (one, two):
            shutil.rmtree(made, ignore_errors=True)
    return True


def sync(path: Path) -> None:
    """Make a file's contents, or a folder's entries, durable. A failure is final: never retried."""
    if os.name == "nt" and path.is_dir():
        return  # Windows has no handle on a folder that could be flushed
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> None:
    """Make a folder and what is missing above it, durably. An existing one is left alone."""
    if path.is_dir():
        return
    if not path.parent.is_dir():
        make_folder(path.parent)
    try:
        path.mkdir()
    except FileExistsError:
        if not path.is_dir():
            raise
        return
    sync(path.parent)


def remove_folder(path: Path) -> None:
    """Remove a folder and all in it; what is not there is not missed."""
    shutil.rmtree(path, ignore_errors=True)


def hollow(folder: Path, new: Path) -> None:
    """Free what the files of a folder hold, and leave the names that say it is out of date.

    Those are the names that the folder in its place lacks: who goes by them errs. The others go
    first, for some readers pass over what is missing and would read those alone. Where none is
    lacking all stay: who goes by them finds all that he listed. Who has a file open reads on.

    Parameters
    ----------
    folder: what has been replaced.
    new: what took its place.
    """
    files = [Path(place) / name for place, _, names in os.walk(folder) for name in names]
    lacking = [path for path in files if not os.path.lexists(new / path.relative_to(folder))]
    for path in set(files).difference(lacking or files):
        path.unlink()
    empty = folder.with_name(f"{folder.name}-empty")
    empty.touch()
    for path in lacking or files:
        link(empty, empty.with_suffix(".link"))
        empty.with_suffix(".link").replace(path)
    empty.unlink()


def link(source: Path, target: Path) -> None:
    """A second name for a file; a copy where the file system has no hard links."""
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _UNSUPPORTED | {errno.EPERM, errno.EMLINK, errno.EXDEV}:
            raise
        shutil.copy2(source, target)
        sync(target)


def carry(source: Path, target: Path) -> None:
    """Give a file, a symbolic link or a folder with all in it a second name."""
    if source.is_symlink():
        target.symlink_to(source.readlink())
    elif source.is_dir():
        shutil.copytree(
            source, target, symlinks=True, copy_function=lambda a, b: link(Path(a), Path(b))
        )
    else:
        link(source, target)


@contextmanager
def locked(path: Path, cancel: CancelToken, *, patience_s: float = 120.0) -> Iterator[None]:
    """Hold a lock for a block.

    Parameters
    ----------
    path: the lock's file.
    cancel: ends the waiting, by raising Cancelled.
    patience_s: after so many seconds of waiting it is a TransientError; the lock is only ever
        held for a few renames.
    """
    waited, pause = 0.0, 0.001
    while (descriptor := try_lock(path)) is None:
        if waited >= patience_s:
            raise TransientError(f"{path} has been locked by another process for {waited:.0f} s")
        cancel.wait(pause)
        cancel.check()
        waited += pause
        pause = min(pause * 2, 0.1)
    try:
        yield
    finally:
        os.close(descriptor)
