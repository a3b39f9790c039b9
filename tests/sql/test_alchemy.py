"""SQLAlchemy's road, on real servers: types of queries, snapshots, timeouts, memory."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain

import polars as pl
import pytest
from tests.servers import Database
from tests.sql.databases import drain

from hygge.core.chunk import ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import (
    BadValue,
    Cancelled,
    ConfigError,
    ConnectError,
    HyggeError,
    TransientError,
)
from hygge.core.reading import HomeSession
from hygge.homes.sql import SQLHome
from hygge.sql.alchemy.connection import SQLConnection, bare_url

DRIVERS = {"postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}


@pytest.fixture(params=["postgres", "mysql"])
def shop(request: pytest.FixtureRequest) -> Database:
    database: Database = request.getfixturevalue(request.param)
    return database


def url_of(database: Database) -> str:
    scheme, _, rest = database.url.partition("://")
    return f"{DRIVERS.get(scheme, 'mysql+pymysql')}://{rest}"


def opened(database: Database, name: str = "t", **settings: object) -> HomeSession:
    connection = {k: settings.pop(k) for k in tuple(settings) if k in SQLConnection.model_fields}
    around = Surroundings(connections={"shop": SQLConnection(url=url_of(database), **connection)})
    return SQLHome(name, connection="shop", **settings).bind(around).open(Context())


def test_a_querys_types_come_from_the_cursor_on_postgresql(postgres: Database) -> None:
    postgres.execute(
        "CREATE TABLE t (id int PRIMARY KEY, price numeric(10,2), anything numeric, r real, "
        "at timestamptz, data jsonb, code uuid, ok boolean, body bytea, span interval, ip inet)"
    )
    postgres.execute(
        "INSERT INTO t VALUES (1, 9.99, 1.5, 0.1, '2024-07-01 12:00+02', '{\"a\": 1}', "
        "'8a1b2c3d-0000-4000-8000-000000000001', true, '\\x00ff', '1 mon', '10.0.0.1/8')"
    )
    query = "SELECT *, price * 2 AS twice, id % 2 AS odd FROM t WHERE 'a%' LIKE 'a%'"
    types = {"anything": "decimal(38,9)", "twice": "decimal(12,2)", "ip": "string"}
    with opened(postgres, query=query, types=types) as session:
        found = {f.name: str(f.type) for f in session.schema()}
        frame = drain(session)
    assert found == {
        "id": "int64", "price": "decimal(10,2)", "anything": "decimal(38,9)", "r": "float32",
        "at": "timestamp(us, UTC)", "data": "json", "code": "uuid", "ok": "bool",
        "body": "binary", "span": "string", "ip": "string", "twice": "decimal(12,2)",
        "odd": "int64",
    }  # fmt: skip
    row = frame.row(0, named=True)
    assert row["at"] == datetime(2024, 7, 1, 10, tzinfo=UTC)
    assert (row["data"], row["span"], row["ip"]) == ('{"a": 1}', "1 mon", "10.0.0.1/8")
    assert (row["twice"], row["r"]) == (Decimal("19.98"), pl.Series([0.1], dtype=pl.Float32)[0])
    refused = pytest.raises(ConfigError, match="no type for anything, ip, twice")
    with opened(postgres, query=query) as session, refused:
        session.schema()


def test_a_querys_types_come_from_the_cursor_on_mysql(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE t (id int PRIMARY KEY, price decimal(10,2), big bigint unsigned, f float, "
        "at datetime(6), ts timestamp(6), span time(6), body varbinary(9), name varchar(9), "
        "y year, bits bit(9), plain decimal(5,0) unsigned)"
    )
    mysql.execute(
        "SET time_zone = '+02:00'; INSERT INTO t VALUES (1, -9.99, 18446744073709551615, 0.1, "
        "'2024-07-01 12:00', '2024-07-01 12:00', '-800:00:01.5', 0x00ff, 'é', 2024, b'111111111', "
        "99999)"
    )
    expected = {
        "id": "int64", "price": "decimal(10,2)", "big": "uint64", "f": "float32",
        "at": "timestamp(us)", "ts": "timestamp(us)", "span": "duration(us)", "body": "binary",
        "name": "string", "y": "int64", "bits": "binary", "plain": "decimal(5,0)",
    }  # fmt: skip
    rows = []
    for settings in ({}, {"query": "SELECT * FROM t;"}):
        with opened(mysql, **settings) as session:
            assert {f.name: str(f.type) for f in session.schema()} == expected
            rows.append(drain(session).row(0, named=True))
    assert rows[0] == rows[1]
    assert rows[0]["big"] == 2**64 - 1
    assert rows[0]["ts"] == datetime(2024, 7, 1, 10)  # UTC's wall clock, whatever the zone
    assert rows[0]["span"] == -timedelta(hours=800, seconds=1.5)
    assert rows[0]["f"] == pl.Series([0.1], dtype=pl.Float32)[0]


def test_zero_dates_are_bad_values_that_are_named(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (id int PRIMARY KEY, d date)")
    mysql.execute("SET sql_mode = ''; INSERT INTO t VALUES (1, '0000-00-00')")
    with opened(mysql) as session, pytest.raises(BadValue, match=r"t\.d, id=1: '0000-00-00'"):
        drain(session)


def test_all_is_answered_from_one_snapshot(shop: Database) -> None:
    shop.execute("CREATE TABLE t (id int PRIMARY KEY)")
    shop.execute("INSERT INTO t VALUES (1), (2), (3)")
    with opened(shop) as session:
        assert session.consistency == "one snapshot"
        assert session.count(ReadRequest(), session.split(ReadRequest(), 1)[0]) == 3
        shop.execute("DELETE FROM t WHERE id > 1")
        assert drain(session)["id"].to_list() == [1, 2, 3]
    with opened(shop) as session:  # the connection goes back to the pool, and not its snapshot
        assert drain(session)["id"].to_list() == [1]


def test_chunks_are_of_equal_rows_whatever_the_numbers(shop: Database) -> None:
    shop.execute("CREATE TABLE t (id bigint PRIMARY KEY)")
    crowd = ", ".join(f"({at})" for at in chain(range(-50, 50), range(10**15, 10**15 + 300)))
    shop.execute(f"INSERT INTO t VALUES {crowd}")
    with opened(shop) as session:
        chunks = session.split(ReadRequest(), 4)
        pieces = [drain(session, None, chunk)["id"].to_list() for chunk in chunks]
        assert [len(p) for p in pieces] == [c.rows for c in chunks]
    assert sorted(chain(*pieces)) == [*range(-50, 50), *range(10**15, 10**15 + 300)]
    assert max(map(len, pieces)) <= 150


def test_timeouts_and_session_statements(shop: Database) -> None:
    sleep = {"postgresql": "pg_sleep(30)"}.get(shop.scheme, "sleep(30)")
    query = {"query": f"SELECT id, {sleep} AS slept FROM t", "types": {"slept": "string"}}
    shop.execute("CREATE TABLE t (id int PRIMARY KEY)")
    shop.execute("INSERT INTO t VALUES (1), (2)")
    stopped = pytest.raises(TransientError, match=r"timeout|max_statement_time")
    with opened(shop, statement_timeout="1s", **query) as session, stopped:
        drain(session)
    settings = {"postgresql": "SET search_path TO nowhere"}
    wanted = settings.get(shop.scheme, "SET SESSION max_join_size = 1")
    with opened(shop, session=[wanted]) as session:
        show = {"postgresql": "SHOW search_path"}.get(shop.scheme, "SELECT @@max_join_size")
        assert str(session.link.row(show)[0]) in ("nowhere", "1")  # type: ignore[attr-defined]


def test_a_statement_that_runs_is_stopped_from_another_thread(shop: Database) -> None:
    sleep = {"postgresql": "pg_sleep(100)"}.get(shop.scheme, "sleep(100)")
    shop.execute("CREATE TABLE t (id int PRIMARY KEY)")
    shop.execute("INSERT INTO t VALUES (1), (2)")
    session = opened(shop, query=f"SELECT id, {sleep} AS slept FROM t", types={"slept": "string"})
    session.schema()  # found without running it
    stop = threading.Timer(0.5, session.cancel)
    stop.start()
    with pytest.raises(HyggeError) as caught, session:
        drain(session)
    stop.join()
    assert isinstance(caught.value, Cancelled)


@pytest.fixture
def away(shop: Database) -> Iterator[str]:
    yield url_of(shop).replace(f":{shop.port}/", ":1/")


def test_a_server_that_is_away(away: str) -> None:
    with pytest.raises(ConnectError) as caught:
        SQLHome("t", url=away).bind(Surroundings()).open(Context())
    assert caught.value.hint
    assert "hygge:hygge" not in str(caught.value)


MEASURE = """
import resource, sys
from hygge import SQLHome
rows = 0
for batch in SQLHome("t", url=sys.argv[1], batch_size=2000).read_sync():
    rows += batch.height
print(rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def test_memory_does_not_grow_with_the_table(shop: Database) -> None:
    """Ten times the rows, 100 MB of them, in the same memory."""
    shop.execute("CREATE TABLE t (id int PRIMARY KEY, body varchar(2000))")
    series = {"postgresql": "generate_series(%s, %s) AS seq"}.get(shop.scheme, "seq_%s_to_%s")
    peaks = []
    for low, high in ((1, 5_000), (5_001, 50_000)):
        shop.execute(
            f"INSERT INTO t SELECT seq, concat(seq, repeat('x', 1990)) FROM {series % (low, high)}"
        )
        done = subprocess.run(
            [sys.executable, "-c", MEASURE, url_of(shop)],
            capture_output=True,
            text=True,
            check=True,
        )
        rows, peak = map(int, done.stdout.split())
        assert rows == high
        peaks.append(peak)
    assert peaks[1] < peaks[0] + 40, peaks


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("postgresql+psycopg://hygge:pw@db:5432/shop?sslmode=require", "postgresql:/shop"),
        ("postgresql+psycopg://hygge:p@w/d@[::1]:5432/shop#there", "postgresql:/shop"),
        ("postgresql+psycopg://hygge:pw@[bad:99999/shop", "postgresql:/shop"),
        ("sqlite:////srv/shop.db", "sqlite://srv/shop.db"),
        ("oracle://h/?service_name=SHOP", "oracle:/SHOP"),
    ],
)  # fmt: skip
def test_what_a_url_names_is_found_however_it_is_written(url: str, database: str) -> None:
    """It is looked for in every project that has such a flow, before anything else is."""
    assert bare_url(url) == database
