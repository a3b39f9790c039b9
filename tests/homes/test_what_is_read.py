"""Which rows of a database are read: the same settings, whatever the road to it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Any

import adbc_driver_sqlite.dbapi as adbc
import duckdb
import polars as pl
import pytest
import sqlalchemy as sa
from tests.sql.databases import drain, make

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.fields import parse_type
from hygge.core.reading import HomeSession
from hygge.core.watermark import Window
from hygge.homes.sql import SQLHome
from hygge.homes.sqlite import SQLiteHome
from hygge.sql.alchemy.session import session_over
from hygge.sql.source import Source

ROADS = ("file", "url", "alchemy", "sqlite3", "adbc", "duckdb")
MADE = "CREATE TABLE orders (id INTEGER PRIMARY KEY, made TIMESTAMP, total INTEGER, name TEXT)"
ROWS = [(at, f"2024-01-{at:02} 00:00:00" if at < 9 else None, at * 10, "x") for at in range(1, 11)]
BETWEEN = "SELECT * FROM orders WHERE id >= :lower AND id < :upper"
SINCE = "SELECT * FROM orders WHERE made >= :since AND made < :until"

Opens = Callable[..., HomeSession]


@pytest.fixture(params=ROADS)
def opens(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opens]:
    """Opens a session by one of the roads, with settings."""
    if request.param == "duckdb":
        path = tmp_path / "shop.duckdb"
        with duckdb.connect(str(path)) as db:
            db.execute(MADE)
            db.executemany("INSERT INTO orders VALUES (?, ?, ?, ?)", ROWS)
    else:
        path = make(tmp_path / "shop.db", MADE, rows={"orders": ROWS})
    with ExitStack() as stack:

        def opened(**settings: Any) -> HomeSession:
            around = Surroundings(root=tmp_path)
            name = "" if {"query", "query_file"} & {*settings} else "orders"
            if request.param == "file":
                home: Any = SQLiteHome(name, path="shop.db", **settings)
            elif request.param == "url":
                home = SQLHome(name, url="sqlite:///shop.db", **settings)
            elif request.param == "duckdb":
                home = SQLHome(name, url="duckdb:///shop.duckdb", **settings)
            elif request.param == "alchemy":  # on SQLite, which has a better road of its own
                engine = sa.create_engine(f"sqlite:///{path}")
                stack.callback(engine.dispose)
                config = SQLHome(name, connection=engine, **settings).config
                source = config.source(name, tmp_path, "shop")
                return stack.enter_context(session_over(engine, source, Context()))
            else:
                kind = adbc.connect if request.param == "adbc" else sqlite3.connect
                live = stack.enter_context(closing(kind(str(path))))
                home = SQLHome(name, connection=live, **settings)
            return stack.enter_context(home.bind(around).open(Context()))

        opened.road = request.param  # type: ignore[attr-defined]
        yield opened


ALL_ROWS = ReadRequest()


def ids(session: HomeSession, request: ReadRequest = ALL_ROWS, chunk: Chunk = WHOLE) -> list[int]:
    """The ids of what is read, counted too."""
    found = sorted(drain(session, request, chunk)["id"])
    assert session.count(request, chunk) == len(found)
    return found


def test_where_holds_for_all_that_is_asked(opens: Opens) -> None:
    session = opens(where="total > 30 OR id = 1")
    assert ids(session) == [1, 4, 5, 6, 7, 8, 9, 10]
    assert session.estimate(ALL_ROWS).rows is None
    kind = session.schema()["id"].type
    assert ids(session, ReadRequest(window=Window("id", kind, None, 5))) == [1, 4]
    assert opens(where="id < 6").maximum("id") == 5
    assert opens(where="id < 10").nulls("made") == 1
    pieces = [ids(session, ALL_ROWS, c) for c in session.split(ALL_ROWS, 3)]
    assert sorted(chain(*pieces)) == [1, 4, 5, 6, 7, 8, 9, 10]


def test_a_wrong_condition_is_told(opens: Opens) -> None:
    with pytest.raises(Exception, match="nonsense"):
        ids(opens(where="nonsense = 1"))


def test_the_schema_of_a_table(opens: Opens) -> None:
    assert len(ids(opens(schema="main"))) == 10
    assert len(ids(opens(table="main.orders"))) == 10
    with pytest.raises(ConfigError):
        opens(schema="nowhere").schema()


def test_a_query_file_beside_the_project(opens: Opens, tmp_path: Path) -> None:
    (tmp_path / "some.sql").write_text("SELECT id, total FROM orders WHERE id > 7;\n")
    types = {"id": "int64", "total": "int64"}
    assert ids(opens(query_file="some.sql", types=types)) == [8, 9, 10]
    with pytest.raises(ConfigError, match=r"none\.sql"):
        opens(query_file="none.sql")


ALL = {"id": "int64", "made": "timestamp(us)", "total": "int64", "name": "string"}


def test_a_query_is_read_in_windows_by_its_placeholders(opens: Opens) -> None:
    session = opens(query=SINCE, types=ALL)
    kind = session.schema()["made"].type
    windows = [
        (None, datetime(2024, 1, 4)), (datetime(2024, 1, 4), datetime(2024, 1, 8)),
        (datetime(2024, 1, 8), None),
    ]  # fmt: skip
    found = [ids(session, ReadRequest(window=Window("made", kind, *w))) for w in windows]
    assert found == [[1, 2, 3], [4, 5, 6, 7], [8]]  # NULL is what the query makes of it
    assert session.maximum("made") == datetime(2024, 1, 8)
    assert session.nulls("made") is None


def test_a_query_without_what_it_needs_is_never_read_whole(opens: Opens) -> None:
    session = opens(query="SELECT * FROM orders WHERE made >= :since", types=ALL)
    with pytest.raises(ConfigError, match="no :until"):
        ids(session, ReadRequest(window=Window("made", parse_type("timestamp(us)"), None, None)))
    with pytest.raises(ConfigError, match="no `incremental`"):
        ids(session)
    if opens.road != "sqlite3":  # type: ignore[attr-defined]  # which is never split
        with pytest.raises(ConfigError, match="no :lower and no :upper"):
            session.split(ALL_ROWS, 2)
    with pytest.raises(ConfigError, match="no `chunk_column`"):
        ids(opens(query=BETWEEN, types=ALL))
    with pytest.raises(ConfigError, match="`chunk_column: nope` is not there"):
        ids(opens(query=BETWEEN, types=ALL, chunk_column="nope"))


def test_a_query_is_read_in_chunks_by_its_placeholders(opens: Opens) -> None:
    session = opens(query=BETWEEN, types=ALL, chunk_column="id")
    assert len(ids(session)) == 10
    chunks = session.split(ALL_ROWS, 3)
    assert sorted(chain(*(ids(session, ALL_ROWS, c) for c in chunks))) == list(range(1, 11))
    if opens.road in ("file", "url", "alchemy"):  # type: ignore[attr-defined]
        assert len(chunks) == 3


def test_what_looks_like_a_placeholder_and_is_none(opens: Opens) -> None:
    query = "SELECT id, ':since' AS name FROM orders /* :until */ WHERE name <> ':lower' -- :upper"
    session = opens(query=query, types={"id": "int64", "name": "string"})
    assert set(drain(session)["name"]) == {":since"}


def test_types_by_column_and_by_native_type(opens: Opens) -> None:
    by_column = opens(types={"total": "decimal(10,2)"})
    assert by_column.schema()["total"].type == parse_type("decimal(10,2)")
    if opens.road == "adbc":  # type: ignore[attr-defined]
        return  # the driver has Arrow types only
    by_native = opens(types={"Integer": "decimal(10,0)"})
    schema = by_native.schema()
    assert [f.name for f in schema if f.type == parse_type("decimal(10,0)")] == ["id", "total"]
    assert drain(by_native).schema["total"] == pl.Decimal(10, 0)
    with pytest.raises(ConfigError, match="neither a column nor the type of one"):
        opens(types={"varchar(7)": "string"}).schema()


def test_sqlite_tells_no_types_of_expressions_under_placeholders(tmp_path: Path) -> None:
    make(tmp_path / "shop.db", MADE, rows={"orders": ROWS})
    query = "SELECT id, total * 2 AS twice FROM orders WHERE id >= :since AND id < :until"
    home = SQLiteHome("q", path="shop.db", query=query).bind(Surroundings(root=tmp_path))
    with home.open(Context()) as session, pytest.raises(ConfigError, match="no type for twice"):
        session.schema()


def test_splitting_by_a_column_that_has_gaps_and_nulls(tmp_path: Path) -> None:
    rows = [(at, at if at < 50 else None if at < 60 else 10**9 + at) for at in range(100)]
    made = "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)"
    path = make(tmp_path / "t.db", made, rows={"t": rows})
    engine = sa.create_engine(f"sqlite:///{path}")
    source = Source("t", chunk_column="n")
    with session_over(engine, source, Context()) as session:
        chunks = session.split(ALL_ROWS, 4)
        pieces = [ids(session, ALL_ROWS, c) for c in chunks]
        assert sorted(chain(*pieces)) == list(range(100))
        assert max(len(p) for p in pieces) <= 40  # each its share, though almost all is a gap
    engine.dispose()
    home = SQLiteHome("t", path=str(path), chunk_column="n").bind(Surroundings())
    with home.open(Context()) as session:
        chunks = session.split(ALL_ROWS, 4)
        assert sorted(chain(*(ids(session, ALL_ROWS, c) for c in chunks))) == [*range(100)]
