"""Old generations that were exchanged for new ones, until nobody can still be listing them.

Someone who opened a folder before it was exchanged may list it only now. From the names he goes on,
by path, to the new generation, and finds there all of what he listed, or misses a part and errs. A
folder that loses its names one by one would show him less than either generation has, or nothing.
So the names of an old generation stay for a moment; what its files hold is freed at once.
"""

from __future__ import annotations

import atexit
import threading
import time
from collections import deque
from collections.abc import Callable

GRACE_S = 0.5
"""Seconds between opening a folder and listing it, for a reader that is not stopped in between: it
takes microseconds where nothing else runs."""

_waiting: deque[tuple[float, Callable[[], None]]] = deque()
_turn = threading.Lock()


def retire(remove: Callable[[], None]) -> None:
    """Have an old generation removed after `GRACE_S`, when another retires, or as the process ends.

    Parameters
    ----------
    remove: removes it; called once, by any thread.
    """
    now = time.monotonic()
    with _turn:
        _waiting.append((now, remove))
    _sweep(now - GRACE_S)


def _sweep(before: float) -> None:
    while True:
        with _turn:
            if not _waiting or _waiting[0][0] > before:
                return
            _, remove = _waiting.popleft()
        remove()


@atexit.register
def sweep_all() -> None:
    """Remove all that wait."""
    _sweep(float("inf"))
