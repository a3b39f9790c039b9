"""The suite over the ODBC Home, on PostgreSQL by its own driver."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote, quote_plus

import polars as pl
from tests.contract import test_postgres
from tests.servers import Database
from tests.servers.odbc import driver

from hygge import Home, ODBCHome, Schema

shop = test_postgres.shop
LISTS = dict.fromkeys(("list(int64)", "list(string)"), "arrays are text to the driver")


def url_of(database: Database, library: str, **options: str) -> str:
    """The address of a database by a driver."""
    keys = "".join(f"&{key}={quote_plus(value)}" for key, value in options.items())
    return f"odbc://{database.url.partition('://')[2]}?driver={quote(driver(library))}{keys}"


class TestODBCHome(test_postgres.TestPostgresHome):
    never: ClassVar = {**test_postgres.TestPostgresHome.never, **LISTS}
    becomes: ClassVar = {**test_postgres.TestPostgresHome.becomes, "string(5)": "string"}

    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        super().make(frame, schema)
        return ODBCHome("my table", url=url_of(self.database, "psqlodbcw.so"))

    def missing(self) -> Home:
        return ODBCHome("t", url=f"odbc://hygge@127.0.0.1:1/shop?driver={driver('psqlodbcw.so')}")

    def with_secret(self, secret: str) -> Home:
        library = driver("psqlodbcw.so")
        return ODBCHome("t", url=f"odbc://user:{secret}@127.0.0.1:1/shop?driver={library}")
