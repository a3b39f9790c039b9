"""What tests of MySQL share."""

from __future__ import annotations

from typing import Any

import polars as pl
from tests.servers import Database

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context, Surroundings
from hygge.core.reading import HomeSession
from hygge.homes.mysql import MySQLHome


def home(database: Database, table: str = "t", **settings: Any) -> MySQLHome:
    """A bound Home of a table, or of what settings say."""
    if "query" in settings:
        table = ""
    return MySQLHome(table, url=database.url, **settings).bind(Surroundings())


def open_home(database: Database, table: str = "t", **settings: Any) -> HomeSession:
    return home(database, table, **settings).open(Context())


def drain(
    session: HomeSession, request: ReadRequest | None = None, chunk: Chunk = WHOLE
) -> pl.DataFrame:
    """All rows of a chunk, held to the session's fields."""
    schema, request = session.schema(), request or ReadRequest()
    frames = [conform(batch, schema, entity="t") for batch in session.read(request, chunk)]
    return pl.concat([schema.empty(), *frames])


def read(database: Database, table: str = "t", **settings: Any) -> pl.DataFrame:
    with open_home(database, table, **settings) as session:
        return drain(session)
