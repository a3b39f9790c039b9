"""Running a function in a process of its own that shares nothing with this one.

The function and its arguments are pickled, so they must be importable there: module-level names.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

T = TypeVar("T")
TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Parameters
    ----------
    returncode: as `subprocess` has it; minus the signal's number where a signal ended it.
    value: what the function returned; None where it did not return.
    error: what it raised; None where it did not.
    output: what it wrote to standard output and error.
    """

    returncode: int
    value: Any
    error: BaseException | None
    output: str


def run_apart(function: Callable[..., Any], *args: Any, timeout: float = TIMEOUT_SECONDS) -> Ended:
    """Run `function(*args)` in a new Python process, and say how it ended.

    Raises subprocess.TimeoutExpired after `timeout` seconds, having killed it.
    """
    with tempfile.TemporaryDirectory(prefix="hygge-apart-") as folder:
        task, result = Path(folder, "task"), Path(folder, "result")
        # The path comes first and apart: what follows is unpickled with it.
        with task.open("wb") as file:
            pickle.dump(list(sys.path), file)
            pickle.dump((function, args), file)
        done = subprocess.run(  # noqa: S603 - this interpreter, with arguments of our own
            [sys.executable, "-c", _PROGRAM, str(task), str(result)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
        )  # fmt: skip
        value, error = None, None
        if result.exists():
            value, error = pickle.loads(result.read_bytes())  # noqa: S301 - written just now
        return Ended(done.returncode, value, error, done.stdout.decode(errors="replace"))


def in_fresh_process(function: Callable[..., T], *args: Any) -> T:
    """What `function(*args)` returns or raises in a new Python process."""
    ended = run_apart(function, *args)
    if ended.error is not None:
        raise ended.error
    if ended.returncode != 0:
        raise RuntimeError(f"the process ended with {ended.returncode}: {ended.output}")
    return ended.value  # type: ignore[no-any-return]


_PROGRAM = """
import pickle, sys
with open(sys.argv[1], "rb") as file:
    sys.path[:] = pickle.load(file)
    function, args = pickle.load(file)
try:
    result = (function(*args), None)
except Exception as error:
    result = (None, error)
with open(sys.argv[2] + ".part", "wb") as file:
    pickle.dump(result, file)
import os
os.replace(sys.argv[2] + ".part", sys.argv[2])
"""
