"""Several sessions that read a table as it was at one moment, each in a snapshot of its own.

Some databases cannot hand a snapshot from one connection to another. What they can do is keep
everybody from writing to a table for the moment in which several connections each open one: nobody
can have committed anything to the table in between, so that they are the same for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

from hygge.core.errors import HyggeError
from hygge.core.reading import HomeSession
from hygge.sql.link import Link
from hygge.sql.pool import Lease
from hygge.sql.session import SQLSession

MOST = 3
"""How many sessions are opened beside the first."""
PATIENCE_S = 2
"""How long the lock is waited for: behind who waits for it, writers of the table wait too."""

Spare = Callable[[int], Sequence[Lease]]
"""Gives up to so many connections that are free this moment."""


def companions(
    spare: Spare, locked: Callable[[Link], AbstractContextManager[None]],
    begin: Callable[[Link], None],
) -> list[Lease]:  # fmt: skip
    """Further connections, each in a snapshot of its own that is the same for a table.

    Parameters
    ----------
    spare: gives connections; one of them is used for the lock, and given back.
    locked: keeps others from writing to the table for a block, by a connection. Raises HyggeError
        where that cannot be had in `PATIENCE_S`.
    begin: opens a snapshot on a connection. Whoever calls this opens theirs in it too.

    Returns none where no connection is free, or the lock is not to be had.
    """
    leases = list(spare(MOST + 1))
    if len(leases) < 2:
        for lease in leases:
            lease.release()
        return []
    keeper, *others = leases
    try:
        with locked(keeper.link):
            for lease in others:
                begin(lease.link)
    except HyggeError:
        for lease in others:
            lease.release(broken=True)
        others = []
    finally:
        keeper.release()
    return others


class TogetherSession(SQLSession):
    """A session with others beside it, which it opens itself, in snapshots like its own."""

    _shared = ""
    """What the snapshot is called, once others may have it; "" where it is this session's alone."""
    _beside: Sequence[TogetherSession] = ()
    """Those that nobody has asked for yet."""

    def beside(self, most: int) -> list[HomeSession] | None:
        """Sessions in this one's snapshot, each given out once; None where it is not shared."""
        if not self._shared:
            return None
        given, self._beside = self._beside[:most], self._beside[most:]
        return list(given)

    def close(self) -> None:
        for session in self._beside:
            session.close()
        self._beside = ()
        super().close()
