"""Pools: one for each connection in this process, shared by every entity that uses it.

Who holds a lease never waits for another one; see `core.slots`.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from functools import partial
from typing import Protocol

from hygge.core.context import Context
from hygge.core.errors import HyggeError
from hygge.core.slots import Slots, claim
from hygge.sql.limits import Limit, allowed, most_ever
from hygge.sql.link import Link

CHECK_AFTER_S = 30.0
"""A connection that lay idle for longer is asked whether it still answers before it is used."""


class Opener(Protocol):
    """What opens links to one database, as a pool knows it; equal ones share a pool."""

    @property
    def kept_idle(self) -> bool:
        """Whether links wait in the pool to be used again."""

    @property
    def pool_size(self) -> int:
        """How many there may be at once."""

    @property
    def limits(self) -> Sequence[Limit]:
        """Fewer at certain hours."""

    def place(self) -> str:
        """The database, for people; never a secret."""

    def open_link(self) -> Link:
        """Open one."""

    def __hash__(self) -> int: ...


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

    def __init__(self, connection: Opener, clock: Callable[[], datetime] = datetime.now) -> None:
        self._connection = connection
        size, limits = connection.pool_size, connection.limits
        self._allowed: Callable[[], int] = lambda: allowed(size, limits, clock())
        self.slots = Slots(connection.place(), most_ever(size, limits), self._allowed)
        self._guard = threading.Lock()
        self._idle: list[tuple[Link, float]] = []
        self._out = 0
        """How many connections are lent; of the slots that are taken, some wait for theirs."""

    def lease(self, context: Context, lines: int = 1) -> Lease:
        """A connection, waited for while all are out, unless one is reserved for the context.

        Parameters
        ----------
        context: of the attempt.
        lines: how many connections it counts for: its driver may open others beside it, which are
            gone before it is given back.

        Raises what connecting raises, Cancelled, and ConfigError where there are never so many.
        """
        claim(self.slots, context, lines)
        return self._taken(lines)

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

    def _taken(self, lines: int = 1) -> Lease:
        try:
            link = self._idle_one(lines) or self._connection.open_link()
            return Lease(link, partial(self._back, lines))
        except BaseException:
            self._unlent(lines)
            self.slots.give(lines)
            raise

    def _idle_one(self, lines: int) -> Link | None:
        """Lend one that lies idle and answers, if there is one. What lies idle beyond what may be
        open then is closed: others come beside that one, or the hour allows fewer."""
        with self._guard:
            self._out += lines
            found = self._idle.pop() if self._idle else None
            over = max(0, len(self._idle) + self._out - self._allowed())
            surplus = self._idle[:over]
            del self._idle[:over]
        for link, _ in surplus:
            with suppress(HyggeError):
                link.close()
        while found is not None:
            link, since = found
            if time.monotonic() - since < CHECK_AFTER_S:
                return link
            try:
                link.check()
                return link
            except HyggeError:
                link.close()
            with self._guard:
                found = self._idle.pop() if self._idle else None
        return None

    def _unlent(self, lines: int) -> None:
        with self._guard:
            self._out -= lines

    def _back(self, lines: int, link: Link, broken: bool) -> None:
        idle = False
        try:
            idle = not broken and self._connection.kept_idle and self._keeps(link, lines)
            if not idle:
                link.close()
        finally:
            if not idle:
                self._unlent(lines)
            self.slots.give(lines)  # last, so that there are never more open than there may be

    def _keeps(self, link: Link, lines: int) -> bool:
        try:
            link.reset()
        except HyggeError:
            return False
        with self._guard:
            if len(self._idle) + self._out - lines >= self._allowed():
                return False  # the hour allows fewer than are open
            self._out -= lines
            self._idle.append((link, time.monotonic()))
            return True

    def close(self) -> None:
        """Close what lies idle; what is out is closed when it comes back, or goes on."""
        with self._guard:
            idle, self._idle = self._idle, []
        for link, _ in idle:
            with suppress(HyggeError):
                link.close()


_pools: dict[Opener, Pool] = {}
_lock = threading.Lock()


def pool_of(connection: Opener) -> Pool:
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
