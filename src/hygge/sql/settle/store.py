"""Stores of databases with a connection of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.core.settings import StoreConfig
from hygge.core.sift import Unheld
from hygge.core.slots import Slots
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.terms import ABILITIES
from hygge.sql.finding import connection_for
from hygge.sql.home import url_or_name
from hygge.sql.pool import pool_of
from hygge.sql.server import PooledConnection
from hygge.sql.settle.place import PREFIX, Place
from hygge.sql.settle.session import SQLStoreSession
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.writer import TableWriter, Ticket


class ServerStoreConfig(StoreConfig):
    """Settings of a Store whose database has a connection type of its own."""

    connection: str | None = Field(
        default=None, description="A connection's name, or a URL", examples=["warehouse"]
    )
    url: Secret | None = Field(
        default=None, description="A URL, instead of `connection`", examples=["${WAREHOUSE_URL}"]
    )
    table: str | None = Field(
        default=None,
        description="The table, made if need be; the entity's name if not set",
        examples=["users", "raw.users"],
    )
    schema_: str | None = Field(
        default=None,
        alias="schema",
        description="The schema it is in, made if need be; where the database looks by itself if "
        "not set",
        examples=["raw"],
    )

    indexes: tuple[Annotated[tuple[str, ...], Field(min_length=1)], ...] = Field(
        default=(),
        description="The columns of each index that the table is to have, by the destination's "
        "names; those that are named no more go",
        examples=[[["user_id", "ordered_at"], ["status"]]],
    )

    @model_validator(mode="before")
    @classmethod
    def _url_or_name(cls, given: Any) -> Any:
        return url_or_name(given)

    @model_validator(mode="after")
    def _sensible(self) -> Self:
        if self.connection is not None and self.url is not None:
            raise ValueError("`connection` and `url` exclude each other")
        if (self.table or "").lower().startswith(PREFIX):
            raise ValueError(f"`table`: names that begin with '{PREFIX}' are hygge's own")
        return self


class ServerStore(Store, type=""):
    """Where data settles in a database: a table, loaded with its state in one transaction.

    Parameters
    ----------
    name: the table, unless `table` says otherwise.
    options, settings: see the Store's own settings.
    """

    Config = ServerStoreConfig
    config: ServerStoreConfig
    connection_type: ClassVar[type[PooledConnection]]
    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append", "merge", "delete_insert", "scd2")
    abilities = frozenset(ABILITIES)
    keeps_state = True
    server: PooledConnection | None = None
    """The connection, once bound."""

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """As the flow has it; the table is the entity's name if none is set."""
        return {**settings, "table": settings.get("table") or entity}

    def bind(self, around: Surroundings) -> Self:
        """With the connection found. Raises ConfigError where there is none, or another's."""
        if self.server is not None:
            return self
        if not self._table:
            raise ConfigError(f"a Store of type '{self.type}' needs a `table`")
        if self.everyday and self.everyday._names[0] != self._names[0]:
            raise ConfigError(
                f"{self._place.name}: with `{{run_date}}` in its schema, each day would begin anew",
                hint="put it into the table's name, whose days go on from each other",
            )
        return self.copy_with(server=self._connection(around).for_writing())

    def _connection(self, around: Surroundings) -> PooledConnection:
        return connection_for(
            self.config, around, self.connection_type, owner=f"the store of '{self.name}'",
            needs=f"a Store of type '{self.type}'", ways="a `url:`",
        )  # fmt: skip

    @property
    def _table(self) -> str:
        return self.config.table or self.name

    @property
    def _place(self) -> Place:
        config = self.config
        where: object = self.server.place() if self.server else config.url or config.connection
        schema, table = self._names
        dated = self.everyday._names[1] if self.everyday else ""
        return Place(
            schema, table, str(where or self.type), dated if dated != table else "",
            **self.shape(),
        )  # fmt: skip

    def shape(self) -> dict[str, Any]:
        """What a table that is made is to have beside its columns; see Place."""
        return {"indexes": self.config.indexes}

    @property
    def _names(self) -> tuple[str, str]:
        """The schema and the table."""
        schema, table = self.config.schema_ or "", self._table
        if not schema and table.count(".") == 1:
            schema, _, table = table.partition(".")
        return schema, table

    @property
    def _server(self) -> PooledConnection:
        assert self.server is not None  # bound
        return self.server

    def settler(self) -> Settler:
        """How the database takes loads, by this Store's settings."""
        return self._server.settler()

    def unheld(self) -> Unheld | None:
        return self.settler().unheld

    def place(self) -> str:
        return str(self._place)

    def identity(self) -> Mapping[str, Any]:
        return {"type": self.type, "table": self._place.name}

    def readers(self, mode: Mode) -> str:
        return "the rows before or the rows after, never between"

    def slots(self) -> Sequence[Slots]:
        """See Store; no more than there ever are, so that a look at the state needs no more."""
        slots = pool_of(self._server).slots
        return (slots,) * min(self.settler().lines(self._server), slots.size)

    def open(self, context: Context) -> SQLStoreSession:
        return SQLStoreSession(self._server, self.settler(), self._place, context)

    def writer(self, ticket: Ticket, chunk: int, context: Context) -> TableWriter:
        return ticket.writer(chunk, context)
