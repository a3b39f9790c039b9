"""The suite over SQL Server's Store, against the server that HYGGE_TEST_MSSQL_URL names.

Rows are read by the driver itself, and by none of hygge's code.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any, ClassVar
from urllib.parse import urlsplit

import polars as pl
import pytest
from tests.contract.readers import value_of
from tests.servers.cut import Cut, cut_before
from tests.sql.mssql.support import by_odbc, connect, is_babelfish, needs_server, url_of

from hygge import MSSQLStore, Schema, Store
from hygge.sql.mssql.connection import DEFAULT_PORT, MSSQLConnection, connection_string
from hygge.sql.mssql.native import driver
from hygge.sql.mssql.types import DIALECT
from hygge.sql.settle.load import STEPS
from hygge.testing.stores import StoreContract

pytestmark = [needs_server, pytest.mark.timeout(600)]  # Babelfish takes its time
FINITE = "SQL Server's numbers are finite"
LOWER = "a uuid is a number"
SPANS = "SQL Server has no spans of time"
NS = "SQL Server's times are of 100 ns"
KEYS = "a key has 900 bytes at most, and blanks at its end are not compared"
NUL = "PostgreSQL's text has no NUL"
ON_BABELFISH = {
    "values[string / NUL]": NUL, "state_keeps_fields[string / NUL]": NUL,
    "merge_tells_keys_apart[string / NUL]": NUL,
    "awkward_names": "Babelfish takes no identifier with a closing bracket",
}  # fmt: skip


_of_thread = threading.local()


def ask(query: str) -> pl.DataFrame:
    """A table's rows, by the driver's Arrow: its rows leave out U+FEFF at a text's beginning.

    Nothing, where there is no table.
    """
    if not hasattr(_of_thread, "connection"):
        keys = MSSQLConnection(url=url_of()).keys()
        own = {name: value for name, value in keys.items() if name not in ("Driver", "APP")}
        _of_thread.connection = driver().connect(connection_string(own), autocommit=True)
    with closing(_of_thread.connection.cursor()) as cursor:
        try:
            cursor.execute(query)
        except driver().ProgrammingError as error:
            if "does not exist" in str(error) or "Invalid object name" in str(error):
                return pl.DataFrame()
            raise
        return pl.DataFrame(cursor.arrow())


class TestMSSQLStore(StoreContract):
    steps = STEPS
    cut: Cut
    settings: ClassVar[dict[str, Any]] = {}
    never: ClassVar = {
        "float32 / not finite": FINITE, "float64 / not finite": FINITE, "duration(us)": SPANS,
        "timestamp(ns)": NS, "merge_tells_keys_apart[string]": KEYS,
        "merge_tells_keys_apart[binary]": "zeros at the end of a key are not compared",
    }  # fmt: skip
    lossy: ClassVar = {"values[uuid]": LOWER, "merge_tells_keys_apart[uuid]": LOWER}

    @classmethod
    def quirks(cls) -> Iterator[tuple[str, str]]:
        """The server's own ones among them."""
        yield from super().quirks()
        for key, reason in (ON_BABELFISH if is_babelfish() else {}).items():
            yield key, f"never: {reason}"

    @pytest.fixture(autouse=True)
    def _server(self, request: pytest.FixtureRequest) -> Iterator[None]:
        is_babelfish()
        self.prefix = f"t{abs(hash(request.node.nodeid)) % 10**9}_"
        at = urlsplit(url_of())
        with cut_before(at.hostname or "", at.port or DEFAULT_PORT) as self.cut:
            yield
        self.clear()

    def clear(self) -> None:
        """What a test has left, stages among it: a catalogue that grows is asked ever slower."""
        with connect() as link:
            for (name,) in link.rows(
                "SELECT TABLE_NAME FROM INFORMATION_SCHEMA.TABLES "
                f"WHERE TABLE_TYPE = 'BASE TABLE' AND TABLE_NAME LIKE '%{self.prefix[:-1]}%'"
            ):
                link.execute(f"DROP TABLE {DIALECT.quote(name)}")

    def make(self, name: str) -> Store:
        return MSSQLStore(self.prefix + name, url=url_of(options=self.options()), **self.settings)

    def options(self) -> str:
        """The address's, of the driver that writes."""
        return ""

    def fragile(self, name: str) -> tuple[Store, Callable[[bool], None]]:
        """Over a line without encryption, so that the COMMIT is seen on it."""
        at = urlsplit(url_of())
        options = "&".join(filter(None, ["encrypt=no", self.options()]))
        plain = url_of(options=options).replace(
            f"{at.hostname}:{at.port}", f"127.0.0.1:{self.cut.port}"
        )
        words = "COMMIT TRANSACTION".encode("utf-16-le")
        store = MSSQLStore(self.prefix + name, url=plain)
        return store, lambda happens: self.cut.arm(words, arrives=happens)

    def with_secret(self, secret: str) -> Store:
        return MSSQLStore("t", url=f"mssql://user:{secret}@127.0.0.1:1/shop")

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        found = ask(f"SELECT * FROM [{store.name}]")
        nested = [f for f in schema if f.name in found.columns and f.type.inner]
        return found.with_columns(
            pl.Series(f.name, [v and value_of(f.type, json.loads(v)) for v in found[f.name]],
                      dtype=f.type.physical)
            for f in nested
        )  # fmt: skip


class TestMSSQLStoreByODBC(TestMSSQLStore):
    """By Microsoft's ODBC driver: rows are literals of INSERTs; they are read as above."""

    def options(self) -> str:
        return by_odbc()
