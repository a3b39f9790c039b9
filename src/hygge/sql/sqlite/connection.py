"""Connections to SQLite files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.connection import named
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.home import Table
from hygge.core.reading import HomeSession
from hygge.core.secrets import Secret
from hygge.sql.connection import DatabaseConnection
from hygge.sql.source import Source


class SQLiteConnection(DatabaseConnection):
    """An SQLite file: `{type: sqlite, path: shop.db}`."""

    kind: ClassVar[str] = "sqlite"
    schemes: ClassVar[tuple[str, ...]] = ("sqlite",)

    path: str = Field(description="The database file", examples=["shop.db"])
    url: Secret | None = Field(
        default=None, description="The same as a URL", examples=["sqlite:///shop.db"]
    )
    root: Path | None = Field(default=None, exclude=True, repr=False, description="Set by hygge")

    @model_validator(mode="before")
    @classmethod
    def _path_of_url(cls, given: Any) -> Any:
        if not isinstance(given, dict) or given.get("url") is None:
            return given
        if given.get("path") is not None:
            raise ValueError("`path` and `url` exclude each other")
        return {**given, "url": None, "path": path_of(given["url"])}

    def bind(self, root: Path) -> Self:
        """With the folder that its path is relative to; the path itself stays as written."""
        return self.model_copy(update={"root": self.root or root})

    @property
    def file(self) -> Path:
        """The file's absolute path."""
        return Path(os.path.abspath((self.root or Path()) / Path(self.path).expanduser()))

    def place(self) -> str:
        return self.path if self.root is None else str(self.file)

    def identity(self) -> str:
        """The path as written, which is the same on every machine."""
        return f"sqlite:{os.path.normpath(self.path)}"

    def read(self, source: Source, context: Context) -> HomeSession:
        from hygge.sql.sqlite.session import SQLiteSession

        return SQLiteSession.of_file(self.file, source, context)

    def read_beside(self, most: int, source: Source, context: Context) -> list[HomeSession]:
        return [self.read(source, context) for _ in range(most)]

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view. Raises ConnectError where the file cannot be read."""
        from hygge.sql.sqlite.access import open_reader
        from hygge.sql.sqlite.catalogue import list_tables

        with open_reader(self.file) as db:
            return [Table("main", name) for name, _ in list_tables(db.rows)]

    def catalogue(self, context: Context) -> Sequence[Table]:
        from hygge.sql.sqlite.access import open_reader
        from hygge.sql.sqlite.discover import catalogue

        with open_reader(self.file) as db:
            return catalogue(db.rows)


def path_of(url: Any) -> str:
    """The path in `sqlite:///relative.db` or `sqlite:////absolute.db`."""
    text = url.reveal() if isinstance(url, Secret) else str(url)
    return text.strip().partition("://")[2].removeprefix("/")


def sqlite_path(config: Any, around: Surroundings, *, owner: str) -> str:
    """The absolute path of the SQLite file that settings name by `path` or by `connection`.

    Raises ConfigError where the connection is not there or is of another type.
    """
    if config.connection is None:
        return str(SQLiteConnection(path=config.path).bind(around.root).file)
    found = named(config.connection, around, owner=owner)
    if not isinstance(found, SQLiteConnection):
        raise ConfigError(
            f"{owner} needs a connection of type 'sqlite'; '{config.connection}' is of type "
            f"'{found.kind}'",
            hint="choose another connection, or `type: sql`",
        )
    return str(found.file)
