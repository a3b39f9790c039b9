"""`python -m hygge` and `hygge`: a process of its own, quick to begin and quick to end."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading

_FIRST, _YOUNG = 200_000, 10_000
"""New objects before the first look for cycles, and then between two. With Python's usual 700, the
hundred thousand that imports make, and keep, are looked through time and again: a tenth of a
start-up; with 10,000 still 15 ms of it."""


def start() -> None:
    """Run the command line and end the process with its exit code."""
    look_late()
    from hygge.cli.app import main

    try:
        main()
    except SystemExit as ended:
        _end(ended)


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
    from hygge.cli.console import flush

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    flush()
    os._exit(ended.code)


if __name__ == "__main__":
    start()
