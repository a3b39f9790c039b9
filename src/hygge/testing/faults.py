"""Stopping a commit protocol at a named step: by SIGKILL, by an error, or by holding it there.

The steps are those that `hygge.core.steps.reached` is called with; each protocol lists its own in
a `STEPS` tuple.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from hygge.core.steps import set_hook
from hygge.testing.process import Ended, Runner, run_apart


@contextmanager
def at_step(step: str, action: Callable[[], None], *, nth: int = 1) -> Iterator[None]:
    """While the block runs, call `action` the `nth` time (from 1) that a step is reached.

    The action runs in the thread that reached the step. Blocks may be nested.
    """
    lock, left = threading.Lock(), nth

    def hook(name: str) -> None:
        nonlocal left
        if name == step:
            with lock:
                left -= 1
                due = left == 0
            if due:
                action()
        if outer is not None:
            outer(name)

    outer = set_hook(hook)
    try:
        yield
    finally:
        set_hook(outer)


@contextmanager
def kill_at(step: str, *, nth: int = 1) -> Iterator[None]:
    """This process is killed (SIGKILL: no clean-up runs) at a step."""
    with at_step(step, lambda: os.kill(os.getpid(), signal.SIGKILL), nth=nth):
        yield


@contextmanager
def raise_at(step: str, error: BaseException, *, nth: int = 1) -> Iterator[None]:
    """An error is raised out of a step."""

    def action() -> None:
        raise error

    with at_step(step, action, nth=nth):
        yield


@dataclass
class Pause:
    """A step that is being held.

    Parameters
    ----------
    reached: set when the step was reached.
    go: set it to let it go on.
    """

    reached: threading.Event = field(default_factory=threading.Event)
    go: threading.Event = field(default_factory=threading.Event)

    def wait(self, seconds: float = 30.0) -> None:
        """Wait until the step is reached. Raises TimeoutError."""
        if not self.reached.wait(seconds):
            raise TimeoutError("the step was not reached")


@contextmanager
def pause_at(step: str, *, nth: int = 1) -> Iterator[Pause]:
    """Whoever reaches a step waits there until `go` is set, or the block ends."""
    pause = Pause()

    def action() -> None:
        pause.reached.set()
        pause.go.wait()

    with at_step(step, action, nth=nth):
        try:
            yield pause
        finally:
            pause.go.set()


@contextmanager
def recording() -> Iterator[list[str]]:
    """The steps reached while the block runs, in order."""
    seen: list[str] = []

    def hook(name: str) -> None:
        seen.append(name)
        if outer is not None:
            outer(name)

    outer = set_hook(hook)
    try:
        yield seen
    finally:
        set_hook(outer)


def run_killed_at(
    step: str,
    function: Callable[..., Any],
    *args: Any,
    nth: int = 1,
    runner: Runner = run_apart,
) -> Ended:
    """Run `function(*args)` in a process of its own that is killed at a step.

    `returncode` is -9 where the step was reached; else the function ran to its end. `runner` is
    what `many_apart()` gives, where there are many.
    """
    return runner(_with_kill, step, nth, function, args)


def _with_kill(step: str, nth: int, function: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    with kill_at(step, nth=nth):
        return function(*args)
