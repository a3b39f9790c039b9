"""Connections to databases: what every one does, and which of them a URL means."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path

from hygge.core import registry
from hygge.core.connection import Connection
from hygge.core.context import Context
from hygge.core.errors import ConfigError
from hygge.core.home import Table
from hygge.core.reading import HomeSession
from hygge.core.secrets import Secret
from hygge.core.settings import build
from hygge.core.slots import Slots
from hygge.sql.source import Source


class DatabaseConnection(Connection):
    """A connection to a database that can be read; asked once it is bound."""

    @abstractmethod
    def identity(self) -> str:
        """The database, whatever the route to it: no host, user or secret."""

    @abstractmethod
    def read(self, source: Source, context: Context) -> HomeSession:
        """A session for one attempt at reading. Raises ConnectError, TransientError."""

    @abstractmethod
    def read_beside(self, most: int, source: Source, context: Context) -> list[HomeSession]:
        """Further sessions, as many as can be had at once, at most `most`."""

    def slots(self) -> Sequence[Slots]:
        """What one session takes of what there are only so many of."""
        return ()

    @abstractmethod
    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view that is a person's own."""

    def catalogue(self, context: Context) -> Sequence[Table]:
        """The same with their fields, keys and about how many rows they hold, in one pass."""
        return self.tables(context)


def connection_of(url: Secret, root: Path) -> DatabaseConnection:
    """The connection that a URL means, bound: that of its scheme, else by SQLAlchemy.

    `postgresql://` goes to the type of connection that has this scheme, where there is one;
    `postgresql+psycopg://`, which names a driver of SQLAlchemy's, to `type: sql`. An SQLite file
    is always read by its own: two SQLite libraries in one process break each other's locks.

    Raises ConfigError for what is no URL, or wrong for its type; the message shows no secret.
    """
    text = url.reveal().strip()
    scheme, separator, rest = text.partition("://")
    backend, driver, _ = scheme.lower().partition("+")
    if not separator:
        raise ConfigError("that is no URL", hint="e.g. sqlite:///shop.db")
    name = registry.connection_of(backend)
    kind = registry.lookup("connection", name) if name else None
    own_file = backend == "sqlite" and rest.strip("/") not in ("", ":memory:") and "?" not in rest
    if kind is not None and kind.holds == "files":
        raise ConfigError(f"{backend}:// is a place of files, not a database", hint="set `path:`")
    if kind is None or (not own_file if backend == "sqlite" else driver):
        kind = registry.lookup("connection", "sql")
    found: DatabaseConnection = build(kind, f"a URL of {backend}://", {"url": url}, {})
    return found.bind(root)
