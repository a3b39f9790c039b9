"""ODBC: what drivers leave out is not lost, and what they cannot give is an error."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.contract.test_odbc import url_of
from tests.servers import Database
from tests.servers.odbc import driver
from tests.sql.databases import drain

from hygge.core.chunk import ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import (
    BadValue,
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.reading import HomeSession
from hygge.core.watermark import Window
from hygge.homes.odbc import ODBCHome
from hygge.homes.sql import SQLHome
from hygge.sql.odbc.connection import ODBCConnection

Opens = Callable[..., HomeSession]
LIBRARIES = {"postgresql": "psqlodbcw.so"}


def library_of(database: Database) -> str:
    return driver(LIBRARIES.get(database.scheme, "libmaodbc.so"))


def opened(database: Database, name: str = "t", **settings: Any) -> HomeSession:
    own = {k: settings.pop(k) for k in tuple(settings) if k in ODBCConnection.model_fields}
    shop = ODBCConnection(
        driver=library_of(database), host=database.host, port=database.port,
        database=database.database, user=database.user, password=database.password, **own,
    )  # fmt: skip
    around = Surroundings(connections={"shop": shop})
    return ODBCHome(name, **settings).bind(around).open(Context())


def test_numbers_of_mysql_that_odbc_has_no_sign_for(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE t (a int PRIMARY KEY, b bigint unsigned, c int unsigned, d bit(9), f float, "
        "n decimal(5,5), x char(4), y binary(4))"
    )
    mysql.execute(
        "INSERT INTO t VALUES (1, 18446744073709551615, 4294967295, b'111111111', 0.1, -0.12345, "
        "'é', x'0102')"
    )
    with opened(mysql) as session:
        kinds = [str(field.type) for field in session.schema()]
        assert kinds == ["int32", "uint64", "uint32", "binary", "float32", "decimal(5,5)",
                         "string", "binary"]  # fmt: skip
        assert session.schema().keys == ("a",)
        row = drain(session).row(0)
    assert row[:4] == (1, 2**64 - 1, 2**32 - 1, b"\x01\xff")
    assert row[5:] == (Decimal("-0.12345"), "é", b"\x01\x02\x00\x00")
    with opened(mysql) as session:
        assert session.maximum("n") == Decimal("-0.12345")
    with opened(mysql, "", query="SELECT n FROM t") as session:
        assert drain(session)["n"].to_list() == [Decimal("-0.12345")]
    # Of a query the driver alone tells, and it tells no signs: an error, and nothing wraps.
    with opened(mysql, "", query="SELECT c FROM t") as session, pytest.raises(BadValue, match="c"):
        drain(session)
    with opened(mysql, "", query="SELECT b FROM t") as session, pytest.raises(BadValue, match="b"):
        drain(session)
    types = {"b": "uint64"}
    with opened(mysql, "", query="SELECT b FROM t", types=types) as session:
        assert drain(session)["b"].to_list() == [2**64 - 1]


def test_doubles_free_numerics_instants_and_booleans_of_postgresql(postgres: Database) -> None:
    postgres.execute(
        "CREATE TABLE t (d double precision, n numeric, at timestamptz, ok boolean, u uuid)"
    )
    postgres.execute(
        "INSERT INTO t VALUES (0.1, 1.1234567890123, '2024-07-01 12:00+02', true, "
        "'8a1b2c3d-0000-4000-8000-00000000000a')"
    )
    with opened(postgres) as session, pytest.raises(ConfigError, match=r"no type for n \(numeric"):
        session.schema()
    with opened(postgres, types={"numeric": "decimal(38,15)"}) as session:
        row = drain(session).row(0)
    assert row == (
        0.1, Decimal("1.123456789012300"), datetime(2024, 7, 1, 10, tzinfo=UTC), True,
        "8a1b2c3d-0000-4000-8000-00000000000a",
    )  # fmt: skip
    query = {"query": "SELECT d, n * 1 AS n FROM t"}
    with opened(postgres, "", **query) as session, pytest.raises(BadValue, match="n"):
        drain(session)  # the driver makes decimal(28,6) up: it does not round
    with opened(postgres, "", types={"n": "decimal(38,15)"}, **query) as session:
        assert drain(session).row(0) == (0.1, Decimal("1.123456789012300"))


def test_values_too_long_for_the_buffer_are_errors(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t (body text)")
    postgres.execute("INSERT INTO t VALUES ('short'), (repeat('x', 100000))")
    with opened(postgres) as session, pytest.raises(DataError) as caught:
        drain(session)
    assert "longest_text" in str(caught.value.hint)
    options = {"MaxLongVarcharSize": 200_000, "UseDeclareFetch": 1}
    with opened(postgres, longest_text=200_000, options=options) as session:
        assert drain(session)["body"].str.len_chars().to_list() == [5, 100_000]


@pytest.mark.parametrize("server", ["postgres", "mysql"])
def test_windows_counts_queries_and_near_misses(
    server: str, request: pytest.FixtureRequest
) -> None:
    shop: Database = request.getfixturevalue(server)
    shop.execute("CREATE TABLE users (id int PRIMARY KEY, at timestamp(6))")
    shop.execute("INSERT INTO users VALUES (1, '2024-01-01 00:00:00'), (2, '2024-01-02 00:00:00')")
    with opened(shop, "users") as session:
        kind = session.schema()["at"].type
        window = Window("at", kind, datetime(2024, 1, 1), datetime(2024, 1, 2))
        assert drain(session, ReadRequest(window=window))["id"].to_list() == [1]
        assert session.count(ReadRequest(window=window), session.split(ReadRequest(), 1)[0]) == 1
        assert session.maximum("at") == datetime(2024, 1, 2)
    with (
        opened(shop, "user") as session,
        pytest.raises(ConfigError, match=r"did you mean '.*users"),
    ):
        session.schema()
    wrong = pytest.raises(ConfigError, match="nope")
    with opened(shop, "", query="SELECT nope FROM users") as session, wrong:
        session.schema()
    sleep = {"postgresql": "pg_sleep(30)"}.get(shop.scheme, "sleep(30)")
    settings = {"statement_timeout": "1s", "query": f"SELECT id, {sleep} AS s FROM users"}
    if shop.scheme == "postgresql":
        with opened(shop, "", **settings) as session, pytest.raises(TransientError):
            drain(session)


def test_a_sql_home_reads_through_it_too(postgres: Database) -> None:
    postgres.execute("CREATE TABLE t AS SELECT 7 AS id")
    url = url_of(postgres, "psqlodbcw.so")
    assert [df["id"].to_list() for df in SQLHome("t", url=url).read_sync() if df.height] == [[7]]
    string = (
        f"Driver={driver('psqlodbcw.so')};Server={postgres.host};Port={postgres.port};"
        f"Database={postgres.database};UID={postgres.user};PWD={postgres.password}"
    )
    shop = ODBCConnection(connection_string=string)
    home = ODBCHome("t").bind(Surroundings(connections={"shop": shop}))
    with home.open(Context()) as session:
        assert drain(session)["id"].to_list() == [7]
    assert home.identity()["database"] == f"odbc:{postgres.database}"
    assert postgres.password not in repr(shop).replace(postgres.database, "")


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(ValueError, match="one of `dsn`"):
        ODBCConnection()
    with pytest.raises(ValueError, match="belongs into"):
        ODBCConnection(connection_string="DSN=x", host="h")
    with pytest.raises(ConnectError) as caught:
        around = Surroundings(connections={"shop": ODBCConnection(dsn="no such source")})
        ODBCHome("t").bind(around).open(Context())
    assert "odbcinst" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="names no driver"):
        SQLHome("t", url="odbc://h/db").bind(Surroundings()).open(Context())


def test_keys_are_put_in_braces_where_they_must() -> None:
    made = ODBCConnection(driver="My Driver", host="h", database="a;b}c", options={"X": 1})
    assert made.string() == "Driver={My Driver};Server=h;Database={a;b}}c};X=1;"
    assert (made.place(), made.identity()) == ("odbc:My Driver/h/a;b}c", "odbc:a;b}c")


def test_another_error_is_still_one_of_ours(postgres: Database) -> None:
    with opened(postgres, "", query="SELECT 1/0 AS x") as session, pytest.raises(HyggeError):
        drain(session)
