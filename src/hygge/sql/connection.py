"""Connections: named access to a database, as the `connections:` section describes it.

A connection is a description: frozen, picklable, without anything open. It holds references to
secrets, never their values.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from hygge.core import registry
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.home import HomeSession, Table
from hygge.core.secrets import Secret
from hygge.core.settings import Settings, build
from hygge.core.slots import Slots
from hygge.sql.source import Source


class Connection(Settings):
    """Settings every connection has."""

    kind: ClassVar[str] = ""

    schemes: ClassVar[tuple[str, ...]] = ()
    """The schemes of URLs that name such a database, e.g. `postgresql`."""

    type: str = Field(default="", description="The connection's type, e.g. `sqlite` or `sql`")

    def bind(self, root: Path) -> Self:
        """This description with relative paths resolved against a folder."""
        return self

    def place(self) -> str:
        """What it reaches, for people; never a secret."""
        return self.kind


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


def named(name: str, around: Surroundings, *, owner: str) -> Any:
    """The connection of a name, bound. Raises ConfigError, with the near miss, for no such name."""
    found = around.connections.get(name)
    if found is None:
        from difflib import get_close_matches

        near = get_close_matches(name, list(around.connections), n=1)
        listed = ", ".join(sorted(around.connections)) or "none"
        raise ConfigError(
            f"{owner} names the connection '{name}', which is not there",
            hint=f"did you mean '{near[0]}'?" if near else f"connections: {listed}",
        )
    return found.bind(around.root)


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
    if kind is None or (not own_file if backend == "sqlite" else driver):
        kind = registry.lookup("connection", "sql")
    found: DatabaseConnection = build(kind, f"a URL of {backend}://", {"url": url}, {})
    return found.bind(root)
