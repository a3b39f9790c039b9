"""One budget of bytes for all queues of a process: wide rows and many flows stay bounded."""

from __future__ import annotations

import threading
from collections.abc import Callable

DEFAULT_BYTES = 32 * 1024 * 1024


class ByteBudget:
    """Bytes that batches waiting between readers and writers may take together.

    Parameters
    ----------
    limit: bytes; a single batch larger than this still passes, alone.
    """

    def __init__(self, limit: int = DEFAULT_BYTES) -> None:
        self.limit = limit
        self._used = 0
        self._condition = threading.Condition()

    def acquire(self, size: int, *, urgent: Callable[[], bool], stop: Callable[[], bool]) -> bool:
        """Wait until `size` bytes fit; returns False if `stop()` became true first.

        `urgent()` says that the caller's queue is empty: it passes at once, since a writer that
        waits for its first batch would otherwise wait for queues that are not its own.
        """
        with self._condition:
            while not (stop() or urgent() or self._used + size <= self.limit or not self._used):
                self._condition.wait(0.5)
            if stop():
                return False
            self._used += size
            return True

    def release(self, size: int) -> None:
        """Give bytes back and wake who waits."""
        with self._condition:
            self._used -= size
            self._condition.notify_all()

    def wake(self) -> None:
        """Have every waiter look again at its `stop` and `urgent`."""
        with self._condition:
            self._condition.notify_all()


PROCESS_BUDGET = ByteBudget()
