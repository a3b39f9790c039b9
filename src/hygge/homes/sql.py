"""SQLHome: a table or a query of any database, by a connection's name, a URL or a live object."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Self

from pydantic import Field

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.home import Table
from hygge.core.reading import HomeSession
from hygge.core.secrets import Secret
from hygge.core.slots import Slots
from hygge.sql.connection import DatabaseConnection
from hygge.sql.finding import URL_VARIABLE, any_connection
from hygge.sql.home import ServerConfig, ServerHome, what_is_read, what_of
from hygge.sql.live import check_live, database_of, live_tables, open_live
from hygge.sql.source import Source


class SQLHomeConfig(ServerConfig):
    """Settings of a SQL Home: where the database is, and a table or a query."""

    connection: str | None = Field(
        default=None,
        description="The name of a connection of any type, or a URL; without it and `url` the "
        f"project's only or `default` connection, else the URL in {URL_VARIABLE}",
        examples=["shop"],
    )
    url: Secret | None = Field(
        default=None,
        description="A URL, instead of `connection`: `postgresql://` and its like are read by the "
        "connector of that scheme, `postgresql+psycopg://` and its like through SQLAlchemy",
        examples=["sqlite:///shop.db", "${SHOP_URL}"],
    )


class SQLHome(ServerHome, type="sql"):
    """Where data starts in a database, whichever it is.

    Parameters
    ----------
    name: the table, unless `table` or a query says otherwise.
    connection: a connection's name, a URL, a SQLAlchemy Engine or Connection, a `sqlite3`
        connection, or an ADBC connection. Live objects are read in one session, stay in this
        process, and are never closed.
    options, settings: see SQLHomeConfig.
    """

    Config = SQLHomeConfig
    config: SQLHomeConfig
    live: Any = None
    """A live object that was handed over."""

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

    def bind(self, around: Surroundings) -> Self:
        """With the connection found. Raises ConfigError where there is none to be found."""
        if self.live is not None:
            return self.copy_with(root=around.root)
        return super().bind(around)

    def _connection(self, around: Surroundings) -> DatabaseConnection:
        return any_connection(self.config, around, owner=f"the home of '{self.name}'")

    def place(self) -> str:
        if self.live is not None:
            kind = type(self.live).__module__.split(".")[0]
            return f"sql:{kind} connection#{what_of(self.config, self.name)}"
        return super().place()

    def identity(self) -> Mapping[str, Any]:
        if self.live is not None:
            return {"database": database_of(self.live), **what_is_read(self._source)}
        return super().identity()

    @property
    def _source(self) -> Source:
        where = self.place() if self.live is not None else self._server.place()
        return self.config.source(self.name, self.root, where)

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view. Raises UnsupportedError for a live object that lists none."""
        if self.live is not None:
            return live_tables(self.live, context)
        return super().tables(context)

    def catalogue(self, context: Context) -> Sequence[Table]:
        """See Home; of a live object the same as `tables`."""
        return self.tables(context) if self.live is not None else super().catalogue(context)

    def slots(self) -> Sequence[Slots]:
        return () if self.live is not None else super().slots()

    def open(self, context: Context) -> HomeSession:
        if self.live is not None:
            return open_live(self.live, self._source, context)
        return super().open(context)

    def beside(self, session: HomeSession, most: int, context: Context) -> list[HomeSession]:
        return [] if self.live is not None else super().beside(session, most, context)
