"""Running a function in a process of its own that shares nothing with this one.

The function and its arguments are pickled, so they must be importable there: module-level names.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from hygge.core.scratch import Scratch

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
    with Scratch() as folder:
        task, result = _laid_down(folder, function, args)
        done = subprocess.run(  # noqa: S603 - this interpreter, with arguments of our own
            [sys.executable, "-c", _PROGRAM, "once", str(task), str(result)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=timeout, check=False,
        )  # fmt: skip
        return _ended(result, done.returncode, done.stdout.decode(errors="replace"))


Runner = Callable[..., Ended]
"""What `run_apart` is: takes a function and its arguments, says how their process ended."""


@contextmanager
def many_apart() -> Iterator[Runner]:
    """A quicker `run_apart` for many calls: each process is forked from one that has imported
    what it needs and done nothing. Without fork, `run_apart` itself.
    """
    if not hasattr(os, "fork"):
        yield run_apart
        return
    with Scratch() as folder:
        parent = subprocess.Popen(  # noqa: S603 - this interpreter, with arguments of our own
            [sys.executable, "-c", _PROGRAM, "many"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert parent.stdin is not None and parent.stdout is not None  # pipes were asked for
        calls = 0

        def run(
            function: Callable[..., Any], *args: Any, timeout: float = TIMEOUT_SECONDS
        ) -> Ended:
            nonlocal calls
            calls += 1
            place = folder / str(calls)
            place.mkdir()
            task, result = _laid_down(place, function, args)
            output = place / "output"
            print(task, result, output, int(timeout), sep="\t", file=parent.stdin, flush=True)
            code = parent.stdout.readline()  # type: ignore[union-attr]
            if not code:
                raise RuntimeError("the process that forks has ended")
            return _ended(result, int(code), output.read_text(errors="replace"))

        try:
            yield run
        finally:
            parent.stdin.close()
            parent.wait()
            parent.stdout.close()


def _laid_down(
    folder: Path, function: Callable[..., Any], args: tuple[Any, ...]
) -> tuple[Path, Path]:
    task = folder / "task"
    with task.open("wb") as file:
        # The path comes first and apart: what follows is unpickled with it.
        pickle.dump(list(sys.path), file)
        pickle.dump((function, args), file)
    return task, folder / "result"


def _ended(result: Path, code: int, output: str) -> Ended:
    value, error = None, None
    if result.exists():
        value, error = pickle.loads(result.read_bytes())  # noqa: S301 - written just now
    return Ended(code, value, error, output)


def in_fresh_process(function: Callable[..., T], *args: Any) -> T:
    """What `function(*args)` returns or raises in a new Python process."""
    ended = run_apart(function, *args)
    if ended.error is not None:
        raise ended.error
    if ended.returncode != 0:
        raise RuntimeError(f"the process ended with {ended.returncode}: {ended.output}")
    return ended.value  # type: ignore[no-any-return]


_PROGRAM = """
import os, pickle, signal, sys

def once(task, result):
    with open(task, "rb") as file:
        sys.path[:] = pickle.load(file)
        function, args = pickle.load(file)
    try:
        done = (function(*args), None)
    except Exception as error:
        done = (None, error)
    with open(result + ".part", "wb") as file:
        pickle.dump(done, file)
    os.replace(result + ".part", result)

def many():
    import polars, pyarrow.compute, pyarrow.csv
    for line in sys.stdin:
        task, result, output, seconds = line.rstrip("\\n").split("\\t")
        child = os.fork()
        if child == 0:
            signal.alarm(int(seconds))
            out = os.open(output, os.O_WRONLY | os.O_CREAT)
            os.dup2(out, 1)
            os.dup2(out, 2)
            code = 1
            try:
                once(task, result)
                code = 0
            except BaseException:
                sys.excepthook(*sys.exc_info())
            finally:
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(code, flush=True)

once(*sys.argv[2:]) if sys.argv[1] == "once" else many()
"""
