"""`python -m hygge` and `hygge`: a process of its own, quick to begin and quick to end."""

from __future__ import annotations

import atexit
import gc
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

_FIRST, _YOUNG = 200_000, 10_000
"""New objects before the first look for cycles, and then between two. With Python's usual 700, the
hundred thousand that imports make, and keep, are looked through time and again: a tenth of a
start-up; with 10,000 still 15 ms of it."""


def start() -> None:
    """Run the command line and end the process with its exit code."""
    _on(signal.SIGTERM, _leave)
    _on(signal.SIGINT, _leave)
    look_late()
    set_up_libraries()
    from hygge.cli.app import main

    try:
        _on(signal.SIGINT, signal.default_int_handler)  # for commands to clean up after themselves
        main()
    except SystemExit as ended:
        _end(ended)
    except KeyboardInterrupt:
        _leave(signal.SIGINT, None)


def set_up_libraries() -> None:
    """What is to be said before they are imported, where the environment has not said it."""
    # Arrow imports NumPy where there is one, whose threads would spin while the first rows are
    # awaited: a tenth of a second of each processor, and memory for each thread. None is used.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    # Arrow's first choice, mimalloc, gives memory back within 10 ms of its being freed, and the
    # system clears it anew for the next batch. With jemalloc 1 M rows from PostgreSQL into Delta
    # took 8 % less of the processors, and 20 to 50 MB less. Its wheels for Linux on x86-64 have
    # both; elsewhere it would warn of a name that it does not know.
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "jemalloc")


def _on(number: signal.Signals, handler: Callable[[int, FrameType | None], object]) -> None:
    if signal.getsignal(number) != signal.SIG_IGN:  # as `nohup` and its like have it
        signal.signal(number, handler)


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """Leave at once, whatever is being imported or ended. A command that moves data has a handler
    of its own meanwhile; see `hygge.cli.signals`."""
    os.write(2, b"\nStopped.\n")
    os._exit(128 + number)


def look_late() -> None:
    """Have the first look for cycles wait; see `_FIRST`."""
    gc.set_threshold(_FIRST)
    gc.callbacks.append(_first_look)


def _first_look(phase: str, info: dict[str, int]) -> None:
    """After the first look for cycles, what there is by then is not looked through again."""
    if phase == "stop":
        gc.callbacks.remove(_first_look)
        gc.freeze()
        gc.set_threshold(_YOUNG)


def _end(ended: SystemExit) -> None:
    """What the interpreter does at its end, but for taking every object apart, which takes a tenth
    of a second: threads are waited for, and who asked to be called is (as in the standard library's
    `multiprocessing.popen_fork`)."""
    if not isinstance(ended.code, int) or sys.gettrace() or sys.getprofile():
        raise ended  # a profiler or debugger goes on after us
    _on(signal.SIGINT, _leave)
    from hygge.cli.console import flush

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    flush()
    os._exit(ended.code)


if __name__ == "__main__":
    start()
