"""What a COMMIT whose answer was lost has left."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from hygge.core.errors import TransientError
from hygge.core.state import State
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.state import read_row

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection

LOOK_UP_S = 30.0
"""How long a COMMIT of unknown end may go on at the server, before it is taken for lost."""


def what_is_left(settler: Settler, connection: PooledConnection, place: Place) -> State | None:
    """The state of a place after a COMMIT of unknown end, asked over a connection of its own; None
    where there is none. Raises ConnectError where the database cannot be asked."""
    link = connection.open_link()
    try:
        # The server may be at it still: it keeps the lock until it has come to an end.
        settler.begin(link)
        with suppress(TransientError):
            settler.lock(link, place, LOOK_UP_S)
        settler.rollback(link)
        return read_row(settler, link, place)
    finally:
        link.close()
