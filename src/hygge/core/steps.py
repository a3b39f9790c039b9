"""Named steps of the commit protocols, for tests that stop a process at each of them.

Code on a commit path calls `reached("files.exchanged")`; nothing happens unless a test has put a
hook in place. Every protocol lists its steps in order in a `STEPS` tuple beside the code.
"""

from __future__ import annotations

from collections.abc import Callable

_hook: Callable[[str], None] | None = None


def reached(step: str) -> None:
    """Tell the hook, if there is one, that a named step has just been completed."""
    if _hook is not None:
        _hook(step)


def set_hook(hook: Callable[[str], None] | None) -> Callable[[str], None] | None:
    """Call `hook(step)` at every step from now on in this process; None takes it away.

    Returns the hook that was there before.
    """
    global _hook
    before, _hook = _hook, hook
    return before
