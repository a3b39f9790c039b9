"""Tidying up after a commit: what no manifest needs any more, once it is old enough."""

from __future__ import annotations

import re
from datetime import timedelta

from hygge.core.state import State
from hygge.files.manifest import parts_of
from hygge.files.remote.manifest import FOLDER, name_of, superseded
from hygge.storage.path import RemotePath

VACUUM_AFTER = timedelta(hours=24)
"""The age at which parts of earlier generations go, if the settings do not say."""
MANIFESTS_STAY = timedelta(hours=1)
"""Manifests stay so long at the least: a commit that was slow finds out by them that it lost."""
_PART = re.compile(r"\.?part-(?P<generation>\d{6,})-")


def vacuum(folder: RemotePath, state: State, after: timedelta) -> int:
    """Remove old parts and manifests; returns how many.

    No load that may still commit loses anything: one whose parts are named for the generation
    just committed, or for an earlier one, cannot commit any more, and later ones stay.

    Parameters
    ----------
    folder: the destination.
    state: as it was just committed.
    after: the age, by the server's own clock.
    """
    tree = folder.tree
    manifests = tree.below((folder / FOLDER).key)
    now = max((e.changed for e in manifests if e.name == name_of(state.generation)), default=0)
    listed = {part.name for part in parts_of(state)}

    def old(changed: int, age: timedelta) -> bool:
        return now - changed >= age / timedelta(microseconds=1) * 1000

    dead = [
        e.key
        for e in tree.below(folder.key)
        if (found := _PART.match(e.name))
        and int(found["generation"]) <= state.generation
        and e.name not in listed
        and old(e.changed, after)
    ]
    dead += [
        e.key
        for e in manifests
        if superseded(e.name, state.generation) and old(e.changed, max(after, MANIFESTS_STAY))
    ]
    tree.delete(dead)
    return len(dead)
