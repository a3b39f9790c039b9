"""SQLHome: a table or a query of any database, by a connection's name, a URL or a live object."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.home import Home, HomeSession, Table
from hygge.core.secrets import Secret
from hygge.core.settings import HomeConfig
from hygge.sql.connection import SQLConnection, SQLiteConnection, named
from hygge.sql.live import check_live, database_of, open_live
from hygge.sql.source import Source

URL_VARIABLE = "HYGGE_DATABASE_URL"


class SQLHomeConfig(HomeConfig):
    """Settings of a SQL Home: where the database is, and a table or a query."""

    connection: str | None = Field(
        default=None,
        description="A connection's name; without it and `url` the project's only or `default` "
        f"one, else the URL in {URL_VARIABLE}",
        examples=["shop"],
    )
    url: Secret | None = Field(
        default=None,
        description="A SQLAlchemy URL, instead of `connection`",
        examples=["sqlite:///shop.db", "${SHOP_URL}"],
    )
    table: str | None = Field(
        default=None,
        description="A table or view; the entity's name if neither this nor `query` is set",
        examples=["users", "sales.users"],
    )
    query: str | None = Field(
        default=None, description="A SELECT, instead of `table`", examples=["SELECT 1 AS one"]
    )

    @model_validator(mode="before")
    @classmethod
    def _url_or_name(cls, given: Any) -> Any:
        connection = given.get("connection") if isinstance(given, Mapping) else None
        if isinstance(connection, str) and "://" in connection:
            if given.get("url") is not None:
                raise ValueError("`connection` and `url` exclude each other")
            rest = {k: v for k, v in given.items() if k != "connection"}
            return {**rest, "url": connection}
        return given

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if self.connection is not None and self.url is not None:
            raise ValueError("`connection` and `url` exclude each other")
        if self.table is not None and self.query is not None:
            raise ValueError("`table` and `query` exclude each other")
        return self


class SQLHome(Home, type="sql"):
    """Where data starts in a database.

    Parameters
    ----------
    name: the table, unless `table` or `query` says otherwise.
    connection: a connection's name, a SQLAlchemy URL, Engine or Connection, a `sqlite3`
        connection, or an ADBC connection. Live objects are read in one session, stay in this
        process, and are never closed.
    options, settings: see SQLHomeConfig.
    """

    lenient = False
    Config = SQLHomeConfig
    config: SQLHomeConfig
    incremental = True
    live: Any = None
    """A live object that was handed over."""
    file: Path | None = None
    """The SQLite file that the connection turned out to be, for that database's own fast road."""
    pool_size: int = 8

    def __init__(
        self,
        name: str = "",
        *,
        connection: Any = None,
        options: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        if connection is not None and isinstance(connection, str):
            settings["connection"] = connection
        elif connection is not None:
            if {"connection", "url"} & {*(options or {}), *settings}:
                raise ConfigError("SQLHome: a connection is given twice")
            check_live(connection)
        super().__init__(name, options=options, **settings)
        if connection is not None and not isinstance(connection, str):
            self.live = connection
            self.local = True

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
        """With the connection found. Raises ConfigError where there is none to be found."""
        if self.live is not None:
            return self
        config = self.config
        if config.url is not None:
            return self._at(config.url, around.root)
        name = config.connection or _default(around)
        if name is None:
            url = os.environ.get(URL_VARIABLE)
            if not url:
                raise ConfigError(
                    f"the home of '{self.name}' names no connection, the project has "
                    f"{'several and none is `default`' if around.connections else 'none'}, and "
                    f"{URL_VARIABLE} is not set",
                    hint="give `connection:`, or set that variable to a SQLAlchemy URL",
                )
            return self._at(Secret("${" + URL_VARIABLE + "}"), around.root)
        found = named(name, around, owner=f"the home of '{self.name}'")
        if isinstance(found, SQLiteConnection):
            return self.copy_with(file=Path(os.path.abspath(found.path)))
        if isinstance(found, SQLConnection):
            return self._at(found.url, around.root, found.pool_size)
        raise ConfigError(
            f"the connection '{name}' is of type '{found.kind}', which a SQL Home does not read",
            hint=f"use a Home of `type: {found.kind}`",
        )

    def _at(self, url: Secret, root: Path, pool_size: int = 8) -> Self:
        config = self.config.model_copy(update={"url": url, "connection": None})
        file = _sqlite_file(url.reveal(), root)
        return self.copy_with(config=config, file=file, pool_size=pool_size)

    @property
    def _what(self) -> dict[str, str]:
        if self.config.query:
            return {"table": "", "query": self.config.query}
        return {"table": self.config.table or self.name, "query": ""}

    def place(self) -> str:
        what = self._what["table"] or "query"
        if self.live is not None:
            return f"sql:{type(self.live).__module__.split('.')[0]} connection#{what}"
        config = self.config
        where = str(config.url) if config.url is not None else config.connection or "default"
        return f"{self.file or where}#{what}"

    def identity(self) -> Mapping[str, Any]:
        config = self.config
        what = {k: v for k, v in self._what.items() if v}
        if self.live is not None:
            return {"type": self.type, "database": database_of(self.live), **what}
        database = config.connection or "default"
        if config.url is not None:
            database = config.url.written if config.url.is_reference else _bare(config.url.written)
        return {"type": self.type, "database": database, **what}

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view. Raises UnsupportedError for a live object but SQLAlchemy's."""
        if self.file is not None:
            from hygge.sql.sqlite.access import open_reader
            from hygge.sql.sqlite.catalogue import list_tables

            with open_reader(self.file) as db:
                return [Table("main", name) for name, _ in list_tables(db.rows)]
        from hygge.sql.alchemy import list_tables as reflected

        engine = getattr(self.live, "engine", None) if self.live is not None else self._engine()
        if engine is None:
            return super().tables(context)
        return reflected(engine)

    def open(self, context: Context) -> HomeSession:
        if not any(self._what.values()):
            raise ConfigError("a SQL Home needs a `table` or a `query`")
        if self.live is not None:
            return open_live(self.live, self._source(), context)
        if self.file is not None:
            from hygge.sql.sqlite.session import SQLiteSession

            return SQLiteSession.of_file(self.file, self._source(), context)
        from hygge.sql.alchemy import AlchemySession

        return AlchemySession(self._engine(), self._source(), context)

    def _source(self) -> Source:
        return Source(**self._what, types=self.config.declared(), where=self.place())

    def _engine(self) -> Any:
        from hygge.sql.alchemy import engine_of

        assert self.config.url is not None  # bound
        return engine_of(self.config.url.reveal(), self.pool_size)


def _sqlite_file(url: str, root: Path) -> Path | None:
    head, _, rest = url.partition("://")
    path = rest.removeprefix("/")
    if head.split("+")[0] != "sqlite" or path in ("", ":memory:") or "?" in path:
        return None
    return Path(os.path.abspath(root / Path(path).expanduser()))


def _bare(url: str) -> str:
    """The database that a URL names: no driver, host, user or secret."""
    scheme, _, rest = url.partition("://")
    rest = rest.partition("?")[0]
    if not rest.startswith("/"):  # a password may hold what should be quoted, `@` and `/` too
        rest = rest.rpartition("@")[2]
    return f"{scheme.split('+')[0]}:{urlsplit('//' + rest).path}"


def _default(around: Surroundings) -> str | None:
    names = list(around.connections)
    if "default" in names:
        return "default"
    return names[0] if len(names) == 1 else None
