"""Every type, its extremes, and what the server's own client prints of the same rows."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.servers import Database
from tests.sql.mysql.support import open_home, read

from hygge import Flow, MySQLHome, ParquetStore
from hygge.core.errors import BadValue, ConfigError, DataError

H = timedelta(hours=1)
LAST = timedelta(hours=838, minutes=59, seconds=59)
NUMBERS: dict[str, tuple[str, list[Any]]] = {
    f"{name}{unsigned}": (
        f"{'u' if unsigned else ''}int{8 * (4 if bits == 24 else bits // 8)}",
        [0, 2**bits - 1] if unsigned else [-(2 ** (bits - 1)), -1, 2 ** (bits - 1) - 1],
    )
    for name, bits in (("tinyint", 8), ("smallint", 16), ("mediumint", 24), ("int", 32),
                       ("bigint", 64))
    for unsigned in ("", " unsigned")
}  # fmt: skip
TYPES: dict[str, tuple[str, list[Any]]] = {
    **NUMBERS,
    "int(8) unsigned zerofill": ("uint32", [7, 2**32 - 1]),
    "boolean": ("int8", [1, 0, -128, 127]),
    "bit(1)": ("bool", [True, False]),
    "bit(7)": ("uint64", [0, 127]),
    "bit(64)": ("uint64", [0, 1, 2**63, 2**64 - 1]),
    "decimal(65,30)": ("string", ["9" * 35 + "." + "9" * 30, "-0." + "0" * 29 + "1"]),
    "decimal(38,10)": ("decimal(38,10)", [Decimal("9" * 28 + "." + "9" * 10),
                                          Decimal("-0.0000000001")]),
    "decimal(38,20)": ("decimal(38,20)", [Decimal("123456789012345678.12345678901234567891")]),
    "decimal(5,0) unsigned": ("decimal(5,0)", [Decimal(99999), Decimal(0)]),
    "decimal(30,30)": ("decimal(30,30)", [Decimal("0." + "9" * 30), Decimal("-0." + "9" * 30)]),
    "float": ("float32", [0.1, 16777217.0, -3.4028234663852886e38, 1.17549435e-38]),
    "double": ("float64", [0.1, 1 / 3, -1.7976931348623157e308, 2.2250738585072014e-308]),
    "date": ("date", [date(1000, 1, 1), date(9999, 12, 31), date(1, 1, 1), date(2024, 2, 29)]),
    "datetime": ("timestamp(us)", [datetime(1000, 1, 1), datetime(9999, 12, 31, 23, 59, 59)]),
    "datetime(3)": ("timestamp(us)", [datetime(2024, 1, 1, 0, 0, 0, 7000)]),
    "datetime(6)": ("timestamp(us)", [datetime(9999, 12, 31, 23, 59, 59, 999999),
                                      datetime(1, 1, 1, 0, 0, 0, 1), datetime(2024, 3, 31, 2, 30)]),
    "timestamp(6) null": ("timestamp(us, UTC)", [
        datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 7, 999999, UTC),
        datetime(2024, 10, 27, 0, 30, tzinfo=UTC), datetime(2024, 10, 27, 1, 30, tzinfo=UTC)]),
    "time": ("duration(us)", [LAST, -LAST, timedelta(), 25 * H, timedelta(seconds=-1)]),
    "time(6)": ("duration(us)", [timedelta(microseconds=-1), LAST - timedelta(microseconds=1)]),
    "year": ("int16", [1901, 2155, 0]),
    "char(9)": ("string", ["", "é", "日本🧣", "inner  x"]),
    "varchar(99)": ("string", ["", " x ", "NULL", "\\N", "0", "a\tb\nc\\"]),
    "tinytext": ("string", ["", "x" * 255]),
    "text": ("string", ["", "x" * 65_535]),
    "mediumtext": ("string", ["x" * 300_000]),
    "longtext": ("string", ["", "x" * 3_000_000, "short"]),
    "enum('a','b,c','d)e','f''g','')": ("string", ["a", "b,c", "d)e", "f'g", ""]),
    "set('a','b','c')": ("string", ["", "a", "a,b,c"]),
    "binary(4)": ("binary", [b"\0\0\0\0", b"abc\0"]),
    "varbinary(300)": ("binary", [b"", bytes(range(256))]),
    "tinyblob": ("binary", [b"", b"\xff"]),
    "blob": ("binary", [b"\0" * 1000]),
    "mediumblob": ("binary", [b"x" * 70_000]),
    "longblob": ("binary", [b"", b"\xfe" * 1_000_000]),
    "json": ("json", ["{}", '{"a": [1, "é", null]}', "null", '"x"', "1.0"]),
    "uuid": ("uuid", ["6f9619ff-8b86-d011-b42d-00c04fc964ff"]),
    "inet4": ("string", ["192.0.2.1", "0.0.0.0"]),
    "inet6": ("string", ["2001:db8::ff00:42:8329", "::ffff:192.0.2.128"]),
}  # fmt: skip


def literal(value: Any) -> str:
    if isinstance(value, timedelta):
        total = abs(value)
        hours, rest = divmod(total // timedelta(microseconds=1), 3_600_000_000)
        minutes, rest = divmod(rest, 60_000_000)
        return f"'{'-' * (value < timedelta())}{hours}:{minutes:02}:{rest / 1e6:09.6f}'"
    if isinstance(value, datetime | date):
        return f"'{value.replace(tzinfo=None) if isinstance(value, datetime) else value}'"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'" if value else "''"
    if isinstance(value, str):
        return f"_utf8mb4 X'{value.encode().hex()}'" if value else "''"
    if value is None:
        return "NULL"
    return str(int(value)) if isinstance(value, bool) else str(value)


@pytest.mark.parametrize("native", TYPES)
@pytest.mark.parametrize("by", ["table", "query"])
def test_every_type(mysql: Database, native: str, by: str) -> None:
    kind, values = TYPES[native]
    rows = ", ".join(f"({n}, {literal(v)})" for n, v in enumerate([None, *values, None]))
    mysql.execute(
        f"SET time_zone = '+00:00'; CREATE TABLE t (k int PRIMARY KEY, v {native});"
        f"INSERT INTO t VALUES {rows};"
    )
    settings = {"query": "SELECT k, v FROM t"} if by == "query" else {}
    with open_home(mysql, **settings) as session:
        schema = session.schema()
    # What MariaDB sends of these is text, and only its catalogue knows better.
    plain = by == "query" and native in ("json", "uuid")
    assert str(schema["v"].type) == ("string" if plain else kind)
    assert by == "query" or schema["k"].key == 1
    got = read(mysql, **settings).sort("k")
    assert got["v"].dtype == schema["v"].type.physical
    expected = pl.Series("v", [None, *values, None], dtype=got["v"].dtype, strict=False)
    assert got["v"].to_list() == expected.to_list()


@pytest.mark.parametrize("native", [n for n in TYPES if "blob" not in n and "binary" not in n
                                    and "bit" not in n])  # fmt: skip
def test_declared_text_is_what_the_client_prints(mysql: Database, native: str) -> None:
    rows = ", ".join(f"({n}, {literal(v)})" for n, v in enumerate([None, *TYPES[native][1]]))
    mysql.execute(
        f"SET time_zone = '+00:00'; CREATE TABLE t (k int PRIMARY KEY, v {native});"
        f"INSERT INTO t VALUES {rows};"
    )
    got = read(mysql, types={"v": "string"}).sort("k")["v"]
    printed = mysql.rows("SET time_zone = '+00:00'; SELECT CAST(v AS CHAR) FROM t ORDER BY k")
    assert [(text,) for text in got] == printed


@pytest.mark.parametrize("charset", ["latin1", "cp1251", "utf16", "ucs2", "gbk", "utf8mb3"])
def test_text_of_any_character_set(mysql: Database, charset: str) -> None:
    text = {"latin1": "smörgås €", "cp1251": "Привет"}.get(charset, "日本 ü")
    if charset == "gbk":
        text = "中文"
    mysql.execute(
        f"CREATE TABLE t (v varchar(99) CHARACTER SET {charset}, w text CHARACTER SET {charset},"
        f"e enum('{text}') CHARACTER SET {charset});"
        f"INSERT INTO t VALUES ('{text}', '{text}', '{text}');"
    )
    assert read(mysql).rows() == [(text, text, text)]


def test_geometry_is_wkb(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE t (g geometry, p point); "
        "INSERT INTO t VALUES "
        "(ST_GeomFromText('LINESTRING(0 0, 1 2)', 4326), POINT(1, 2)), (NULL, NULL);"
    )
    expected = mysql.rows("SELECT hex(ST_AsBinary(g)), hex(ST_AsBinary(p)) FROM t")
    with open_home(mysql) as session:
        assert session.schema()["g"].loss == "the SRID is not read"
    got = [tuple(v and v.hex().upper() for v in row) for row in read(mysql).rows()]
    assert got == expected
    query = read(mysql, query="SELECT g, p FROM t")
    assert query.rows() == read(mysql).rows()


ZERO = "SET sql_mode = 'ALLOW_INVALID_DATES'; CREATE TABLE t (k int PRIMARY KEY, v {}); "


@pytest.mark.parametrize("value", ["0000-00-00", "2024-00-00", "2024-02-31"])
@pytest.mark.parametrize("native", ["date", "datetime", "timestamp NULL"])
def test_a_day_that_no_calendar_has(mysql: Database, native: str, value: str) -> None:
    if native.startswith("timestamp") and value != "0000-00-00":
        value = "0000-00-00 00:00:00"
    mysql.execute(
        ZERO.format(native) + f"INSERT INTO t VALUES (1, '2024-01-31'), (2, '{value}'), (3, NULL);"
    )
    with pytest.raises(BadValue) as caught:
        read(mysql)
    assert f"t.v, k=2: '{value[:10]}" in str(caught.value)
    text = read(mysql, types={"v": "string"})["v"].to_list()
    assert text[1] is not None and text[1].startswith(value[:10])


def test_zero_dates_can_become_null(mysql: Database, tmp_path: Path) -> None:
    mysql.execute(
        ZERO.format("date")
        + "INSERT INTO t VALUES (1, '2024-01-31'), (2, '0000-00-00'), (3, NULL);"
    )
    flow = Flow(
        MySQLHome("t", url=mysql.url), ParquetStore(path=str(tmp_path / "t")), on_bad_value="null"
    )
    flow.start_sync()
    got = pl.read_parquet(tmp_path / "t" / "*.parquet").sort("k")
    assert got.rows() == [(1, date(2024, 1, 31)), (2, None), (3, None)]


def test_nothing_but_zero_dates_is_no_watermark(mysql: Database) -> None:
    mysql.execute(ZERO.format("datetime") + "INSERT INTO t VALUES (1, '0000-00-00');")
    with (
        open_home(mysql) as session,
        pytest.raises(DataError, match=r"t\.v: the max is no position"),
    ):
        session.maximum("v")


def test_hidden_and_generated_columns_are_read(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE t (a int, b int AS (a + 1) VIRTUAL, c int AS (a + 2) STORED, "
        "d int INVISIBLE DEFAULT 7); INSERT INTO t (a) VALUES (1);"
    )
    assert read(mysql).rows(named=True) == [{"a": 1, "b": 2, "c": 3, "d": 7}]


def test_all_columns_of_a_native_type_can_be_declared(mysql: Database) -> None:
    mysql.execute(
        "CREATE TABLE t (a tinyint(1), b boolean, c tinyint); INSERT INTO t VALUES (1,0,2);"
    )
    assert read(mysql, types={"tinyint(1)": "bool"}).rows() == [(True, False, 2)]
    mysql.execute("INSERT INTO t VALUES (2, 0, 0)")
    with pytest.raises(BadValue, match=r"t\.a, row 2: 2 does not fit bool"):
        read(mysql, types={"tinyint(1)": "bool"})


def test_a_decimal_of_many_digits_can_be_declared(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (v decimal(65,30)); INSERT INTO t VALUES (1.5);")
    assert read(mysql, types={"v": "decimal(38,10)"}).rows() == [(Decimal("1.5000000000"),)]
    mysql.execute("INSERT INTO t VALUES (1e-30)")
    with pytest.raises(BadValue, match="does not fit decimal"):
        read(mysql, types={"v": "decimal(38,10)"})


def test_a_query_is_described_without_being_run(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (a int unsigned NOT NULL, b varchar(9), c tinyint(1));")
    query = "SELECT a, b, c, count(*) AS n, SLEEP(99) AS s, 1.50 AS d, NULL AS z FROM t GROUP BY a"
    with open_home(mysql, query=query) as session:
        found = {f.name: (str(f.type), f.nullable) for f in session.schema()}
    assert found["a"] == ("uint32", False)
    assert found["b"] == ("string", True)
    assert found["c"][0] == "int8"
    assert found["n"][0] == "int64"
    assert found["d"][0] == "decimal(3,2)"
    assert found["z"][0] == "null"


def test_two_columns_of_one_name_are_told(mysql: Database) -> None:
    with pytest.raises(ConfigError, match="several columns named 'a'"):
        read(mysql, query="SELECT 1 AS a, 2 AS A")


def test_padding_of_the_server_is_not_read(mysql: Database) -> None:
    mysql.execute("CREATE TABLE t (v char(5)); INSERT INTO t VALUES ('x');")
    mode = "SET SESSION sql_mode = CONCAT(@@sql_mode, ',PAD_CHAR_TO_FULL_LENGTH')"
    mysql.execute(f'SET GLOBAL init_connect = "{mode}"')
    try:
        assert read(mysql).rows() == [("x",)]
    finally:
        mysql.execute("SET GLOBAL init_connect = ''")
