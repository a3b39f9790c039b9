"""Pools: one for each connection in this process, shared by every entity that uses it.

Who holds a lease never waits for another one; see `core.slots`.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from hygge.core.context import Context
from hygge.core.errors import HyggeError
from hygge.core.slots import Slots, claim
from hygge.sql.limits import allowed, most_ever
from hygge.sql.link import Link

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection

CHECK_AFTER_S = 30.0
"""A connection that lay idle for longer is asked whether it still answers before it is used."""


class Lease:
    """An open connection, borrowed from its pool."""

    def __init__(self, link: Link, give_back: Callable[[Link, bool], None]) -> None:
        self.link = link
        self._give_back: Callable[[Link, bool], None] | None = give_back

    def release(self, *, broken: bool = False) -> None:
        """Give it back; one that is broken, or in the middle of something, is closed instead."""
        give_back, self._give_back = self._give_back, None
        if give_back is not None:
            give_back(self.link, broken)


class Pool:
    """The open connections to one database. Thread-safe.

    Parameters
    ----------
    connection: says how to open one, and how many there may be.
    clock: the time of day, for limits.
    """

    def __init__(
        self, connection: PooledConnection, clock: Callable[[], datetime] = datetime.now
    ) -> None:
        self._connection = connection
        size, limits = connection.pool_size, connection.limits
        self.slots = Slots(
            connection.place(),
            most_ever(size, limits),
            lambda: allowed(size, limits, clock()),
        )
        self._guard = threading.Lock()
        self._idle: list[tuple[Link, float]] = []

    def lease(self, context: Context) -> Lease:
        """A connection, waited for while all are out, unless one is reserved for the context.

        Raises what connecting raises, and Cancelled.
        """
        claim(self.slots, context)
        return self._taken()

    def spare(self, most: int) -> list[Lease]:
        """Up to `most` more connections that are free this moment, perhaps none."""
        count = self.slots.spare(most)
        leases: list[Lease] = []
        try:
            while len(leases) < count:
                leases.append(self._taken())
        except BaseException as error:
            self.slots.give(count - len(leases) - 1)
            if not isinstance(error, HyggeError):
                for lease in leases:
                    lease.release()
                raise
            # The server gives no more: what there is must do.
        return leases

    def _taken(self) -> Lease:
        try:
            return Lease(self._link(), self._back)
        except BaseException:
            self.slots.give()
            raise

    def _link(self) -> Link:
        while True:
            with self._guard:
                if not self._idle:
                    break
                link, since = self._idle.pop()
            if time.monotonic() - since < CHECK_AFTER_S:
                return link
            try:
                link.check()
                return link
            except HyggeError:
                link.close()
        return self._connection.open_link()

    def _back(self, link: Link, broken: bool) -> None:
        try:
            if broken or not self._connection.kept_idle or not self._keeps(link):
                link.close()
        finally:
            self.slots.give()  # last, so that there are never more open than there may be

    def _keeps(self, link: Link) -> bool:
        try:
            link.reset()
        except HyggeError:
            return False
        with self._guard:
            if self.slots.free() < len(self._idle):  # the hour allows fewer than are open
                return False
            self._idle.append((link, time.monotonic()))
            return True

    def close(self) -> None:
        """Close what lies idle; what is out is closed when it comes back, or goes on."""
        with self._guard:
            idle, self._idle = self._idle, []
        for link, _ in idle:
            with suppress(HyggeError):
                link.close()


_pools: dict[PooledConnection, Pool] = {}
_lock = threading.Lock()


def pool_of(connection: PooledConnection) -> Pool:
    """The pool of a bound connection; equal descriptions share one."""
    with _lock:
        return _pools.setdefault(connection, Pool(connection))


def close_pools() -> None:
    """Close every idle connection of this process."""
    with _lock:
        pools = list(_pools.values())
    for pool in pools:
        pool.close()


atexit.register(close_pools)
