"""Pools: one for each connection in this process, shared by every entity that uses it.

Who holds a lease never waits for another one: the first is waited for, what more is wanted is
taken only where it is free. So holders, each of which keeps a snapshot, cannot wait for each other.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING

from hygge.core.context import CancelToken
from hygge.core.errors import HyggeError
from hygge.sql.limits import allowed
from hygge.sql.link import Link

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection

CHECK_AFTER_S = 30.0
"""A connection that lay idle for longer is asked whether it still answers before it is used."""
LOOK_EVERY_S = 0.5
"""How often who waits looks whether the hour allows more connections, or it was cancelled."""


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
        self._connection, self._clock = connection, clock
        self._free = threading.Condition()
        self._idle: list[tuple[Link, float]] = []
        self._out = 0

    def lease(self, cancel: CancelToken) -> Lease:
        """A connection, waited for while all are out. Raises what connecting raises, Cancelled."""
        with self._free:
            while self._out >= self._most:
                self._free.wait(LOOK_EVERY_S)
                cancel.check()
            self._out += 1
        return self._taken()

    def spare(self, most: int) -> list[Lease]:
        """Up to `most` more connections that are free this moment, perhaps none."""
        with self._free:
            count = max(0, min(most, self._most - self._out))
            self._out += count
        leases: list[Lease] = []
        try:
            while len(leases) < count:
                leases.append(self._taken())
        except HyggeError:  # the server gives no more: what there is must do
            with self._free:
                self._out -= count - len(leases) - 1
                self._free.notify_all()
        return leases

    @property
    def _most(self) -> int:
        return allowed(self._connection.pool_size, self._connection.limits, self._clock())

    def _taken(self) -> Lease:
        try:
            return Lease(self._link(), self._back)
        except BaseException:
            self._gone()
            raise

    def _link(self) -> Link:
        while True:
            with self._free:
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
            if not broken and self._connection.kept_idle:
                link.reset()
                with self._free:
                    self._idle.append((link, time.monotonic()))
                return
        except HyggeError:
            pass
        finally:
            self._gone()
        link.close()

    def _gone(self) -> None:
        with self._free:
            self._out -= 1
            self._free.notify_all()

    def close(self) -> None:
        """Close what lies idle; what is out is closed when it comes back, or goes on."""
        with self._free:
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
