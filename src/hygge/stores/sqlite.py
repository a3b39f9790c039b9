"""SQLiteStore: a table of an SQLite file, loaded with its state in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.settings import StoreConfig
from hygge.core.sift import Unheld
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.terms import Ability
from hygge.sql.sqlite.catalogue import STATE_TABLE
from hygge.sql.sqlite.connection import sqlite_path
from hygge.sql.sqlite.encode import unheld
from hygge.sql.sqlite.load import Destination, SQLiteStoreSession
from hygge.sql.sqlite.stage import StageWriter, Ticket


class SQLiteStoreConfig(StoreConfig):
    """Settings of a SQLite Store: a file or a connection, and a table."""

    path: str | None = Field(
        default=None, description="The database file; made if need be", examples=["warehouse.db"]
    )
    connection: str | None = Field(
        default=None, description="A connection of type `sqlite`, instead of `path`"
    )
    table: str | None = Field(
        default=None, description="The table; the entity's name if not set", examples=["users"]
    )
    indexes: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = Field(
        default=(),
        description="The columns of each index that the table is to have, by the destination's "
        "names; those that are named no more go",
        examples=[[["user_id", "ordered_at"], ["status"]]],
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if (self.path is None) == (self.connection is None):
            raise ValueError("either `path` or `connection` is needed, not both")
        table = (self.table or "").lower()
        if table.startswith("sqlite_") or table == STATE_TABLE:
            raise ValueError(f"`table`: '{self.table}' is a name that is taken")
        return self


class SQLiteStore(Store):
    """Where data settles in an SQLite file.

    `SQLiteStore("users", path="warehouse.db")` loads the table `users`, made if need be; what was
    made on it (indexes, triggers, views) stays. Readers see the rows of one load or of the next.
    """

    Config = SQLiteStoreConfig
    config: SQLiteStoreConfig
    modes = ("replace", "append", "merge", "delete_insert", "scd2")
    abilities = frozenset[Ability]({"deduplicate", "deletes", "marked"})
    keeps_state = True

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """As the flow has it; the table is the entity's name if none is set."""
        return {**settings, "table": settings.get("table") or entity}

    def bind(self, around: Surroundings) -> Self:
        if not self._table:
            raise ConfigError("a SQLite Store needs a `table`")
        path = sqlite_path(self.config, around, owner=f"the store of '{self.name}'")
        update = {"path": path, "connection": None}
        return self.copy_with(config=self.config.model_copy(update=update))

    @property
    def _table(self) -> str:
        return self.config.table or self.name

    @property
    def _to(self) -> Destination:
        assert self.config.path is not None  # bound
        return Destination(Path(self.config.path), self._table, self.config.indexes)

    def unheld(self) -> Unheld:
        return unheld

    def place(self) -> str:
        return f"{self.config.path or self.config.connection}#{self._table}"

    def identity(self) -> Mapping[str, Any]:
        """The file and the table, in lower case, since SQLite's names do not tell it from upper."""
        database = self.config.path or self.config.connection
        return {"type": self.type, "database": database, "table": self._table.lower()}

    def readers(self, mode: Mode) -> str:
        return "the rows before or the rows after, never between"

    def open(self, context: Context) -> SQLiteStoreSession:
        return SQLiteStoreSession(self._to, context)

    def writer(self, ticket: Ticket, chunk: int, context: Context) -> StageWriter:
        return StageWriter(ticket, chunk, context)
