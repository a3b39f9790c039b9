"""SQLiteHome: a table, a view or a query of an SQLite file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.home import Home, Table
from hygge.core.settings import HomeConfig
from hygge.sql.connection import sqlite_path
from hygge.sql.source import Source
from hygge.sql.sqlite.access import Database, open_reader
from hygge.sql.sqlite.catalogue import list_tables
from hygge.sql.sqlite.discover import catalogue
from hygge.sql.sqlite.session import SQLiteSession


class SQLiteHomeConfig(HomeConfig):
    """Settings of a SQLite Home: a file or a connection, and a table or a query."""

    path: str | None = Field(default=None, description="The database file", examples=["shop.db"])
    connection: str | None = Field(
        default=None, description="A connection of type `sqlite`, instead of `path`"
    )
    table: str | None = Field(
        default=None,
        description="A table or view; the entity's name if neither this nor `query` is set",
        examples=["users", "main.users"],
    )
    query: str | None = Field(
        default=None,
        description="A SELECT, instead of `table`",
        examples=["SELECT id, total FROM orders WHERE total > 0"],
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.path is None) == (self.connection is None):
            raise ValueError("either `path` or `connection` is needed, not both")
        if self.table is not None and self.query is not None:
            raise ValueError("`table` and `query` exclude each other")
        return self


class SQLiteHome(Home):
    """Where data starts in an SQLite file.

    `SQLiteHome("users", path="shop.db")` reads the table `users`. Declared types are honoured (see
    `hygge.sql.sqlite.types`): a value that does not fit its column's is an error that names it.
    """

    lenient = False
    Config = SQLiteHomeConfig
    config: SQLiteHomeConfig
    incremental = True

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """As the flow has it; the table is the entity's name if neither it nor a query is set."""
        placed = dict(settings)
        if not placed.get("table") and not placed.get("query"):
            placed["table"] = entity
        return placed

    def bind(self, around: Surroundings) -> Self:
        path = sqlite_path(self.config, around, owner=f"the home of '{self.name}'")
        update = {"path": path, "connection": None}
        return self.copy_with(config=self.config.model_copy(update=update))

    def place(self) -> str:
        config = self.config
        return f"{config.path or config.connection}#{'query' if config.query else self._table}"

    def identity(self) -> Mapping[str, Any]:
        config = self.config
        what = {"query": config.query} if config.query else {"table": self._table}
        return {"type": self.type, "database": config.path or config.connection, **what}

    @property
    def _table(self) -> str:
        return self.config.table or self.name

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view. Raises ConnectError where the file cannot be read."""
        with Database(self._path, "ro") as db:
            return [Table("main", name) for name, _ in list_tables(db.rows)]

    def catalogue(self, context: Context) -> Sequence[Table]:
        """`tables()` with their fields, keys and about how many rows they hold."""
        with open_reader(self._path) as db:
            return catalogue(db.rows)

    @property
    def _path(self) -> Path:
        assert self.config.path is not None  # bound
        return Path(self.config.path)

    def open(self, context: Context) -> SQLiteSession:
        if not self.config.query and not self._table:
            raise ConfigError("a SQLite Home needs a `table` or a `query`")
        source = Source(
            table="" if self.config.query else self._table,
            query=self.config.query or "",
            types=self.config.declared(),
            where=str(self._path),
        )
        return SQLiteSession.of_file(self._path, source, context)
