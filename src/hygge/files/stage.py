"""The commit protocol on a local file system, the same for every format.

A load builds the next generation of a destination folder in a hidden sibling of it,
`<parent>/.hygge/stage/<name>/<load>-<nonce>/new`, and exchanges the two in one operation. See
"State and the commit" in the design.

Whose stage it is, its lock says: the process that builds holds `flock(2)` on it, so a stage whose
lock can be taken is a dead one. If it has a ledger of finished chunks, the next load may adopt it,
by taking its lock; else that load removes it. A second lock, `commit.lock`, is held while stages
are made, adopted and cleared away, and while the generation is compared and the folders change
places.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from hygge.core.context import CancelToken
from hygge.core.errors import StateError
from hygge.core.ledger import Ledger
from hygge.core.locks import try_lock
from hygge.core.steps import reached
from hygge.files import local
from hygge.files.ledger import NAME as LEDGER
from hygge.files.ledger import read as read_ledger
from hygge.files.parts import Part
from hygge.files.retired import retire
from hygge.files.swap import INTENT, conflict, mend, swap, take_back

STEPS = (
    "files.begun", "files.part_written", "files.part_synced", "files.linked",
    "files.state_written", "files.synced", "files.locked", "files.exchanged", "files.checked",
    "files.cleaned",
)  # fmt: skip
"""Steps of a load, in order; those of parts come once for each part."""
LEDGER_STEPS = ("files.adopted", "files.pruned", "files.ledger_begun", "files.chunk_kept")
"""Where a load is read in chunks: the first two where it goes on with what another has left, the
third where it does not; the last comes once a chunk."""

Look = Callable[[Path], int]
"""Says the generation that a folder holds, 0 for none; raises StateError for one in disorder."""


def stage_root(destination: Path) -> Path:
    """Where the loads of a destination are staged."""
    return destination.parent / ".hygge" / "stage" / destination.name


@dataclass
class Stage:
    """One load's stage, held by a lock until it is removed.

    Parameters
    ----------
    destination: the folder to be replaced.
    folder: this load's own.
    """

    destination: Path
    folder: Path
    _lock: int

    @property
    def new(self) -> Path:
        """The next generation of the destination."""
        return self.folder / "new"

    @property
    def incoming(self) -> Path:
        """Rows that wait to be merged."""
        return self.folder / "incoming"

    @classmethod
    def begin(cls, destination: Path, load_id: str, cancel: CancelToken) -> Stage:
        """Make a stage, after mending and clearing away what dead loads left."""
        root = stage_root(destination)
        local.make_folder(destination.parent)
        root.mkdir(parents=True, exist_ok=True)  # need not outlive a crash
        with local.locked(root / "commit.lock", cancel):
            mend(destination, root)
            clear_dead(root)
            folder = root / f"{load_id[:16]}-{uuid.uuid4().hex[:8]}"
            (folder / "new").mkdir(parents=True)
            lock = try_lock(folder / "lock")
        assert lock is not None  # the folder's name is new, so nobody else has seen it
        reached("files.begun")
        return cls(destination, folder, lock)

    @classmethod
    def adopt(
        cls, destination: Path, cancel: CancelToken, damaged: Callable[[str], None]
    ) -> tuple[Stage, Ledger] | None:
        """Take over a dead load's stage: the one whose ledger has most chunks done, if any has.

        Parameters
        ----------
        destination: the folder that was to be replaced.
        cancel: ends the waiting for `commit.lock`.
        damaged: told of a ledger that cannot be read.
        """
        root = stage_root(destination)
        if not root.is_dir():
            return None
        found: list[tuple[Stage, Ledger]] = []
        with local.locked(root / "commit.lock", cancel):
            mend(destination, root)
            for folder, lock in _dead(root):
                stage, ledger = cls(destination, folder, lock), None
                try:
                    ledger = read_ledger(folder)
                except StateError as error:
                    damaged(str(error))
                except BaseException:  # nobody comes to free what was taken so far
                    for each in (stage, *(held for held, _ in found)):
                        each.let_go()
                    raise
                if ledger is not None and ledger.done:
                    found.append((stage, ledger))
                else:
                    stage.let_go()
        found.sort(key=lambda each: len(each[1].done))
        for stage, _ in found[:-1]:
            stage.let_go()
        if found:
            reached("files.adopted")
        return found[-1] if found else None

    def keep(self, part: Part) -> None:
        """Give a part that stays a second name in the new generation."""
        local.link(self.destination / part.name, self.new / part.name)

    def prune(self, keep: Path, names: Container[str]) -> None:
        """Remove all but the ledger and, in the folder `keep`, what has one of the names."""
        for entry in os.scandir(self.folder):
            path = Path(entry.path)
            if entry.is_dir(follow_symlinks=False):
                for inner in list(path.iterdir()):
                    if path != keep or inner.name not in names:
                        _remove(inner)
                if path not in (keep, self.new):
                    path.rmdir()
            elif entry.name not in ("lock", LEDGER):
                path.unlink()
        self.new.mkdir(exist_ok=True)
        reached("files.pruned")

    def let_go(self) -> None:
        """Free the lock and leave everything as it lies. Safe more than once."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def publish(self, expected: int, look: Look, cancel: CancelToken) -> None:
        """Put the new generation in the destination's place.

        Parameters
        ----------
        expected: the generation it replaces; 0 where the destination has none.
        look: tells a folder's generation.
        cancel: heeded until the lock is held; after that it finishes.

        Raises
        ------
        ConflictError: the destination is at another generation; it stays as it is.
        StateError: what lies there is in disorder; it stays as it is.
        """
        target, root = self.destination, self.folder.parent
        with local.locked(root / "commit.lock", cancel):
            mend(target, root)
            reached("files.locked")
            _compare(look(target), expected, target)
            old = swap(self.folder, self.new, target)
            reached("files.exchanged")
            if old is not None:
                try:
                    _compare(look(old), expected, target)
                except StateError:
                    take_back(self.folder, old, target)
                    raise
            local.sync(target.parent)
            local.sync(self.folder)
            reached("files.checked")
        self._retire(old)
        reached("files.cleaned")

    def _retire(self, old: Path | None) -> None:
        """Free what an old generation holds at once, and its names when they are not needed."""
        if old is None:
            self.remove()
            return
        try:
            local.hollow(old, self.destination)
            for entry in list(self.folder.iterdir()):
                if entry.name not in ("lock", old.name):
                    _remove(entry)
        except OSError:
            self.remove()  # what is published stays so, whatever the sweeping meets
        else:
            rest = replace(self)
            self._lock = -1  # whoever ends this load has nothing to remove any more
            retire(rest.remove)

    def remove(self) -> None:
        """Remove the stage and free its lock. Safe more than once."""
        if self._lock >= 0:
            local.remove_folder(self.folder)
            os.close(self._lock)
            self._lock = -1


def recover(destination: Path, cancel: CancelToken) -> None:
    """Finish what a process that died between two renames began; nothing where there is nothing."""
    root = stage_root(destination)
    if (root / INTENT).exists():
        with local.locked(root / "commit.lock", cancel):
            mend(destination, root)


@contextmanager
def unchanging(destination: Path, cancel: CancelToken) -> Iterator[None]:
    """Keep every other load from publishing for a block."""
    root = stage_root(destination)
    if not root.is_dir():
        yield  # nothing has ever been loaded here
        return
    with local.locked(root / "commit.lock", cancel):
        yield


def clear_dead(root: Path) -> None:
    """Remove the stages of loads whose process has ended. Call it with the lock held."""
    for folder, lock in _dead(root):
        shutil.rmtree(folder, ignore_errors=True)
        os.close(lock)


def _dead(root: Path) -> Iterator[tuple[Path, int]]:
    """The stages of loads whose process has ended, each with its lock, taken."""
    with os.scandir(root) as entries:
        folders = [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    for folder in folders:
        try:
            lock = try_lock(folder / "lock")
        except FileNotFoundError:
            continue  # its owner is removing it right now
        if lock is not None:
            yield folder, lock


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        local.remove_folder(path)
    else:
        path.unlink()


def _compare(found: int, expected: int, target: Path) -> None:
    if found != expected:
        raise conflict(target)
