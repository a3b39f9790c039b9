"""One run at a time per entity: locks that the operating system frees when their process ends.

A lock is one of `core.locks` on a small file under `.hygge/locks/`, which says who took it.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, Self

from hygge.core.context import CancelToken
from hygge.core.errors import ConfigError, HyggeError
from hygge.core.locks import try_lock
from hygge.project.names import place_key

FOLDER = Path(".hygge", "locks")
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.02, 0.5


class Lock:
    """An exclusive lock by name, within one project.

    Parameters
    ----------
    root: the project's folder.
    name: what is locked, e.g. `flow.entity`; any text.
    note: who takes it, for whoever finds it taken; never a secret.
    """

    def __init__(self, root: Path, name: str, note: str = "") -> None:
        self.path = root / FOLDER / f"{_file_name(name)}.lock"
        self._note = note
        self._descriptor: int | None = None

    def take(self) -> bool:
        """Take it if it is free; returns whether it is ours now.

        Raises ConfigError where the folder cannot be written.
        """
        if self._descriptor is not None:
            return True
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            descriptor = try_lock(self.path)
        except OSError as error:
            raise ConfigError(
                f"{self.path}: the lock cannot be taken: {error.strerror}",
                hint="hygge needs to write to the project's .hygge folder",
            ) from None
        if descriptor is None:
            return False
        if not _is_at(descriptor, self.path):  # removed between opening and locking
            os.close(descriptor)
            return self.take()
        text = f"process {os.getpid()} since {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"
        note = f"{self._note}, {text}" if self._note else text
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, note.encode())
        self._descriptor = descriptor
        return True

    def wait(self, cancel: CancelToken) -> None:
        """Take it as soon as it is free. Raises Cancelled when told to stop."""
        pause = _FIRST_WAIT_S
        while not self.take():
            cancel.wait(pause)
            cancel.check()
            pause = min(pause * 2, _LONGEST_WAIT_S)

    def holder(self) -> str:
        """Who holds it, in words; "" where nobody says."""
        with suppress(OSError):
            return self.path.read_text(encoding="utf-8", errors="replace")[:200]
        return ""

    def free(self, *, remove: bool = False) -> None:
        """Give it back; safe more than once. `remove` also takes the file away."""
        if self._descriptor is None:
            return
        if remove:
            with suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)
        self._descriptor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.free()


class Overlap(HyggeError):
    """Another run is moving the entity."""


@contextmanager
def entity_lock(
    root: Path,
    entity: str,
    if_running: Literal["skip", "wait", "fail"],
    cancel: CancelToken,
) -> Iterator[None]:
    """Hold an entity for the length of a block.

    Parameters
    ----------
    root: the project's folder.
    entity: the name of its lock; see `lock_name`.
    if_running: `wait` until another run has finished with it; else Overlap is raised.
    cancel: ends the waiting.

    Raises
    ------
    Overlap: another run holds it. Cancelled: told to stop while waiting.
    """
    with Lock(root, entity) as lock:
        if not lock.take():
            if if_running != "wait":
                raise Overlap(
                    f"another run is moving it ({lock.holder() or 'it does not say which'})",
                    hint="wait for it, or use --if-running wait",
                )
            lock.wait(cancel)
        yield


def lock_name(entity: str, place: str, root: Path) -> str:
    """What is locked while an entity is moved: what is written, whichever configuration says so.

    Two configurations that share a folder may have an entity of one name: they exclude each other
    where it settles in one place, and are in nobody's way where it does not. A Store that does not
    say its place is taken for one place, whatever its settings are.

    Parameters
    ----------
    entity: its full name.
    place: where it settles, every day's alike; see `Store.place`.
    root: the project's folder, from which a relative place starts.
    """
    where, mark, what = place.partition("#")
    if "://" not in where:
        where = os.path.realpath(root / where)
    return f"{entity} {place_key(where + mark + what)}"


def _is_at(descriptor: int, path: Path) -> bool:
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.stat())
    return False


def _file_name(name: str) -> str:
    """A file name for any text: readable where it can be, distinct always (also where the file
    system ignores case)."""
    plain = re.sub(r"[^A-Za-z0-9_.-]", "_", name)[:80]
    if plain == name and name == name.lower():
        return plain
    return f"{plain}-{hashlib.blake2b(name.encode(), digest_size=6).hexdigest()}"
