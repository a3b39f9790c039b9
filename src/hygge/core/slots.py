"""Slots: so many of something at once, such as connections to one database.

Whoever holds a slot never waits for another one, so that holders cannot wait for each other for
ever: what a load needs is taken together, all or nothing, and what more would help is taken only
where it is free.
"""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from hygge.core.context import CancelToken, Context
from hygge.core.errors import ConfigError

LOOK_EVERY_S = 0.5
"""How often who waits looks whether the hour allows more, or it was cancelled."""
LONG_S = 10.0
"""A wait that is worth a word."""
_freed = threading.Condition()  # one for all, so that several kinds can be waited for together


class Slots:
    """So many at once.

    Parameters
    ----------
    name: what they are of, for errors.
    size: how many there may ever be.
    allowed: how many there may be at this moment, at most `size`.
    """

    def __init__(self, name: str, size: int, allowed: Callable[[], int] | None = None) -> None:
        self.name, self.size = name, size
        self._allowed = allowed or (lambda: size)
        self.taken = 0

    def free(self) -> int:
        """How many are free at this moment."""
        return self._allowed() - self.taken

    def check(self, count: int) -> None:
        """Raise ConfigError where there are never so many."""
        if count > self.size:
            raise ConfigError(
                f"a load needs {count} connections to {self.name} at once, and there are never "
                f"more than {self.size}",
                hint=f"set `pool_size: {count}` or more, and let `limits` allow as many at "
                "some hour",
            )

    def spare(self, most: int) -> int:
        """Take up to `most` without waiting; returns how many were taken."""
        with _freed:
            count = max(0, min(most, self.free()))
            self.taken += count
            return count

    def give(self, count: int = 1) -> None:
        """Give some back."""
        with _freed:
            self.taken -= count
            _freed.notify_all()


def take(
    wanted: Sequence[Slots],
    cancel: CancelToken,
    note: Callable[[str, str], None] = lambda message, severity: None,
) -> None:
    """Take one slot for each time it is named: all of them, once all are free at the same time.

    Parameters
    ----------
    wanted: what is needed.
    cancel: ends the waiting.
    note: told once of a wait that is long; see `Context.note`.

    Raises
    ------
    ConfigError: more are wanted than there can ever be.
    Cancelled: while waiting.
    """
    counts = Counter(wanted)
    for slots, count in counts.items():
        slots.check(count)
    told_at: float | None = time.monotonic() + LONG_S
    with _freed:
        while any(slots.free() < count for slots, count in counts.items()):
            _freed.wait(LOOK_EVERY_S)
            cancel.check()
            if told_at is not None and time.monotonic() >= told_at:
                told_at = None
                names = " and ".join(f"{n} to {s.name}" for s, n in counts.items())
                note(
                    f"waiting for free connections ({names}): others hold them, or `limits`", "info"
                )
        for slots, count in counts.items():
            slots.taken += count


@contextmanager
def together(wanted: Sequence[Slots], context: Context) -> Iterator[None]:
    """Reserve slots for the sessions that an attempt opens in the block; see `take`."""
    take(wanted, context.cancel, context.note)
    context.reserved.extend(wanted)
    try:
        yield
    finally:
        for slots in context.reserved:  # those that no session came to use
            slots.give()
        context.reserved.clear()


def claim(slots: Slots, context: Context, count: int = 1) -> None:
    """The slots of one session: those that were reserved for it, else waited for, all at once."""
    if context.reserved.count(slots) < count:
        take([slots] * count, context.cancel, context.note)
        return
    for _ in range(count):
        context.reserved.remove(slots)
