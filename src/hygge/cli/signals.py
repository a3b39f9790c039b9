"""Ctrl-C and SIGTERM: once to stop before the commit points, twice to leave at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Self

_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Signals:
    """While this block runs, the first signal calls `stop(reason)`; a second leaves at once.

    Leaving at once is safe for the data: a load that has not committed is not there, and the
    next run clears away what it had staged.

    Parameters
    ----------
    stop: called in a thread of its own: a handler may have interrupted the holder of any lock.
    leave: called before leaving at once, to put the terminal right.
    """

    def __init__(self, stop: Callable[[str], None], leave: Callable[[], None]) -> None:
        self._stop, self._leave = stop, leave
        self._before: dict[int, Any] = {}
        self.received = 0
        """The signal received; 0 for none."""

    @property
    def reason(self) -> str:
        """How people call the signal received; "" for none."""
        return _NAMES.get(signal.Signals(self.received), "") if self.received else ""

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells have it."""
        return 128 + self.received

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for one in _NAMES:
                self._before[one] = signal.signal(one, self._handle)
        return self

    def __exit__(self, *exc: object) -> None:
        for one, before in self._before.items():
            signal.signal(one, before)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self.received:
            self._leave()
            os._exit(128 + number)
        self.received = number
        threading.Thread(target=self._stop, args=(self.reason,), daemon=True).start()
