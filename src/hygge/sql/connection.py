"""Connections: named access to a database, as the `connections:` section describes it.

A connection is a description: frozen, picklable, without anything open. It holds references to
secrets, never their values.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.core.settings import Settings


class Connection(Settings):
    """Settings every connection has."""

    kind: ClassVar[str] = ""

    type: str = Field(default="", description="The connection's type, e.g. `sqlite` or `sql`")

    def bind(self, root: Path) -> Self:
        """This description with relative paths resolved against a folder."""
        return self

    def place(self) -> str:
        """What it reaches, for people; never a secret."""
        return self.kind


class SQLiteConnection(Connection):
    """An SQLite file: `{type: sqlite, path: shop.db}`."""

    kind: ClassVar[str] = "sqlite"

    path: str = Field(description="The database file", examples=["shop.db"])

    def bind(self, root: Path) -> Self:
        return self.model_copy(update={"path": str(root / Path(self.path).expanduser())})

    def place(self) -> str:
        return self.path


class SQLConnection(Connection):
    """Any database by its SQLAlchemy URL: `{type: sql, url: "postgresql://..."}`."""

    kind: ClassVar[str] = "sql"

    url: Secret = Field(
        description="A SQLAlchemy URL; a path in an `sqlite:///` URL is relative to the project",
        examples=["${SHOP_URL}", "sqlite:///shop.db"],
    )
    pool_size: int = Field(
        default=8, ge=1, le=1000, description="Connections that may be open at once", examples=[8]
    )
    root: Path | None = Field(default=None, exclude=True, repr=False, description="Set by hygge")

    def bind(self, root: Path) -> Self:
        return self.model_copy(update={"root": root})

    def place(self) -> str:
        return str(self.url)


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


def sqlite_path(config: Any, around: Surroundings, *, owner: str) -> str:
    """The absolute path of the SQLite file that settings name by `path` or by `connection`.

    Raises ConfigError where the connection is not there or is of another type.
    """
    path = config.path
    if config.connection is not None:
        found = named(config.connection, around, owner=owner)
        if not isinstance(found, SQLiteConnection):
            raise ConfigError(
                f"{owner} needs a connection of type 'sqlite'; '{config.connection}' is of type "
                f"'{found.kind}'",
                hint="choose another connection, or `type: sql`",
            )
        path = found.path
    return os.path.abspath(around.root / Path(path).expanduser())
