"""Publishing what a table's newest state says: begun by its load, gone on with by whoever comes.

PRACTICES, "Publish files atomically": a durable record of what is published under which name; on
recovery a file that is there is compared and left, one that is not is written under the same name,
and one that differs stops everything. A file is created whole, by one conditional request.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from hygge.core.context import Context
from hygge.core.errors import ConnectError, StateError, TransientError
from hygge.core.state import State
from hygge.core.steps import reached
from hygge.lake.mirror.plan import (
    ANEW,
    Kept,
    Plan,
    dropped_name,
    published_name,
    state_name,
)  # fmt: skip
from hygge.lake.mirror.zone import METADATA, Zone, file_name, metadata
from hygge.lake.parts import Datafile
from hygge.lake.shelf import Shelf, digest_of
from hygge.storage.tree import Taken, Tree

GRACE = timedelta(minutes=10)
"""So much longer than it waits for Fabric a folder that one run makes anew is left to that run."""
LOOK_SECONDS = 5.0
"""Between looks whether Fabric has dropped a table."""
DEAD = timedelta(days=7)
"""What a load has left that came to nothing is removed when it is so old."""


@dataclass(frozen=True)
class Publisher:
    """One attempt's way to publish.

    Parameters
    ----------
    zone: of the table.
    patience: how long Fabric is waited for to drop a table.
    context: of the attempt.
    """

    zone: Zone
    patience: timedelta
    context: Context

    @property
    def grace(self) -> timedelta:
        """The age of a load at which another run goes on with making its folder anew."""
        return self.patience + GRACE

    def current(self) -> State | None:
        """The newest state, once all of it is published; None where hygge has loaded nothing.

        Raises StateError where the folder is not as that state left it.
        """
        zone, place = self.zone, str(self.zone)
        kept = Kept.of(zone.shelf().entries())
        lies = zone.lying()
        if not kept.newest:
            if lies.last or lies.others:
                shown = file_name(lies.last) if lies.last else lies.others[0]
                raise StateError(
                    f"{place} holds files that hygge did not write: {shown}",
                    hint="choose another table, or remove the folder",
                )
            zone.keys()  # which somebody may have named before
            return None
        state = State.from_json(zone.shelf().read(state_name(kept.newest)), place=place)
        plan = Plan.of(state, place)
        if not kept.published:
            if plan.reload and not kept.dropped:
                self._leave_to_others(state, kept)
            self.complete(state, plan, kept)
            lies = zone.lying()
        plan.compare(lies, place)
        return state

    def complete(self, state: State, plan: Plan, kept: Kept) -> None:
        """Do what is left to be done of a load that has committed."""
        zone, shelf = self.zone, self.zone.shelf()
        anew = plan.reload and not kept.dropped
        if anew:
            self._drop()
            _note(shelf, dropped_name(state.generation))
            reached("mirror.dropped")
        self._describe(plan.keys)
        reached("mirror.described")
        lies = zone.lying()
        if lies.last < plan.first - 1:
            plan.compare(lies, str(zone))
        for number, file in enumerate(plan.files, plan.first):
            if not lies.has_been(number, anew=anew):
                self._publish(number, file, anew=anew)
                reached("mirror.file_published")
        _note(shelf, published_name(state.generation))
        reached("mirror.published")

    def tidy(self) -> None:
        """Remove what no load needs any more; what cannot be removed stays."""
        shelf = self.zone.shelf()
        kept = Kept.of(shelf.entries())
        if not kept.published:
            return
        state = State.from_json(shelf.read(state_name(kept.newest)), place=str(self.zone))
        discard(shelf, [f.name for f in Plan.of(state, str(self.zone)).files])
        dead = datetime.now(UTC) - DEAD
        left = [e.name for e in shelf.entries(deep=True) if "/" in e.name and e.at < dead]
        shelf.remove(kept.older())
        discard(shelf, left)

    # Its steps ------------------------------------------------------------------------------------

    def _leave_to_others(self, state: State, kept: Kept) -> None:
        """Raise TransientError where another run may be about to make the folder anew: files of
        the same names come where those are that this would remove."""
        if state.run_id == self.context.run_id:
            return
        (at,) = (e.at for e in kept.entries if e.name == state_name(kept.newest))
        age = datetime.now(UTC) - at
        if age < self.grace:
            seconds = age // timedelta(seconds=1)
            raise TransientError(
                f"{self.zone}: run {state.run_id} began to replace the table {seconds} s ago",
                hint=f"it is gone on with {self.grace // timedelta(minutes=1)} minutes after that",
            )

    def _drop(self) -> None:
        """Remove the table's folder, and wait until Fabric has dropped the table: FORMAT, "Drop
        table"; PRACTICES, "Plan for recovery"."""
        zone, tree = self.zone, self.zone.tree
        files = [e.key for e in tree.below(zone.folder, deep=True)]
        folders = list(_folders(tree, zone.folder))
        try:
            # Without its metadata nobody takes what is left for the table.
            tree.delete([f"{zone.folder}/{METADATA}"])
            if files:
                tree.delete(files)
            for folder in folders:  # which a file system has by themselves, unlike an object store
                tree.delete([folder])
        except ConnectError as error:
            raise TransientError(
                f"{zone}: the folder could not be removed, perhaps because Fabric reads it at "
                f"this moment ({error.message})",
                hint="the next run goes on with it",
            ) from error
        until = time.monotonic() + self.patience.total_seconds()
        while any(tree.below(f"{table}/_delta_log") for table in zone.mirrored):
            if time.monotonic() >= until:
                raise TransientError(
                    f"{zone}: its folder is removed, and Fabric has not dropped the table yet",
                    hint="is mirroring running? The next run goes on; `drop_timeout` is how long "
                    "it waits",
                )
            self.context.cancel.wait(LOOK_SECONDS)
            self.context.cancel.check()

    def _describe(self, keys: tuple[str, ...]) -> None:
        """Have the metadata there before any file. FORMAT: the key can be added at any time, and
        cannot be changed."""
        zone = self.zone
        there, key = zone.keys(), f"{zone.folder}/{METADATA}"
        if there is not None and (there == keys or not keys):
            return
        check_keys(there or (), keys, str(zone))
        if there is not None:
            zone.tree.delete([key])
        try:
            zone.tree.create(key, metadata(keys))
        except Taken:
            check_keys(zone.keys() or (), keys, str(zone))

    def _publish(self, number: int, file: Datafile, *, anew: bool) -> None:
        """Have a file under its number. Raises StateError where another's is there."""
        zone, key = self.zone, f"{self.zone.folder}/{file_name(number)}"
        try:
            data = zone.shelf().read(file.name)
        except FileNotFoundError:
            if zone.lying().has_been(number, anew=anew):
                return  # another has gone on with it, and tidied up
            raise StateError(
                f"{zone}: what {file_name(number)} was to be is gone", hint=ANEW
            ) from None
        if digest_of(data) != file.digest:
            raise StateError(f"{zone}: what {file_name(number)} was to be is damaged", hint=ANEW)
        try:
            zone.tree.create(key, data)
        except Taken:  # by another who goes on with it, or by a try whose answer was lost
            if digest_of(_read(zone, number)) != file.digest:
                raise StateError(
                    f"{zone}: {file_name(number)} is there, and is another's",
                    hint="a table has one publisher: choose another table, or stop the other one",
                ) from None


def check_keys(there: tuple[str, ...], wanted: tuple[str, ...], place: str) -> None:
    """Raise StateError where a table's key is another. FORMAT, "Metadata file in the landing
    zone": it cannot be changed."""
    if there and wanted and there != wanted:
        raise StateError(
            f"{place} has the key {', '.join(there)}, and {', '.join(wanted)} is asked for: "
            "Fabric cannot change a table's key",
            hint="replace the table (--full-refresh), or merge by the key it has",
        )


def _read(zone: Zone, number: int) -> bytes:
    try:
        return zone.tree.read(f"{zone.folder}/{file_name(number)}")
    except FileNotFoundError:  # Fabric has put it aside meanwhile
        raise TransientError(f"{zone}: {file_name(number)} was there, and is gone") from None


def _folders(tree: Tree, folder: str) -> Iterator[str]:
    """A folder's folders, the inner ones first, and itself."""
    for name in tree.folders(folder):
        yield from _folders(tree, f"{folder}/{name}")
    yield folder


def discard(shelf: Shelf, names: Iterable[str]) -> None:
    """Remove files that waited, and their folders, which OneLake has by themselves; what cannot be
    removed stays."""
    files = list(names)
    shelf.remove(files)
    shelf.remove(sorted({name.rpartition("/")[0] for name in files}))


def _note(shelf: Shelf, name: str) -> None:
    """Leave a mark; an object that says by its name what it has to say."""
    shelf.write(name, b"{}")
