"""One attempt's settling in a Delta table."""

from __future__ import annotations

from deltalake import DeltaTable

from hygge.core.context import Context
from hygge.core.errors import StateError
from hygge.core.load import Load, LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import State
from hygge.lake.delta.load import DeltaLoad
from hygge.lake.delta.table import held_state, scanned, telling
from hygge.lake.delta.upkeep import DeltaUpkeep, file_count
from hygge.lake.faults import check_folder
from hygge.lake.parts import Shape
from hygge.lake.place import Place
from hygge.lake.shelf import Shelf


class DeltaStoreSession(StoreSession):
    """See StoreSession.

    Parameters
    ----------
    place, shape, upkeep: of the table.
    context: of the attempt.
    """

    def __init__(self, place: Place, shape: Shape, upkeep: DeltaUpkeep, context: Context) -> None:
        self._place, self._shape, self._upkeep, self._context = place, shape, upkeep, context
        self._found: tuple[DeltaTable | None, State | None] | None = None
        self._load: Load | None = None
        if place.local is not None:
            check_folder(place.local, place)

    def _look(self) -> tuple[DeltaTable | None, State | None]:
        if self._found is None:
            shelf = self._place.shelf()
            self._found = held_state(self._place, shelf)
            if self._found[0] is None:
                _refuse_others(shelf, self._place)
        return self._found

    def state(self) -> State | None:
        return self._look()[1]

    def valued(self, column: str) -> int:
        table, _ = self._look()
        with telling(self._place):
            frames = scanned(table, [column]) if table is not None else ()
            return sum(frame[column].count() for frame in frames)

    def begin(self, request: LoadRequest) -> Load:
        table, held = self._look()
        self._found = None
        self._load = DeltaLoad(
            request, self._place, self._shape, table, held, self._upkeep, self._context
        )
        return self._load

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()
            self._load = None

    def compact(self) -> tuple[int, int]:
        """See `Store.compact`."""
        table, held = self._look()
        if table is None or held is None:
            raise StateError(f"{self._place} holds nothing that hygge loaded", hint="load it first")
        before = file_count(self._place, table)
        with telling(self._place):
            self._upkeep.join(table)
        return before, file_count(self._place, table)


def _refuse_others(shelf: Shelf, place: Place) -> None:
    """Raise StateError where files lie that are no table's."""
    with telling(place):
        found = [e.name for e in shelf.entries() if not e.name.startswith(("_", "."))]
    if found:
        shown = ", ".join(found[:3]) + (", ..." if len(found) > 3 else "")
        raise StateError(
            f"{place} holds files and is no Delta table: {shown}",
            hint="choose another path, or move them away",
        )
