"""SQLiteHome: its settings, its place in a flow, its description."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import polars as pl
import pytest
from tests.sql.databases import ask, make, read

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.homes.sqlite import SQLiteHome
from hygge.sql.alchemy.connection import SQLConnection
from hygge.sql.sqlite.connection import SQLiteConnection


def test_paths_and_connections_are_resolved_when_bound(tmp_path: Path) -> None:
    by_path = SQLiteHome("users", path="data/../shop.db").bind(Surroundings(root=tmp_path))
    assert by_path.place() == f"{tmp_path / 'shop.db'}#users"
    around = Surroundings(root=tmp_path, connections={"shop": SQLiteConnection(path="shop.db")})
    assert SQLiteHome("users", connection="shop").bind(around).place() == by_path.place()
    with pytest.raises(ConfigError, match="did you mean 'shop'"):
        SQLiteHome("users", connection="shp").bind(around)
    other = Surroundings(connections={"shop": SQLConnection(url="sqlite:///shop.db")})
    with pytest.raises(ConfigError, match="of type 'sql'"):
        SQLiteHome("users", connection="shop").bind(other)


def test_the_table_is_the_entity_unless_said_otherwise() -> None:
    place = SQLiteHome.place_entity
    assert place({"path": "x"}, "users", shared=True)["table"] == "users"
    assert place({"path": "x", "table": "t"}, "users", shared=True)["table"] == "t"
    assert "table" not in place({"path": "x", "query": "SELECT 1"}, "users", shared=False)


@pytest.mark.parametrize(
    "settings",
    [
        {"path": "a", "connection": "b"},
        {"path": "a", "url": "sqlite:///b"},
        {"path": "a", "table": "b", "query": "c"},
        {"path": "a", "query": "b", "query_file": "c"},
        {"path": "a", "query": "b", "schema": "main"},
    ],
)
def test_settings_that_exclude_each_other(settings: dict[str, str]) -> None:
    with pytest.raises(ConfigError):
        SQLiteHome("users", **settings)


def test_without_a_connection_the_only_one_of_its_type(tmp_path: Path) -> None:
    shop, other = SQLiteConnection(path="shop.db"), SQLConnection(url="sqlite:///none.db")
    around = Surroundings(tmp_path, {"shop": shop, "other": other})
    assert SQLiteHome("users").bind(around).place() == f"{tmp_path / 'shop.db'}#users"
    with pytest.raises(ConfigError, match="names no connection"):
        SQLiteHome("users").bind(Surroundings(tmp_path))


def test_identity_and_place_say_what_not_how(tmp_path: Path) -> None:
    around = Surroundings(root=tmp_path)
    home = SQLiteHome("users", path="shop.db")
    assert home.place() == "shop.db#users"
    assert home.bind(around).identity() == {"database": "sqlite:shop.db", "table": "users"}
    by_url = SQLiteHome("users", url="sqlite:///./shop.db").bind(around)
    assert by_url.identity() == home.bind(around).identity()
    query = SQLiteHome("users", path="shop.db", query="SELECT 1")
    assert query.place() == "shop.db#query"
    assert query.bind(around).identity()["query"] == "SELECT 1"
    bound = home.bind(around)
    assert pickle.loads(pickle.dumps(bound)) == bound


def test_tables_are_listed_without_those_of_sqlite_and_hygge(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE b (x INTEGER PRIMARY KEY AUTOINCREMENT)",
        "CREATE VIEW a AS SELECT 1 AS x", "CREATE TABLE _hygge_state (x)",
    )  # fmt: skip
    listed = SQLiteHome(path=str(path)).bind(Surroundings()).tables(Context())
    assert [str(t) for t in listed] == ["main.a", "main.b"]


async def test_the_public_face(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db", "CREATE TABLE t (id INTEGER)", rows={"t": [(i,) for i in range(25)]}
    )
    heights = [df.height async for df in SQLiteHome("t", path=str(path), batch_size=10).read()]
    assert sum(heights) == 25
    assert max(heights) == 10


@pytest.mark.skipif("HYGGE_TEST_DATA" not in os.environ, reason="needs HYGGE_TEST_DATA")
def test_chinook_against_the_standard_library() -> None:
    """All eleven tables, value for value."""
    path = Path(os.environ["HYGGE_TEST_DATA"]) / "chinook" / "Chinook_Sqlite.sqlite"
    total = 0
    for table in SQLiteHome(path=str(path)).bind(Surroundings()).tables(Context()):
        ours = read(path, table.name)
        theirs = ask(path, f'SELECT * FROM "{table.name}"')
        total += ours.height
        for name, column in zip(ours.columns, zip(*theirs, strict=True), strict=True):
            kind, got = ours.schema[name], ours[name]
            if isinstance(kind, pl.Decimal):
                assert kind == pl.Decimal(10, 2)
                assert got.cast(pl.String).to_list() == [f"{value:.2f}" for value in column]
            elif isinstance(kind, pl.Datetime):
                assert got.dt.strftime("%Y-%m-%d %H:%M:%S").to_list() == list(column)
            else:
                assert got.to_list() == list(column)
    assert total == 15_607
