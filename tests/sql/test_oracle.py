"""Oracle without a server, which is not to be had here: `oracledb.connect` is stood in for.

What the stand-in plays is only the driver's side: it keeps the statements, and answers with the
driver's own data frames and errors. That Oracle takes the statements is not proved by this.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import oracledb
import polars as pl
import pyarrow as pa
import pytest
from oracledb.errors import _Error
from tests.sql.databases import drain

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import (
    Cancelled,
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.core.fields import parse_type
from hygge.core.reading import HomeSession
from hygge.core.secrets import Secret
from hygge.core.watermark import Window
from hygge.homes.oracle import OracleHome
from hygge.homes.sql import SQLHome
from hygge.sql.oracle.connection import OracleConnection
from hygge.sql.oracle.errors import explain
from hygge.sql.oracle.types import described, known, show

URL = "oracle://hygge:tiger@db.example.com:1522/shop"
COLUMNS = [
    ("ID", "NUMBER", 10, 0, "N", 1), ("PRICE", "NUMBER", 12, 2, "Y", None),
    ("FREE", "NUMBER", None, None, "Y", None), ("WHOLE", "NUMBER", None, 0, "Y", None),
    ("F", "FLOAT", 126, None, "Y", None), ("BF", "BINARY_FLOAT", None, None, "Y", None),
    ("D", "DATE", None, None, "Y", None), ("TS", "TIMESTAMP(9)", None, 9, "Y", None),
    ("TZ", "TIMESTAMP(6) WITH TIME ZONE", None, 6, "Y", None),
    ("DS", "INTERVAL DAY(2) TO SECOND(6)", 2, 6, "Y", None),
    ("NAME", "VARCHAR2", None, None, "Y", None),
    ("DOC", "CLOB", None, None, "Y", None), ("B", "RAW", None, None, "Y", None),
    ("R", "ROWID", None, None, "Y", None), ("J", "JSON", None, None, "Y", None),
    ("X", "XMLTYPE", None, None, "Y", None),
]  # fmt: skip
TYPES = {"FREE": "decimal(38,10)"}


class Driver:
    """The driver's side of a connection; `answers` are by a part of the statement."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.asked: list[pa.Schema] = []
        self.answers: dict[str, Any] = {}
        self.opened: dict[str, Any] = {}
        self.call_timeout = -1
        self.frames: list[pa.Table] = []
        self.cancelled = self.closed = 0

    def connect(self, **arguments: Any) -> Driver:
        self.opened = arguments
        return self

    def cursor(self) -> Cursor:
        return Cursor(self)

    def answer(self, sql: str) -> Any:
        self.said.append(sql)
        for part, found in self.answers.items():
            if part in sql:
                if isinstance(found, Exception):
                    raise found
                return found
        return []

    def fetch_df_batches(
        self, sql: str, *, size: int, fetch_decimals: bool, requested_schema: pa.Schema
    ) -> Iterator[Any]:
        self.answer(sql)
        self.asked.append(requested_schema)
        for frame in self.frames:
            yield oracledb.from_arrow(frame.select(requested_schema.names).cast(requested_schema))

    def rollback(self) -> None:
        self.said.append("ROLLBACK")

    def ping(self) -> None:
        self.said.append("PING")

    def cancel(self) -> None:
        self.cancelled += 1

    def close(self) -> None:
        self.closed += 1


class Cursor:
    def __init__(self, driver: Driver) -> None:
        self.driver, self.arraysize = driver, 0
        self.found: Any = []
        self.description: Any = None

    def __enter__(self) -> Cursor:
        return self

    def __exit__(self, *exc: object) -> None:
        pass

    def execute(self, sql: str, **options: Any) -> None:
        self.found = self.driver.answer(sql)

    def parse(self, sql: str) -> None:
        self.description = self.driver.answer(f"PARSE {sql}")

    def fetchall(self) -> Any:
        return self.found


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> Driver:
    made = Driver()
    monkeypatch.setattr(oracledb, "connect", made.connect)
    rows = [("HR", "USERS", "table", 1000, 64_000, "People", *column) for column in COLUMNS]
    made.answers["FROM all_tab_cols"] = rows
    return made


def opened(name: str = "USERS", **settings: Any) -> HomeSession:
    home = OracleHome(name, connection="shop", types=settings.pop("types", TYPES), **settings)
    around = Surroundings(connections={"shop": OracleConnection(url=Secret(URL), pool_size=3)})
    return home.bind(around).open(Context())


@pytest.fixture(autouse=True)
def _fresh_pools() -> Iterator[None]:
    from hygge.sql import pool

    yield
    pool.close_pools()
    pool._pools.clear()


def error_of(code: str, message: str = "it went wrong", *, again: bool = False) -> Exception:
    number = int(code.partition("-")[2])
    about = _Error(f"{code}: {message}", code=number, isrecoverable=again)
    return oracledb.DatabaseError(about)


def test_fields_and_what_is_asked_for(driver: Driver) -> None:
    with opened() as session:
        found = {f.name: str(f.type) for f in session.schema()}
        assert session.schema().keys == ("ID",)
        assert not session.schema()["ID"].nullable
        assert session.schema()["TZ"].loss
        said = session.statement(ReadRequest(), WHOLE)
        assert session.estimate(ReadRequest()).rows == 1000
    assert found == {
        "ID": "int64", "PRICE": "decimal(12,2)", "FREE": "decimal(38,10)",
        "WHOLE": "decimal(38,0)", "F": "float64", "BF": "float32", "D": "timestamp(us)",
        "TS": "timestamp(us)", "TZ": "timestamp(us, UTC)", "DS": "string", "NAME": "string",
        "DOC": "string", "B": "binary", "R": "string", "J": "json", "X": "string",
    }  # fmt: skip
    assert said == (
        'SELECT "ID", "PRICE", '
        "TO_CHAR(\"FREE\", 'TM9', 'NLS_NUMERIC_CHARACTERS=''.,''') AS \"FREE\", "
        '"WHOLE", "F", "BF", "D", "TS", '
        'SYS_EXTRACT_UTC(CAST("TZ" AS TIMESTAMP(9) WITH TIME ZONE)) AS "TZ", '
        'TO_CHAR("DS") AS "DS", "NAME", "DOC", "B", CAST("R" AS VARCHAR2(4000)) AS "R", '
        'JSON_SERIALIZE("J" RETURNING CLOB) AS "J", XMLSERIALIZE(CONTENT "X" AS CLOB) AS "X" '
        'FROM "HR"."USERS"'
    )


def test_rows_arrive_in_their_types(driver: Driver) -> None:
    at = datetime(2024, 7, 1, 12, 0, 0, 123456)
    row = {
        "ID": 7, "PRICE": Decimal("9.99"), "FREE": "0.1234567891", "TZ": at, "D": at, "TS": at,
        "BF": 0.5, "J": '{"a": 1}',
    }  # fmt: skip
    names = tuple(row)
    driver.frames = [pa.Table.from_pylist([row, dict.fromkeys(names) | {"ID": 8}])]
    with opened() as session:
        frame = drain(session, ReadRequest(columns=names))
    assert frame.row(0, named=True) == row | {
        "FREE": Decimal("0.1234567891"), "TZ": at.replace(tzinfo=UTC),
    }  # fmt: skip
    assert frame["PRICE"].dtype == pl.Decimal(12, 2)
    asked = {f.name: f.type for f in driver.asked[0]}
    assert asked["PRICE"] == pa.decimal128(12, 2)
    assert asked["FREE"] == pa.large_string()
    assert asked["TS"] == pa.timestamp("us")
    with opened(types={**TYPES, "TS": "timestamp(ns)"}) as session:
        drain(session, ReadRequest(columns=("ID", "TS")))
    assert driver.asked[1].field("TS").type == pa.timestamp("ns")


def test_a_table_is_found_as_written_or_in_capitals(driver: Driver) -> None:
    rows = driver.answers.pop("FROM all_tab_cols")
    driver.answers["c.owner = 'HR' AND c.table_name = 'USERS'"] = rows
    with opened("hr.users") as session:
        assert session.schema().names[0] == "ID"
    asked = [sql for sql in driver.said if "all_tab_cols" in sql]
    assert "CURRENT_SCHEMA') AND c.table_name = 'hr.users'" in asked[0]
    with opened("nope") as session, pytest.raises(ConfigError, match="no table or view 'nope'"):
        session.schema()
    assert any("oracle_maintained" in sql for sql in driver.said)


def test_one_state_of_the_database_for_all_sessions(driver: Driver) -> None:
    driver.answers["GET_SYSTEM_CHANGE_NUMBER"] = [("4711",)]
    driver.answers["SELECT count(*)"] = [(3,)]
    with opened() as session:
        session.schema()
        assert driver.said[2] == "SET TRANSACTION READ ONLY"
        assert session.share() == "4711"
        assert session.share() == "4711"
        shared = ReadRequest(snapshot="4711")
        assert session.count(shared, WHOLE) == 3
        assert driver.said[-1] == 'SELECT count(*) FROM "HR"."USERS" AS OF SCN 4711'
    driver.said.clear()
    with opened(where="ID > 1") as session:
        assert session.count(shared, WHOLE) == 3
    assert "SET TRANSACTION READ ONLY" not in driver.said
    assert driver.said[-2].endswith('"USERS" AS OF SCN 4711 WHERE (ID > 1)')
    for bad in ("4711; DROP", ""):
        with opened() as session, pytest.raises(ValueError, match="invalid literal"):
            session.count(ReadRequest(snapshot=bad or "x"), WHOLE)


def test_who_may_not_look_back_reads_all_the_same(driver: Driver) -> None:
    driver.answers["GET_SYSTEM_CHANGE_NUMBER"] = error_of("ORA-00904")
    with opened() as session:
        assert session.share() == ""
        assert "AS OF" not in session.statement(ReadRequest(), WHOLE)


def test_windows_and_chunks(driver: Driver) -> None:
    with opened() as session:
        zone, day = parse_type("timestamp(us, UTC)"), parse_type("timestamp(us)")
        windows = [
            Window("ID", parse_type("int64"), 5, 9),
            Window("TZ", zone, datetime(2024, 1, 1, tzinfo=UTC), None),
            Window("D", day, None, datetime(2024, 1, 2, 3)),
        ]
        said = [
            session.statement(ReadRequest(columns=("ID",), window=w), WHOLE).partition("WHERE ")[2]
            for w in windows
        ]
        assert said == [
            '("ID" >= 5 AND "ID" < 9)',
            "(\"TZ\" >= TIMESTAMP '2024-01-01 00:00:00.000000 +00:00')",
            '("D" < TIMESTAMP \'2024-01-02 03:00:00.000000\' OR "D" IS NULL)',
        ]
        driver.answers["SELECT min("] = [(Decimal(1), Decimal(100))]
        driver.answers["GROUP BY"] = [
            (at, Decimal(6), Decimal(6 * at + 1), Decimal(6 * at + 6)) for at in range(16)
        ]
        chunks = session.split(ReadRequest(), 2)
        assert [c.rows for c in chunks] == [48, 48]
        last = session.statement(ReadRequest(columns=("ID",)), chunks[1])
        assert last.endswith('WHERE (("ID" >= 51))')
    assert show(date(2024, 1, 2), parse_type("date")) == "DATE '2024-01-02'"


def info(name: str, code: Any, precision: int = 0, scale: int = 0, json: bool = False) -> Any:
    return SimpleNamespace(
        name=name, type_code=code, precision=precision, scale=scale, is_json=json, null_ok=True
    )


def test_a_querys_columns_are_described_without_running_it(driver: Driver) -> None:
    driver.answers["PARSE"] = [
        info("N", oracledb.DB_TYPE_NUMBER, 0, -127), info("F", oracledb.DB_TYPE_NUMBER, 126, -127),
        info("I", oracledb.DB_TYPE_NUMBER, 9, 0), info("Z", oracledb.DB_TYPE_TIMESTAMP_LTZ, 0, 6),
        info("T", oracledb.DB_TYPE_VARCHAR), info("J", oracledb.DB_TYPE_CLOB, json=True),
    ]  # fmt: skip
    query = "SELECT * FROM t WHERE i >= :since AND i < :until;"
    with opened("", query=query, types={"N": "decimal(20,5)"}) as session:
        found = {f.name: str(f.type) for f in session.schema()}
        assert session.share() == ""
        request = ReadRequest(columns=("I",), window=Window("I", parse_type("int64"), 1, 5))
        said = session.statement(request, Chunk())
    assert found == {"N": "decimal(20,5)", "F": "float64", "I": "int64",
                     "Z": "timestamp(us, UTC)", "T": "string", "J": "json"}  # fmt: skip
    assert said == 'SELECT "I" FROM (SELECT * FROM t WHERE i >= 1 AND i < 5\n) hygge_query'
    assert "PARSE SELECT * FROM t WHERE i >= NULL AND i < NULL" in driver.said
    with (
        opened("", query=query, types={}) as session,
        pytest.raises(ConfigError, match="type for N"),
    ):
        session.schema()


@pytest.mark.parametrize(
    ("name", "precision", "scale", "kind"),
    [
        ("NUMBER", 18, 0, "int64"), ("NUMBER", 19, 0, "decimal(19,0)"),
        ("NUMBER", 3, -2, "int64"), ("NUMBER", 2, 5, "decimal(5,5)"),
        ("NUMBER", 38, -10, None), ("NUMBER", None, None, None), ("BFILE", None, None, None),
        ("NUMBER", 38, 127, None), ("BOOLEAN", None, None, "bool"),
    ],
)  # fmt: skip
def test_single_types(name: str, precision: Any, scale: Any, kind: str | None) -> None:
    found = known(name, precision, scale).type
    assert (None if found is None else str(found)) == kind


def test_codes_of_the_driver_are_words_of_the_catalogue() -> None:
    assert described("DB_TYPE_NUMBER", 0, -127) == ("NUMBER", None, 0)
    assert described("DB_TYPE_NUMBER", 63, -127) == ("FLOAT", None, 0)
    assert described("DB_TYPE_TIMESTAMP_TZ", 0, 6)[0] == "TIMESTAMP WITH TIME ZONE"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("ORA-01017", ConnectError), ("ORA-12514", ConnectError), ("ORA-00942", ConfigError),
        ("ORA-00904", ConfigError), ("ORA-01031", ConfigError), ("ORA-01555", TransientError),
        ("ORA-00060", TransientError), ("ORA-03113", TransientError), ("ORA-01476", DataError),
    ],
)  # fmt: skip
def test_errors_by_their_codes(code: str, kind: type[HyggeError]) -> None:
    told = explain(error_of(code), "oracle://db/shop")
    assert type(told) is kind
    assert code in str(told)
    assert told.hint or kind in (ConfigError, TransientError, DataError)


def test_what_is_recoverable_is_tried_again() -> None:
    assert isinstance(explain(error_of("ORA-09999", again=True), "x"), TransientError)


def test_cancelling_says_so(driver: Driver) -> None:
    session = opened()
    session.schema()
    driver.answers["SELECT count"] = error_of("ORA-01013")
    session.cancel()
    with pytest.raises(Cancelled), session:
        session.count(ReadRequest(), WHOLE)
    assert driver.cancelled == 1


def test_a_connection_and_how_it_is_opened(driver: Driver) -> None:
    with opened(types=TYPES) as session:
        session.schema()
    assert driver.opened == {
        "user": "hygge", "password": "tiger", "host": "db.example.com", "port": 1522,
        "service_name": "shop", "tcp_connect_timeout": 15.0,
    }  # fmt: skip
    assert driver.said[0] == "ALTER SESSION SET TIME_ZONE = '+00:00'"
    assert driver.call_timeout == 0
    assert driver.said[-1] == "ROLLBACK"  # it lies in the pool, without the transaction


def test_ways_to_say_where(tmp_path: Any) -> None:
    by_sid = OracleConnection(host="h", database="ORCL", sid=True, user="u").arguments()
    assert (by_sid["sid"], by_sid["port"]) == ("ORCL", 1521)
    alias = OracleConnection(database="shop_high", config_dir="/etc/oracle", wallet="w")
    assert alias.arguments() == {
        "dsn": "shop_high", "config_dir": "/etc/oracle", "wallet_location": "w",
        "tcp_connect_timeout": 15.0,
    }  # fmt: skip
    secure = OracleConnection(host="h", database="s", tls="verify-full").arguments()
    assert (secure["protocol"], secure["ssl_server_dn_match"]) == ("tcps", True)
    assert secure["ssl_context"].verify_mode == ssl.CERT_REQUIRED
    open_ = OracleConnection(host="h", database="s", tls="require").arguments()
    assert open_["ssl_context"].verify_mode == ssl.CERT_NONE
    home = SQLHome("t", url=URL).bind(Surroundings())
    assert home.place() == "oracle://db.example.com:1522/shop#t"
    assert home.identity()["database"] == "oracle:shop"
    assert "tiger" not in repr(home) + str(home.identity())


def test_a_server_that_is_away() -> None:
    home = OracleHome("t", url="oracle://hygge:x@127.0.0.1:1/shop")
    with pytest.raises(ConnectError) as caught:
        home.bind(Surroundings()).open(Context())
    assert caught.value.hint
