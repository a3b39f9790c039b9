"""Homes of databases with a connection of their own: a table or a query, by name or by URL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.home import Home, Table
from hygge.core.reading import HomeSession
from hygge.core.secrets import Condition, Secret, Statement, remember_statement
from hygge.core.settings import HomeConfig
from hygge.core.slots import Slots
from hygge.sql.connection import DatabaseConnection
from hygge.sql.finding import connection_for
from hygge.sql.source import Source


class TableConfig(HomeConfig):
    """What every Home of a database takes: a table or a query, and which rows of it."""

    table: str | None = Field(
        default=None,
        description="A table or view; the entity's name if neither this nor a query is set",
        examples=["users", "sales.users"],
    )
    schema_: str | None = Field(
        default=None,
        alias="schema",
        description="The schema the table is in, where its name does not say it",
        examples=["sales"],
    )
    query: Statement | None = Field(
        default=None,
        description="A SELECT, instead of `table`. Read incrementally it needs `:since` and "
        "`:until`, in chunks `:lower` and `:upper`",
        examples=["SELECT id, total FROM orders WHERE total > 0"],
    )
    query_file: str | None = Field(
        default=None,
        description="A file with that SELECT, relative to the project",
        examples=["queries/orders.sql"],
    )
    where: Condition | None = Field(
        default=None,
        description="An SQL condition that rows must meet",
        examples=["deleted_at IS NULL"],
    )
    chunk_column: str | None = Field(
        default=None,
        description="The column by which it is split into chunks; by default the primary key's",
        examples=["id"],
    )

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        given = [n for n in ("table", "query", "query_file") if getattr(self, n) is not None]
        if len(given) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` exclude each other")
        if self.schema_ is not None and given and given[0] != "table":
            raise ValueError(f"`schema` and `{given[0]}` exclude each other")
        return self

    def source(self, name: str, root: Path, place: str) -> Source:
        """What is to be read.

        Parameters
        ----------
        name: the table, unless the settings say otherwise.
        root: where `query_file` is relative to.
        place: the database, for errors.

        Raises ConfigError where there is neither table nor query, or the file cannot be read.
        """
        query = self.query or ""
        if not query and self.query_file:
            query = remember_statement(_text_of(root / self.query_file))
        table = "" if query else self.table or name
        if not query and not table:
            raise ConfigError("a Home of a database needs a `table` or a `query`")
        return Source(
            table=table, query=query, types=self.declared(), where=place,
            schema=self.schema_ or "", condition=self.where or "",
            chunk_column=self.chunk_column or "",
        )  # fmt: skip


class ServerConfig(TableConfig):
    """Settings of a Home whose database has a connection type of its own."""

    connection: str | None = Field(
        default=None, description="A connection's name, or a URL", examples=["shop"]
    )
    url: Secret | None = Field(
        default=None, description="A URL, instead of `connection`", examples=["${SHOP_URL}"]
    )

    @model_validator(mode="before")
    @classmethod
    def _url_or_name(cls, given: Any) -> Any:
        return url_or_name(given)

    @model_validator(mode="after")
    def _one_route(self) -> Self:
        if self.connection is not None and self.url is not None:
            raise ValueError("`connection` and `url` exclude each other")
        return self


class ServerHome(Home, type=""):
    """Where data starts in a database.

    Parameters
    ----------
    name: the table, unless `table` or a query says otherwise.
    connection: a connection's name, or a URL.
    options, settings: see the Home's own settings.
    """

    Config = ServerConfig
    config: ServerConfig
    connection_type: ClassVar[type[DatabaseConnection]]
    ways: ClassVar[str] = "a `url`"
    """What else says where the database is, for errors."""
    incremental = True
    known_when_bound = True
    server: DatabaseConnection | None = None
    """The connection, once bound."""
    root: Path = Path()

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """As the flow has it; the table is the entity's name if neither it nor a query is set."""
        placed = dict(settings)
        if not any(placed.get(name) for name in ("table", "query", "query_file")):
            placed["table"] = entity
        return placed

    def bind(self, around: Surroundings) -> Self:
        """With the connection found. Raises ConfigError where there is none, or another's."""
        if self.server is not None:
            return self
        return self.copy_with(server=self._connection(around), root=around.root)

    def _connection(self, around: Surroundings) -> DatabaseConnection:
        return connection_for(
            self.config, around, self.connection_type, owner=f"the home of '{self.name}'",
            needs=f"a Home of type '{self.type}'", ways=self.ways,
        )  # fmt: skip

    def place(self) -> str:
        config = self.config
        where: object = self.server.place() if self.server else config.url or config.connection
        return placed(where or self.type, what_of(config, self.name))

    def identity(self) -> Mapping[str, Any]:
        """The database and what is read of it; known once bound."""
        if self.server is None:
            return {"type": self.type, "what": what_of(self.config, self.name)}
        return {"database": self.server.identity(), **what_is_read(self._source)}

    @property
    def _source(self) -> Source:
        return self.config.source(self.name, self.root, self._server.place())

    @property
    def _server(self) -> DatabaseConnection:
        assert self.server is not None  # bound
        return self.server

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view that is a person's own."""
        return self._server.tables(context)

    def catalogue(self, context: Context) -> Sequence[Table]:
        return self._server.catalogue(context)

    def slots(self) -> Sequence[Slots]:
        return self._server.slots()

    def open(self, context: Context) -> HomeSession:
        return self._server.read(self._source, context)

    def beside(self, session: HomeSession, most: int, context: Context) -> list[HomeSession]:
        return self._server.read_beside(most, self._source, context)


def url_or_name(given: Any) -> Any:
    """Settings in which a `connection` that is a URL has become the `url`."""
    connection = given.get("connection") if isinstance(given, Mapping) else None
    if isinstance(connection, str) and "://" in connection:
        if given.get("url") is not None:
            raise ValueError("`connection` and `url` exclude each other")
        return {**{k: v for k, v in given.items() if k != "connection"}, "url": connection}
    return given


class FileConfig(ServerConfig):
    """Settings of a Home whose database is one file."""

    path: str | None = Field(
        default=None, description="The database file, instead of `connection`",
        examples=["shop.db"],
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_file(self) -> Self:
        other = "connection" if self.connection is not None else "url"
        if self.path is not None and getattr(self, other) is not None:
            raise ValueError(f"`path` and `{other}` exclude each other")
        return self


class FileHome(ServerHome, type=""):
    """Where data starts in a database that is one file."""

    Config = FileConfig
    config: FileConfig
    ways = "a `path`"

    def place(self) -> str:
        if self.server is not None or self.config.path is None:
            return super().place()
        return placed(self.config.path, what_of(self.config, self.name))


def placed(where: object, what: str) -> str:
    """A place for people; without what is read, that of the whole database."""
    return f"{where}#{what}" if what else str(where)


def what_of(config: TableConfig, name: str) -> str:
    """What is read, in a word, for people."""
    if config.query or config.query_file:
        return config.query_file or "query"
    table = config.table or name
    return f"{config.schema_}.{table}" if config.schema_ else table


def what_is_read(source: Source) -> dict[str, str]:
    """What a Home's identity says beside its database."""
    what = {"query": source.query} if source.query else {"table": source.label}
    return {**what, "where": source.condition} if source.condition else what


def _text_of(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"`query_file` {file} cannot be read: {reason}",
            hint="it is looked for beside the project's hygge.yml",
        ) from None
