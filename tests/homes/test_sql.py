"""SQLHome: every kind of connection it takes gives the same rows."""

from __future__ import annotations

import datetime as dt
import pickle
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from tests.sql.databases import ask, drain, make

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import BadValue, ConfigError, ConnectError, MissingDriver
from hygge.core.watermark import Window
from hygge.homes.sql import SQLHome
from hygge.sql.alchemy.connection import SQLConnection
from hygge.sql.alchemy.session import session_over
from hygge.sql.duckdb.connection import DuckDBConnection
from hygge.sql.finding import URL_VARIABLE
from hygge.sql.source import Source
from hygge.sql.sqlite.connection import SQLiteConnection

ROWS = [
    (1, 9.99, "2024-01-31 10:00:00", 1, "é"),
    (2, 5, None, 0, None),
    (3, 0.5, "2024-02-01", None, ""),
]
MADE = (
    "CREATE TABLE users (id INTEGER PRIMARY KEY, price NUMERIC(10,2), at DATETIME, ok BOOLEAN, "
    "name VARCHAR(20))"
)
SCHEMA = {
    "id": pl.Int64(), "price": pl.Decimal(10, 2), "at": pl.Datetime("us"), "ok": pl.Boolean(),
    "name": pl.String(),
}  # fmt: skip


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(tmp_path / "shop.db", MADE, rows={"users": ROWS})


@pytest.fixture(params=["url", "engine", "alchemy", "sqlite3", "rows", "adbc"])
def connection(request: pytest.FixtureRequest, path: Path) -> Iterator[Any]:
    """One of each kind, of which all but the URL are live."""
    with ExitStack() as stack:
        if request.param == "url":
            yield f"sqlite:///{path}"
            return
        if request.param in ("engine", "alchemy"):
            engine = sa.create_engine(f"sqlite:///{path}")
            stack.callback(engine.dispose)
            yield engine if request.param == "engine" else stack.enter_context(engine.connect())
        elif request.param == "adbc":
            yield stack.enter_context(closing(adbc.connect(str(path))))
        else:
            made = stack.enter_context(
                closing(sqlite3.connect(path, detect_types=sqlite3.PARSE_DECLTYPES))
            )
            made.row_factory = sqlite3.Row if request.param == "rows" else None
            yield made


async def test_the_spec_of_the_face(connection: Any) -> None:
    home = SQLHome("users", connection=connection, options={"batch_size": 2})
    frames = [df async for df in home.read()]
    frame = pl.concat(frames)
    assert frame.schema == SCHEMA
    assert frame["price"].to_list() == [Decimal("9.99"), Decimal("5.00"), Decimal("0.50")]
    assert frame["at"].to_list() == [dt.datetime(2024, 1, 31, 10), None, dt.datetime(2024, 2, 1)]
    assert frame["ok"].to_list() == [True, False, None]
    assert frame["name"].to_list() == ["é", None, ""]
    assert max(f.height for f in frames) == 2
    if not isinstance(connection, str):
        assert home.local
        for _ in range(2):  # still open, and nothing is left behind
            again = SQLHome("q", connection=connection, query="SELECT count(*) AS n FROM users")
            assert [df.item() async for df in again.read()] == [3]


def test_synchronously_too(connection: Any) -> None:
    rows = pl.concat(list(SQLHome("users", connection=connection).read_sync()))
    assert rows.height == 3


def test_questions_have_the_same_answers(connection: Any) -> None:
    home = SQLHome("users", connection=connection).bind(Surroundings())
    with home.open(Context()) as session:
        schema = session.schema()
        assert (schema.keys, schema["id"].nullable) == (("id",), False)
        assert session.count(ReadRequest(), WHOLE) == 3
        assert session.maximum("id") == 3
        assert session.maximum("at") == dt.datetime(2024, 2, 1)
        window = Window("id", schema["id"].type, 2, 3)
        assert drain(session, ReadRequest(window=window))["id"].to_list() == [2]
        assert session.split(ReadRequest(), 1) == (WHOLE,)


def test_a_bad_value_is_named(connection: Any, path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("INSERT INTO users (id, price) VALUES (7, 'cheap')")
        other.commit()
    with pytest.raises(BadValue, match=r"users\.price, id=7: 'cheap'"):
        list(SQLHome("users", connection=connection).read_sync())


def test_rows_that_are_not_committed_yet_and_databases_in_memory() -> None:
    with closing(sqlite3.connect(":memory:")) as live:
        live.execute(MADE)
        live.executemany("INSERT INTO users VALUES (?, ?, ?, ?, ?)", ROWS)
        assert live.in_transaction
        assert pl.concat(list(SQLHome("users", connection=live).read_sync())).height == 3
        assert live.in_transaction
        live.rollback()
        assert live.execute("SELECT count(*) FROM users").fetchone() == (0,)


async def test_an_engine_in_memory_is_read_where_its_tables_are() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.execute(sa.text(MADE))
        connection.execute(sa.text("INSERT INTO users (id) VALUES (1)"))
    assert [df.height async for df in SQLHome("users", connection=engine).read()] == [1]
    engine.dispose()


async def test_a_connection_bound_to_a_thread_that_cannot_help() -> None:
    import asyncio

    with closing(sqlite3.connect(":memory:")) as live:
        live.execute("CREATE TABLE t (x INT)")
        read = SQLHome("t", connection=live).read_sync()
        with pytest.raises(ConfigError, match="check_same_thread=False"):
            await asyncio.to_thread(next, read)


def test_which_connection_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    def rows(around: Surroundings, **settings: Any) -> int | None:
        with SQLHome("users", **settings).bind(around).open(Context()) as session:
            return session.count(ReadRequest(), WHOLE)

    shop, other = SQLiteConnection(path="shop.db"), SQLConnection(url="sqlite:///none.db")
    monkeypatch.delenv(URL_VARIABLE, raising=False)
    assert rows(Surroundings(tmp_path, {"only": shop})) == 3
    assert rows(Surroundings(tmp_path, {"default": shop, "other": other})) == 3
    assert rows(Surroundings(tmp_path, {"a": shop, "b": other}), connection="a") == 3
    by_url = SQLConnection(url="sqlite:///shop.db")
    assert rows(Surroundings(tmp_path, {"a": by_url, "b": other}), connection="a") == 3
    with pytest.raises(ConfigError, match=URL_VARIABLE):
        rows(Surroundings(tmp_path, {"a": shop, "b": other}))
    with pytest.raises(ConfigError, match="the project has none"):
        rows(Surroundings(tmp_path))
    monkeypatch.setenv(URL_VARIABLE, f"sqlite:///{path}")
    assert rows(Surroundings(tmp_path)) == 3


def test_what_is_refused(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read through"):
        SQLHome("users", connection=object())
    with closing(sqlite3.connect(":memory:")) as live, pytest.raises(ConfigError, match="twice"):
        SQLHome("users", connection=live, options={"connection": "shop"})
    around = Surroundings(tmp_path)
    with pytest.raises(ConfigError, match="nonsense"):
        SQLHome("users", connection="nonsense://x").bind(around).open(Context())
    with pytest.raises(ConfigError, match=r"mssql\+foo://.*; there are mssql://, .*mssql\+pyodbc:"):
        SQLHome("users", connection="mssql+foo://x").bind(around)
    with pytest.raises(ConnectError, match="there is no SQLite file"):
        SQLHome("users", url="sqlite:///none.db").bind(around).open(Context())
    with pytest.raises(MissingDriver, match="pymssql") as caught:
        SQLHome("users", url="mssql+pymssql://u:p@h/db").bind(around).open(Context())
    assert "mssql+DRIVER://" in str(caught.value.hint)  # and no extra that there is not
    with pytest.raises(ConfigError, match="did you mean 'users'"):
        list(SQLHome("user", connection=f"sqlite:///{path}").read_sync())


@pytest.mark.parametrize(
    ("scheme", "driver", "extra"),
    [("postgresql", "numpy", "postgres"), ("mysql", "pymysql", "mysql"),
     ("oracle", "oracledb", "oracle")],
)  # fmt: skip
def test_a_missing_driver_names_its_extra(scheme: str, driver: str, extra: str) -> None:
    """In a process of its own, where nothing has imported the driver."""
    code = (
        f"import sys; sys.modules[{driver!r}] = None\n"
        "from hygge import SQLHome\n"
        "from hygge.core.context import Context, Surroundings\n"
        "from hygge.core.errors import MissingDriver\n"
        f"home = SQLHome('users', url='{scheme}://u@127.0.0.1:1/db').bind(Surroundings())\n"
        "try:\n    home.open(Context())\n"
        "except MissingDriver as missing:\n    print(missing.hint)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == f"pip install 'hygge[{extra}]'\n"


def test_a_connection_of_any_type_by_its_name(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "w.duckdb")) as db:
        db.execute("CREATE TABLE users AS SELECT 7 AS id")
    warehouse = DuckDBConnection(path="w.duckdb")
    for connections in ({"w": warehouse}, {"default": warehouse, "other": warehouse}):
        home = SQLHome("users").bind(Surroundings(tmp_path, connections))
        assert pl.concat(home.read_sync())["id"].to_list() == [7]
        assert home.identity() == {"database": "duckdb:w.duckdb", "table": "users"}
        assert [table.name for table in home.catalogue(Context())] == ["users"]
        assert pickle.loads(pickle.dumps(home)) == home


def test_no_secret_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    home = SQLHome("users", connection="postgresql+psycopg://me:hunter2@db.example/shop")
    assert "hunter2" not in repr(home) + str(home.config) + str(home.identity())
    bound = home.bind(Surroundings())
    assert "hunter2" not in repr(bound) + str(bound.identity())
    assert bound.identity()["database"] == "postgresql:/shop"
    monkeypatch.setenv("SHOP", "sqlite:///x.db")
    by_variable = SQLHome("users", url="${SHOP}").bind(Surroundings())
    assert by_variable.identity()["database"] == "sqlite:x.db"


class TestAnyDatabase:
    """The generic road, tried on SQLite, which has a better one of its own."""

    @pytest.fixture
    def engine(self, path: Path) -> Iterator[sa.Engine]:
        engine = sa.create_engine(f"sqlite:///{path}")
        yield engine
        engine.dispose()

    def test_fields_rows_and_windows(self, engine: sa.Engine) -> None:
        with session_over(engine, Source("users"), Context()) as session:
            schema = session.schema()
            assert schema.physical == SCHEMA
            assert schema.keys == ("id",)
            frame = drain(session, ReadRequest(batch_rows=2))
            assert frame["price"].to_list() == [Decimal("9.99"), Decimal("5.00"), Decimal("0.50")]
            assert session.count(ReadRequest(), WHOLE) == 3
            assert session.maximum("at") == dt.datetime(2024, 2, 1)
            later = Window("at", schema["at"].type, None, dt.datetime(2024, 1, 31, 10, 0, 1))
            for window, ids in (
                (later, [1, 2]),
                (Window("id", schema["id"].type, 2, None), [2, 3]),
            ):
                request = ReadRequest(window=window, columns=("id", "at"))
                assert sorted(drain(session, request)["id"]) == ids
                assert session.count(request, WHOLE) == len(ids)

    def test_a_query_needs_its_types_declared(self, engine: sa.Engine) -> None:
        query = "SELECT id, price * 2 AS twice FROM users;"
        session = session_over(engine, Source(query=query), Context())
        with session, pytest.raises(ConfigError, match="no type for id, twice"):
            session.schema()
        from hygge.core.fields import parse_type

        types = {"id": parse_type("int64"), "twice": parse_type("decimal(12,2)")}
        with session_over(engine, Source(query=query, types=types), Context()) as session:
            assert drain(session)["twice"].to_list() == [
                Decimal("19.98"), Decimal("10.00"), Decimal("1.00"),
            ]  # fmt: skip

    def test_tables_are_listed_and_missing_ones_named(self, engine: sa.Engine) -> None:
        home = SQLHome("users", connection=engine)
        assert [t.name for t in home.tables(Context())] == ["users"]
        session = session_over(engine, Source("user"), Context())
        with session, pytest.raises(ConfigError, match=r"did you mean 'main\.users'"):
            session.schema()


def test_duckdb_through_adbc(tmp_path: Path) -> None:
    dbapi = pytest.importorskip("adbc_driver_duckdb.dbapi")
    with closing(dbapi.connect()) as live:
        with closing(live.cursor()) as cursor:
            cursor.execute("CREATE TABLE t AS SELECT 1 AS id, 2.5::DECIMAL(10,2) AS price")
        (frame,) = SQLHome("t", connection=live).read_sync()
        assert frame.rows() == [(1, Decimal("2.50"))]
        with SQLHome("t", connection=live).open(Context()) as session:
            assert session.count(ReadRequest(), WHOLE) == 1
        with pytest.raises(ConfigError, match="nope"):
            list(SQLHome("nope", connection=live).read_sync())


def test_a_live_sqlite3_connection_is_left_as_it_was(path: Path) -> None:
    with closing(sqlite3.connect(path)) as live:
        list(SQLHome("q", connection=live, query="SELECT * FROM users").read_sync())
        assert live.execute("SELECT name FROM sqlite_temp_master").fetchall() == []
    assert ask(path, "SELECT count(*) FROM users") == [(3,)]
