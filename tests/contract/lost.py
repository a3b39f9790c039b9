"""Losing the answer to a COMMIT where there is no line that could be cut."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

from hygge.core.errors import TransientError
from hygge.sql.link import Link
from hygge.sql.settle.settler import Settler


def lose_the_answer(kind: type[Settler], happens: bool) -> None:
    """Have the next commit of a kind of settler end its connection, having committed or not."""
    real = kind.commit
    patched = patch.object(kind, "commit")

    def commit(self: Any, link: Link) -> None:
        patched.stop()
        if happens:
            real(self, link)
        link.close()
        raise TransientError("the answer was lost")

    patched.new = commit
    patched.start()
