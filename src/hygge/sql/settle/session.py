"""One attempt's settling in a table of a database."""

from __future__ import annotations

import threading
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from hygge.core.context import Context
from hygge.core.errors import HyggeError
from hygge.core.load import LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import Mode, State
from hygge.sql.pool import pool_of
from hygge.sql.settle.load import SQLLoad
from hygge.sql.settle.look import Look
from hygge.sql.settle.place import Place, is_dead, is_stage
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.shape import tell, tell_kept
from hygge.sql.settle.state import read_state

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection


class SQLStoreSession(StoreSession):
    """See StoreSession. It holds one connection, on which the load's transaction is, and the place
    of those that its driver opens beside it; a look at the state does with that one, where there
    are never more.

    Parameters
    ----------
    connection: where the place is; bound.
    settler: how it takes loads.
    place: the table.
    context: of the attempt.
    """

    def __init__(
        self, connection: PooledConnection, settler: Settler, place: Place, context: Context
    ) -> None:
        self._connection, self._place, self._context = connection, place, context
        self._settler = settler
        pool = pool_of(connection)
        self._slots, self._lines = pool.slots, settler.lines(connection)
        self._lease = pool.lease(context, min(self._lines, pool.slots.size))
        self._load: SQLLoad | None = None
        self._closed = False
        self._guard = threading.Lock()

    def state(self) -> State | None:
        """See StoreSession. A table that was dropped holds nothing, whatever its state says."""
        return read_state(self._settler, self._lease.link, self._place, self._look())[1]

    def _look(self) -> Look:
        return Look(self._settler, self._lease.link, self._place)

    def rehearse(self, mode: Mode) -> None:
        self._rehearse(mode, self._look(), compares=mode != "append")

    def _rehearse(self, mode: Mode, look: Look, *, compares: bool) -> None:
        link, settler, note = self._lease.link, self._settler, self._context.note
        settler.check_rights(link, self._place)
        if hidden := settler.check_sight(link, self._place, compares=compares):
            note(hidden, "warning")
        say = tell_kept if mode == "replace" else tell
        say(look, note)

    def valued(self, column: str) -> int:
        dialect = self._settler.dialect
        table = self._place.sql(dialect)
        (found,) = self._lease.link.row(f"SELECT COUNT({dialect.quote(column)}) FROM {table}")
        return int(found)

    def begin(self, request: LoadRequest) -> SQLLoad:
        """See StoreSession. Stages that dead loads left behind are cleared away.

        Raises UnsupportedError for columns that the database cannot have, ConfigError where there
        are fewer connections than it takes.
        """
        self._slots.check(self._lines)
        link, look, now = self._lease.link, self._look(), datetime.now(UTC)
        compares = request.mode != "append" or request.terms.deletes is not None
        self._rehearse(request.mode, look, compares=compares)
        for name in filter(is_stage, look.stages):
            left = self._settler.is_left(link, name)
            if is_dead(name, now) if left is None else left:
                with suppress(HyggeError):
                    self._settler.discard(link, self._place, name)
        seen, held = read_state(self._settler, link, self._place, look)
        self._load = SQLLoad(
            self._connection, self._settler, self._lease, look, request, held, seen, self._context
        )
        return self._load

    def who(self) -> str:
        return self._settler.who(self._lease.link)

    def cancel(self) -> None:
        with self._guard:  # once it is given back, the connection is somebody else's
            if not self._closed and (self._load is None or not self._load.over):
                self._lease.link.cancel()

    def close(self) -> None:
        with self._guard:
            if self._closed:
                return
            self._closed = True
        try:
            if self._load is not None:
                self._load.abort()
        finally:
            with suppress(HyggeError):
                lost = self._load is not None and self._load.lost
                self._lease.release(broken=lost or self._context.cancel.cancelled)
