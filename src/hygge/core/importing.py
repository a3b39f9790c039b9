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
    except ImportError as error:
        found = missing(error, extra)
        if found is None:
            raise
        raise found from error


def missing(error: ImportError, extra: str) -> MissingDriver | None:
    """What an import that failed is told as where a package is not there; None for other causes."""
    if not isinstance(error, ModuleNotFoundError) and _is_ours(error):
        # Another thread imported that module, which failed when this one had been given it already:
        # imported anew, it says why.
        try:
            import_module(str(error.name))
        except ImportError as cause:
            error = cause
    if not isinstance(error, ModuleNotFoundError) or _is_ours(error):
        return None
    return MissingDriver(error.name or extra, extra)


def _is_ours(error: ImportError) -> bool:
    return (error.name or "").partition(".")[0] == "hygge"


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
