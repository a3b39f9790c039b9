"""SQLStore: a table of any database, by a connection's name or a URL."""

from __future__ import annotations

from contextlib import suppress
from typing import Self

from pydantic import Field

from hygge.core.context import Surroundings
from hygge.core.errors import MissingDriver, UnsupportedError
from hygge.core.secrets import Secret
from hygge.sql.finding import URL_VARIABLE, any_connection
from hygge.sql.server import PooledConnection
from hygge.sql.settle.store import ServerStore, ServerStoreConfig


class SQLStoreConfig(ServerStoreConfig):
    """Settings of a SQL Store: where the database is, and a table."""

    connection: str | None = Field(
        default=None,
        description="The name of a connection of any type, or a URL; without it and `url` the "
        f"project's only or `default` connection, else the URL in {URL_VARIABLE}",
        examples=["warehouse"],
    )
    url: Secret | None = Field(
        default=None,
        description="A URL, instead of `connection`: `postgresql://` and its like are loaded by "
        "the connector of that scheme, `postgresql+psycopg://` and its like through SQLAlchemy",
        examples=["${WAREHOUSE_URL}"],
    )


class SQLStore(ServerStore, type="sql"):
    """Where data settles in a database, whichever it is.

    `SQLStore("users", connection="warehouse")` loads the table `users`, made if need be.
    """

    Config = SQLStoreConfig
    config: SQLStoreConfig

    def _connection(self, around: Surroundings) -> PooledConnection:
        found = any_connection(self.config, around, owner=f"the store of '{self.name}'")
        if not isinstance(found, PooledConnection):
            raise UnsupportedError(
                f"a connection of type '{found.kind}' takes loads by its own Store only",
                hint=f"use `type: {found.kind}`",
            )
        return found

    def bind(self, around: Surroundings) -> Self:
        """See ServerStore. Raises UnsupportedError for a connection that takes no loads."""
        bound = super().bind(around)
        with suppress(MissingDriver):  # which fails the flow that needs it, and no others
            bound.settler()
        return bound
