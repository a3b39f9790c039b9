"""Imports that go on while this process would otherwise wait."""

from __future__ import annotations

import sys
import threading
from contextlib import suppress
from importlib import import_module


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
