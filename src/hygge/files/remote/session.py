"""One attempt at a destination folder elsewhere."""

from __future__ import annotations

import uuid

from hygge.core.context import Context
from hygge.core.errors import StateError
from hygge.core.load import Load, LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import State, next_generation
from hygge.core.store import Store
from hygge.files.manifest import Held, foreign, parts_of
from hygge.files.manner import Manner
from hygge.files.parts import PREFIX
from hygge.files.remote.load import RemoteLoad
from hygge.files.remote.manifest import TRIES, latest
from hygge.files.remote.upkeep import VACUUM_AFTER
from hygge.files.rewrite import valued
from hygge.storage.path import RemotePath


def look(folder: RemotePath) -> Held:
    """Read a destination and check it.

    Parts that no manifest lists are those of a load under way, or of one that died: they stay.

    Raises
    ------
    StateError: the state is damaged, a part is missing or has another size, or files lie there
        that hygge did not put there.
    """
    for attempt in range(TRIES):
        state = latest(folder)
        try:
            return _checked(folder, state)
        except StateError:
            # Another load may just have changed it under our eyes.
            again = latest(folder)
            if attempt + 1 == TRIES or _generation(again) == _generation(state):
                raise
    raise AssertionError("the last try returns or raises")


def _generation(state: State | None) -> int:
    return state.generation if state is not None else 0


def _checked(folder: RemotePath, state: State | None) -> Held:
    sizes = {e.name: e.size for e in folder.tree.below(folder.key)}
    strange = [n for n in sizes if not n.startswith((".", "_", PREFIX))]
    if strange:
        raise foreign(folder, strange)
    if state is None:
        return Held()
    parts = parts_of(state)
    for part in parts:
        size = sizes.get(part.name)
        if size != part.bytes:
            found = "is missing" if size is None else f"has {size} bytes"
            raise StateError(
                f"{folder}: {part.name} {found}, and the state says {part.bytes} bytes",
                hint="restore the folder from a backup, or move it away and load anew",
            )
    return Held(state, parts)


class RemoteSession(StoreSession):
    """One attempt at one destination folder elsewhere.

    Parameters
    ----------
    store, folder: bound.
    manner: how it settles.
    context: of the attempt.
    """

    def __init__(self, store: Store, folder: RemotePath, manner: Manner, context: Context) -> None:
        self._store, self._folder, self._manner, self._context = store, folder, manner, context
        self._format = manner.form
        self._held: Held | None = None
        self._load: RemoteLoad | None = None

    def _look(self) -> Held:
        if self._held is None:
            self._held = look(self._folder)
        return self._held

    def state(self) -> State | None:
        return self._look().state

    def valued(self, column: str) -> int:
        return valued(self._folder, self._look(), self._format, column)

    def begin(self, request: LoadRequest) -> Load:
        self._store.check(request.mode, request.keys, request.terms.wanted)
        self._load = self._begun(request)
        self._held = None
        return self._load

    def _begun(self, request: LoadRequest) -> RemoteLoad:
        held, vacuum_after = self._look(), self._manner.optimize.vacuum_after
        return RemoteLoad(
            request, self._folder, held, self._format, self._manner.sizes, self._context,
            compact=self._manner.compaction_due(held),
            vacuum_after=VACUUM_AFTER if vacuum_after is None else vacuum_after,
        )  # fmt: skip

    def compact(self) -> tuple[int, int]:
        """See `FileStore.compact`."""
        held, sizes, place = self._look(), self._manner.sizes, str(self._folder)
        if held.state is None:
            raise StateError(f"{place} holds nothing that hygge loaded", hint="load it first")
        small = [p for p in held.parts if p.bucket is None and sizes.small(p)]
        if len(small) < 2:
            return len(held.parts), len(held.parts)
        state = next_generation(held.state)
        request = LoadRequest(
            entity=state.entity, mode="append", fields=state.fields, load_id=uuid.uuid4().hex,
            fingerprint=state.fingerprint, generation=held.generation,
        )  # fmt: skip
        load = self._load = self._begun(request)
        parts = load.joined(small)
        load.settle(state, state.fields, parts, None)
        self._held = None
        return len(held.parts), len(parts)

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()
            self._load = None
