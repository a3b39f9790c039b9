"""Imports of what may not be there, and such as go on while this process would otherwise wait."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib import import_module

from hygge.core.errors import MissingDriver


@contextmanager
def needing(extra: str) -> Iterator[None]:
    """Let an import in the block that finds no package say which extra brings it: MissingDriver."""
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("hygge"):
            raise
        raise MissingDriver(error.name or extra, extra) from error


def begin_importing(*modules: str) -> None:
    """Import modules, in their order, in a thread of their own; those that are there cost nothing.

    For what is needed once something outside of Python, such as a server, has answered. Whoever
    then imports one of them waits for it. One that cannot be imported says so to them, not here.
    """
    missing = [name for name in modules if name not in sys.modules]
    if missing:
        threading.Thread(target=_import, args=(missing,), name="importing").start()


def _import(modules: list[str]) -> None:
    with suppress(ImportError):
        for name in modules:
            import_module(name)
