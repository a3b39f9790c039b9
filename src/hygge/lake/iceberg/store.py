"""One attempt's settling in an Iceberg table."""

from __future__ import annotations

from pyiceberg.table import Table

from hygge.core.context import Context
from hygge.core.errors import StateError
from hygge.core.load import Load, LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import State
from hygge.lake.iceberg.catalog import Place, found, telling
from hygge.lake.iceberg.load import IcebergLoad
from hygge.lake.iceberg.scan import frames_of
from hygge.lake.iceberg.table import state_of, tasks_of
from hygge.lake.iceberg.upkeep import Tidy, join_files
from hygge.lake.parts import Shape


class IcebergStoreSession(StoreSession):
    """See StoreSession.

    Parameters
    ----------
    place, shape, tidy: of the table.
    context: of the attempt.
    """

    def __init__(self, place: Place, shape: Shape, tidy: Tidy, context: Context) -> None:
        self._place, self._shape, self._tidy, self._context = place, shape, tidy, context
        self._catalog = place.catalog()
        self._found: tuple[Table | None, State | None] | None = None
        self._load: Load | None = None

    def _look(self) -> tuple[Table | None, State | None]:
        if self._found is None:
            table = found(self._catalog, self._place)
            self._found = table, state_of(table, self._place)
        return self._found

    def state(self) -> State | None:
        return self._look()[1]

    def valued(self, column: str) -> int:
        table, _ = self._look()
        if table is None:
            return 0
        with telling(self._place):
            frames = frames_of(table, tasks_of(table), table.schema().select(column))
            return sum(frame[column].count() for frame in frames)

    def begin(self, request: LoadRequest) -> Load:
        table, held = self._look()
        self._found = None
        self._load = IcebergLoad(
            request, self._catalog, self._place, self._shape, table, held, self._tidy,
            self._context,
        )  # fmt: skip
        return self._load

    def compact(self) -> tuple[int, int]:
        """See `Store.compact`."""
        table, held = self._look()
        if table is None or held is None:
            raise StateError(f"{self._place} holds nothing that hygge loaded", hint="load it first")
        self._found = None
        with telling(self._place):
            return join_files(table, self._shape, self._place, self._context.cancel)

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()
            self._load = None
        self._catalog.close()
