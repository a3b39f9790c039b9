"""Losing the answer to a COMMIT where there is no line that could be cut."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hygge.core.errors import TransientError
from hygge.core.steps import set_hook
from hygge.sql.link import Link
from hygge.sql.settle.settler import Settler


def lose_the_answer(kind: type[Settler], happens: bool) -> None:
    """Have the next commit of a load's end its connection, having committed or not."""
    real = kind.commit
    patched = patch.object(kind, "commit")
    written = False

    def hook(step: str) -> None:
        nonlocal written
        written |= step.endswith(".state_written")

    def commit(self: Any, link: Link) -> None:
        if not written:  # a settler may end transactions on the way
            real(self, link)
            return
        patched.stop()
        set_hook(outer)
        if happens:
            real(self, link)
        link.close()
        raise TransientError("the answer was lost")

    outer = set_hook(hook)
    patched.new = commit
    patched.start()
