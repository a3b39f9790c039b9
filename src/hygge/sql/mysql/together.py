"""Several sessions in one snapshot.

MySQL cannot hand a snapshot from one connection to another. What it can do is keep everybody from
writing to a table for the moment in which several connections each open one: nobody can have
committed anything to the table in between, so that they are the same for it.
https://dev.mysql.com/doc/refman/8.4/en/lock-tables.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hygge.core.errors import HyggeError
from hygge.sql.link import Link
from hygge.sql.pool import Lease

MOST = 3
"""How many sessions are opened beside the first."""
PATIENCE_S = 2
"""How long the lock is waited for: behind who waits for it, writers of the table wait too."""

Spare = Callable[[int], Sequence[Lease]]
"""Gives up to so many connections that are free this moment."""


def companions(spare: Spare, table: str, begin: Callable[[Link], None]) -> list[Lease]:
    """Further connections, each in a snapshot of its own that is the same for a table.

    Parameters
    ----------
    spare: gives connections; one of them is used for the lock, and given back.
    table: the table's name, quoted.
    begin: opens a snapshot on a connection. Whoever calls this opens theirs in it too.

    Returns none where no connection is free, or the lock is not to be had: it needs the right
    LOCK TABLES, and that no transaction that has written to the table stays open.
    """
    leases = list(spare(MOST + 1))
    if len(leases) < 2:
        for lease in leases:
            lease.release()
        return []
    keeper, *others = leases
    try:
        with locked(keeper.link, table):
            for lease in others:
                begin(lease.link)
    except HyggeError:
        for lease in others:
            lease.release(broken=True)
        others = []
    finally:
        keeper.release()
    return others


@contextmanager
def locked(link: Link, table: str) -> Iterator[None]:
    """While nobody writes to a table. Raises TransientError where somebody goes on writing."""
    link.execute(f"SET SESSION lock_wait_timeout = {PATIENCE_S}")
    try:
        link.execute(f"LOCK TABLES {table} READ")
        yield
    finally:
        link.execute("UNLOCK TABLES")
        link.execute("SET SESSION lock_wait_timeout = DEFAULT")
