"""`python -m hygge` and `hygge`: a process of its own, quick to begin and quick to end."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading

_YOUNG = 10_000
"""New objects between two looks for cycles. With Python's usual 700, the half million that imports
make, and keep, are looked through time and again: a tenth of a start-up."""


def start() -> None:
    """Run the command line and end the process with its exit code."""
    gc.set_threshold(_YOUNG)
    from hygge.cli.app import main

    try:
        main()
    except SystemExit as ended:
        _end(ended)


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
