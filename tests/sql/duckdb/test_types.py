"""Every type of DuckDB's documentation, with its extremes: exact, or the loss that is declared.

https://duckdb.org/docs/stable/sql/data_types/overview
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import polars as pl
import pytest

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import BadValue
from hygge.core.fields import LogicalType, parse_type
from hygge.homes.duckdb import DuckDBHome
from hygge.sql.duckdb.nested import nested
from hygge.sql.duckdb.types import logical
from hygge.sql.select import columns_sql

INF, NAN = float("inf"), float("nan")
BIG = Decimal("9" * 38)

# Native type, values as DuckDB's literals, logical type, and what they are read as.
CORPUS: list[tuple[str, list[str], str, list[Any]]] = [
    ("BOOLEAN", ["true", "false"], "bool", [True, False]),
    ("TINYINT", ["-128", "127"], "int8", [-128, 127]),
    ("SMALLINT", ["-32768", "32767"], "int16", [-32768, 32767]),
    ("INTEGER", ["-2147483648", "2147483647"], "int32", [-(2**31), 2**31 - 1]),
    ("BIGINT", ["-9223372036854775808", "9223372036854775807"], "int64", [-(2**63), 2**63 - 1]),
    ("UTINYINT", ["0", "255"], "uint8", [0, 255]),
    ("USMALLINT", ["65535"], "uint16", [65535]),
    ("UINTEGER", ["4294967295"], "uint32", [2**32 - 1]),
    ("UBIGINT", ["18446744073709551615"], "uint64", [2**64 - 1]),
    ("HUGEINT", [str(BIG), f"-{BIG}"], "decimal(38,0)",
     [BIG, BIG.copy_negate()]),
    ("UHUGEINT", ["0", str(BIG)], "decimal(38,0)", [Decimal(0), BIG]),
    ("BIGNUM", [str(BIG), "-1"], "decimal(38,0)", [BIG, Decimal(-1)]),
    ("FLOAT", ["'nan'", "'inf'", "'-inf'", "1.17549435e-38"], "float32",
     [NAN, INF, -INF, 1.1754943508222875e-38]),
    ("DOUBLE", ["'nan'", "'-inf'", "5e-324", "1.7976931348623157e308"], "float64",
     [NAN, -INF, 5e-324, 1.7976931348623157e308]),
    ("DECIMAL(4,1)", ["999.9", "-999.9"], "decimal(4,1)", [Decimal("999.9"), Decimal("-999.9")]),
    ("DECIMAL", ["1.5"], "decimal(18,3)", [Decimal("1.500")]),
    ("DECIMAL(38,37)", ["9.9999999999999999999999999999999999999"], "decimal(38,37)",
     [Decimal("9.9999999999999999999999999999999999999")]),
    ("DATE", ["'0001-01-01'", "'9999-12-31'"], "date", [date.min, date.max]),
    ("TIME", ["'00:00:00'", "'23:59:59.999999'"], "time", [time.min, time.max]),
    ("TIME_NS", ["'23:59:59.999999'"], "time", [time.max]),
    ("TIME WITH TIME ZONE", ["'12:00:00+02:30'"], "string", ["12:00:00+02:30"]),
    ("TIMESTAMP", ["'0001-01-01'", "'9999-12-31 23:59:59.999999'"], "timestamp(us)",
     [datetime.min, datetime.max]),
    ("TIMESTAMP_S", ["'0001-01-01'", "'9999-12-31 23:59:59'"], "timestamp(ms)",
     [datetime.min, datetime(9999, 12, 31, 23, 59, 59)]),
    ("TIMESTAMP_MS", ["'9999-12-31 23:59:59.999'"], "timestamp(ms)",
     [datetime(9999, 12, 31, 23, 59, 59, 999_000)]),
    ("TIMESTAMP_NS", ["'1700-01-01'", "'2261-12-31 23:59:59.999999'"], "timestamp(ns)",
     [datetime(1700, 1, 1), datetime(2261, 12, 31, 23, 59, 59, 999_999)]),
    ("TIMESTAMP WITH TIME ZONE", ["'2024-06-01 12:00:00+02'"], "timestamp(us, UTC)",
     [datetime(2024, 6, 1, 10, tzinfo=UTC)]),
    ("TIMESTAMPTZ_NS", ["'2024-06-01 12:00:00+02'"], "timestamp(ns, UTC)",
     [datetime(2024, 6, 1, 10, tzinfo=UTC)]),
    ("INTERVAL", ["'1 month 2 days 3.5 seconds'"], "string", ["1 month 2 days 00:00:03.5"]),
    ("BIT", ["'0101'"], "string", ["0101"]),
    ("UUID", ["'00000000-0000-0000-0000-00000000000F'"], "uuid",
     ["00000000-0000-0000-0000-00000000000f"]),
    ("BLOB", [r"'\x00\xff'", "''"], "binary", [b"\x00\xff", b""]),
    ("GEOMETRY", ["'POINT(1 2)'"], "binary",
     [bytes.fromhex("0101000000000000000000f03f0000000000000040")]),
    ("JSON", ["""'{"a": [1, null]}'"""], "json", ['{"a": [1, null]}']),
    ("VARCHAR", ["'Zoë 🕯'", "''"], "string", ["Zoë 🕯", ""]),
    ("VARCHAR(2)", ["'longer'"], "string", ["longer"]),
    ("ENUM('a', 'it''s, (so)')", ["'a'", "'it''s, (so)'"], "string", ["a", "it's, (so)"]),
    ("INTEGER[]", ["[1, NULL]", "[]"], "list(int32)", [[1, None], []]),
    ("VARCHAR[2]", ["['a', 'b']"], "list(string)", [["a", "b"]]),
    ("DECIMAL(4,2)[][]", ["[[1.5], []]"], "list(list(decimal(4,2)))", [[[Decimal("1.50")], []]]),
    ("STRUCT(a INTEGER, \"b c\" VARCHAR[])", ["{'a': 1, 'b c': ['x']}"],
     'struct(a: int32, "b c": list(string))', [{"a": 1, "b c": ["x"]}]),
    ("STRUCT(u UUID, j JSON)[]", ["[{'u': NULL, 'j': '{}'}]"],
     "list(struct(u: uuid, j: json))", [[{"u": None, "j": "{}"}]]),
    ("DATE[]", ["['2024-01-31', 'infinity']"], "json", ['["2024-01-31","infinity"]']),
    ('STRUCT("at" TIMESTAMP)', ["{'at': TIMESTAMP '2024-01-31 10:00:00'}"], "json",
     ['{"at":"2024-01-31 10:00:00"}']),
    ("UHUGEINT[]", ["[340282366920938463463374607431768211455]"], "json",
     ["[340282366920938463463374607431768211455]"]),
    ("ENUM('a')[]", ["['a']"], "json", ['["a"]']),
    ("MAP(VARCHAR, INTEGER)", ["MAP {'a': 1}"], "json", ['{"a":1}']),
    ("UNION(num INTEGER, txt VARCHAR)", ["2", "'x'"], "json", ['{"num":2}', '{"txt":"x"}']),
    ("VARIANT", ["{'a': [1], 'b': 'x'}"], "json", ['{"a":[1],"b":"x"}']),
]  # fmt: skip


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "corpus.duckdb"


def make(place: Path, native: str, values: list[str]) -> None:
    """A table whose first value is NULL."""
    with duckdb.connect(str(place)) as db:
        db.execute(f'CREATE TABLE t (k INTEGER PRIMARY KEY, "{{v}}" {native})')
        db.execute("INSERT INTO t VALUES (0, NULL)")
        for key, value in enumerate(values, 1):
            db.execute(f"INSERT INTO t VALUES ({key}, {value})")


def read(place: Path, **settings: Any) -> pl.DataFrame:
    home = DuckDBHome("t", path=str(place), **settings)
    return pl.concat(home.read_sync())


def same(left: Any, right: Any) -> bool:
    return left == right or (left != left and right != right)


@pytest.mark.parametrize(("native", "values", "kind", "wanted"), CORPUS, ids=lambda v: str(v)[:30])
def test_each_type(
    place: Path, native: str, values: list[str], kind: str, wanted: list[Any]
) -> None:
    make(place, native, values)
    with DuckDBHome("t", path=str(place)).bind(Surroundings()).open(Context()) as session:
        assert session.schema()["{v}"].type == parse_type(kind)
    found = read(place)["{v}"]
    assert found.dtype == parse_type(kind).physical
    assert found[0] is None
    got = found.to_list()[1:]
    assert all(map(same, got, wanted)), got
    assert len(got) == len(wanted)
    by_query = read(place, query="SELECT * FROM t")["{v}"]
    assert by_query.dtype == found.dtype
    assert all(map(same, by_query.to_list()[1:], wanted))


def test_fractions_of_nanoseconds_are_kept(place: Path) -> None:
    make(place, "TIMESTAMP_NS", ["'2024-01-01 00:00:00.123456789'"])
    assert read(place)["{v}"].dt.nanosecond()[1] == 123_456_789
    place.unlink()
    make(place, "TIME_NS", ["'23:59:59.123456789'"])
    assert read(place)["{v}"].dt.nanosecond()[1] == 123_456_789


MISFITS = [
    ("HUGEINT", "170141183460469231731687303715884105727",
     "170141183460469231731687303715884105727"),
    ("UHUGEINT", "340282366920938463463374607431768211455",
     "340282366920938463463374607431768211455"),
    ("BIGNUM", "'123456789012345678901234567890123456789012'",
     "123456789012345678901234567890123456789012"),
    ("DATE", "'infinity'", "infinity"), ("DATE", "'-infinity'", "-infinity"),
    ("DATE", "'10000-01-01'", "2932897 days since 1970"),
    ("DATE", "'0044-03-15 (BC)'", "-735160 days since 1970"),
    ("TIMESTAMP", "'infinity'", "infinity"), ("TIMESTAMP_S", "'infinity'", "infinity"),
    ("TIMESTAMP_S", "'-infinity'", "-infinity"), ("TIMESTAMP_MS", "'infinity'", "infinity"),
    ("TIMESTAMP_NS", "'infinity'", "infinity"), ("TIMESTAMP_NS", "'-infinity'", "-infinity"),
    ("TIMESTAMPTZ", "'infinity'", "infinity"), ("TIMESTAMPTZ_NS", "'infinity'", "infinity"),
    ("TIME", "'24:00:00'", "24:00:00"), ("TIME_NS", "'24:00:00'", "24:00:00"),
]  # fmt: skip


@pytest.mark.parametrize(("native", "value", "shown"), MISFITS)
def test_what_only_duckdb_has_is_an_error_that_names_it(
    place: Path, native: str, value: str, shown: str
) -> None:
    make(place, native, [value])
    with pytest.raises(BadValue) as caught:
        read(place)
    assert "k=1" in str(caught.value)
    assert shown in str(caught.value)


@pytest.mark.parametrize(("native", "value", "shown"), MISFITS)
def test_read_as_text_it_is_duckdbs_own(place: Path, native: str, value: str, shown: str) -> None:
    make(place, native, [value])
    found = read(place, types={"{v}": "string"})["{v}"].to_list()
    with duckdb.connect(str(place)) as db:
        (own,) = db.execute('SELECT "{v}"::VARCHAR FROM t WHERE k = 1').fetchone() or ()
    assert found == [None, own]


@pytest.mark.parametrize(
    ("native", "fine", "bad"),
    [
        ("DATE", "'2024-02-29'", "'infinity'"),
        ("TIME", "'23:59:59.000001'", "'24:00:00'"),
        ("TIMESTAMP", "'2024-02-29 23:59:59.000001'", "'infinity'"),
        ("TIMESTAMP_MS", "'2024-02-29 23:59:59.001'", "'infinity'"),
        ("TIMESTAMP_NS", "'2024-02-29 23:59:59.000000001'", "'infinity'"),
        ("TIMESTAMPTZ", "'2024-02-29 23:59:59.000001+00'", "'infinity'"),
    ],
)
def test_values_beside_a_misfit_are_exact(place: Path, native: str, fine: str, bad: str) -> None:
    """They come as text then, and nothing is lost on the way there and back."""
    make(place, native, [fine])
    alone = read(place)
    with duckdb.connect(str(place)) as db:
        db.execute(f"INSERT INTO t VALUES (9, {bad})")
    home = DuckDBHome("t", path=str(place)).bind(Surroundings())
    with home.open(Context()) as session:
        kind = session.schema()["{v}"].type
        batch = pl.concat(list(session.read(ReadRequest(), WHOLE))[1:])
    assert batch["{v}"].dtype == pl.String
    from hygge.core.cast import cast

    values, wrong = cast(batch["{v}"], kind)
    assert wrong.to_list() == [False, False, True]
    assert values.head(2).equals(alone["{v}"], null_equal=True)


def test_types_may_be_declared_by_native_type(place: Path) -> None:
    make(place, "INTEGER[]", ["[1, 2]"])
    assert read(place, types={"integer[]": "json"})["{v}"].to_list() == [None, "[1,2]"]
    assert read(place, types={"{v}": "string"})["{v}"].to_list() == [None, "[1, 2]"]


def test_nested_types_are_taken_apart() -> None:
    def scalar(native: str) -> LogicalType | None:
        return None if native == "X" else parse_type("string")

    assert str(nested("STRUCT(\"a \"\", (b\" VARCHAR, c ENUM('x,)', 'y')[])[3]", scalar)) == (
        'list(struct("a "", (b": string, c: list(string)))'
    )
    assert nested("STRUCT(a VARCHAR, b X)[]", scalar) is None
    assert nested("X[]", scalar) is None


def test_a_name_with_braces_is_only_a_name() -> None:
    from hygge.sql.duckdb.session import DuckDBSession
    from hygge.sql.source import Source

    session = DuckDBSession(None, Source(table="t", where="x"), Context())  # type: ignore[arg-type]
    column = session._column("{0}", "HUGEINT", False, 0)
    assert columns_sql(session.dialect, [column]) == '"{0}"::VARCHAR AS "{0}"'


def test_any_other_type_is_read_as_text() -> None:
    rule, kind = logical("SOMETHING_NEW")
    assert (rule.fetch, kind.kind) == ("{}::VARCHAR", "string")
