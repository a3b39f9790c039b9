"""One attempt's settling in a landing zone."""

from __future__ import annotations

import json

from hygge.core.load import Load, LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import State
from hygge.core.store import Store
from hygge.lake.mirror.load import MirrorLoad
from hygge.lake.mirror.publish import Publisher
from hygge.lake.mirror.zone import EVENTS
from hygge.lake.parts import Sizes
from hygge.storage.tree import Taken


class MirrorStoreSession(StoreSession):
    """See StoreSession.

    Parameters
    ----------
    store: whose session it is.
    publisher: of the table.
    sizes, compression: of a file.
    source_type: what the database is told that its rows come from; None for nothing.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        sizes: Sizes,
        compression: str,
        source_type: str | None,
    ) -> None:
        self._store, self._publisher, self._sizes, self._compression = (
            store,
            publisher,
            sizes,
            compression,
        )
        self._source_type = source_type
        self._found: tuple[State | None] | None = None
        self._load: Load | None = None

    def state(self) -> State | None:
        if self._found is None:
            self._found = (self._publisher.current(),)
        return self._found[0]

    def begin(self, request: LoadRequest) -> Load:
        self._store.check(request.mode, request.keys, request.terms.wanted)
        held, self._found = self.state(), None
        self._load = MirrorLoad(request, self._publisher, held, self._sizes, self._compression)
        if self._source_type is not None:
            self._introduce(self._source_type)
        return self._load

    def _introduce(self, source_type: str) -> None:
        """Say who writes what into the database, if nobody has: FORMAT, "Events file"."""
        zone = self._publisher.zone
        said = {"partnerName": "hygge", "sourceInfo": {"sourceType": source_type}}
        try:
            zone.tree.create(zone.address.join(EVENTS).key, json.dumps(said).encode())
        except Taken:
            pass

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()
            self._load = None
