"""SQL Server's types, literals and statements; no server."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import ConfigError
from hygge.core.fields import parse_type
from hygge.core.watermark import Window
from hygge.sql.mssql.catalogue import described, look, named
from hygge.sql.mssql.columns import Beside, as_asked
from hygge.sql.mssql.types import DIALECT, Precision, as_text, column_of, native_of, on_grid, show
from hygge.sql.select import columns_sql, in_window


@pytest.mark.parametrize(
    ("native", "kind", "loses"),
    [
        ("bit", "bool", ""), ("tinyint", "uint8", ""), ("bigint", "int64", ""),
        ("decimal(38,10)", "decimal(38,10)", ""), ("money", "decimal(19,4)", ""),
        ("smallmoney", "decimal(10,4)", ""), ("real", "float32", ""), ("float", "float64", ""),
        ("datetime", "timestamp(ms)", ""), ("smalldatetime", "timestamp(ms)", ""),
        ("datetime2(3)", "timestamp(us)", ""), ("datetime2(7)", "timestamp(us)", "100 ns"),
        ("datetimeoffset(0)", "timestamp(us, UTC)", "offset"),
        ("datetimeoffset(7)", "timestamp(us, UTC)", "100 ns"), ("time(7)", "time", ""),
        ("nvarchar(50)", "string(50)", ""), ("varchar(max)", "string", ""),
        ("varbinary(max)", "binary", ""), ("timestamp", "binary", ""),
        ("uniqueidentifier", "uuid", ""), ("xml", "string", ""), ("json", "json", ""),
        ("sql_variant", "string", "type"), ("hierarchyid", "string", ""),
        ("geography", "binary", "SRID"), ("vector", "string", ""),
    ],
)  # fmt: skip
def test_the_table(native: str, kind: str, loses: str) -> None:
    column = column_of("c", native, required=True)
    assert column.type == parse_type(kind)
    assert loses in column.loss
    assert bool(column.loss) == bool(loses)


@pytest.mark.parametrize(
    ("precision", "kind", "fetch"),
    [("us", "timestamp(us)", ""), ("ns", "timestamp(ns)", "CONVERT(nvarchar(40), [c], 121)"),
     ("text", "string", "CONVERT(nvarchar(40), [c], 121)")],
)  # fmt: skip
def test_precision_of_datetime2(precision: Precision, kind: str, fetch: str) -> None:
    column = column_of("c", "datetime2(7)", required=True, precision=precision)
    assert (column.type, column.fetch) == (parse_type(kind), fetch)
    assert bool(column.loss) == (precision == "us")
    shorter = column_of("c", "datetime2(6)", required=True, precision=precision)
    assert shorter.type == parse_type("timestamp(us)")


def test_offsets_beside_what_they_are_of() -> None:
    columns = [column_of("a", "int", required=True),
               column_of("b", "datetimeoffset(7)", required=False)]  # fmt: skip
    plain, moment, offset = as_asked(columns, {}, {}, Beside(offsets=True))
    assert plain == columns[0]
    assert moment.loss == "the seventh digit, of 100 ns, is cut off", "the offset is kept"
    assert (offset.name, offset.type, offset.required) == ("b_offset", parse_type("int16"), False)
    assert offset.fetch == "CAST(DATEPART(TZOFFSET, [b]) AS smallint)"
    assert as_asked(columns, {}, {}, Beside(types=True)) == tuple(columns)
    taken = [*columns, column_of("b_offset", "int", required=True)]
    with pytest.raises(ConfigError, match="so is a column that is there"):
        as_asked(taken, {}, {}, Beside(offsets=True))


def test_types_beside_what_they_are_of() -> None:
    columns = [column_of("v", "sql_variant", required=False)]
    variant, kind = as_asked(columns, {}, {}, Beside(types=True))
    assert (variant.loss, variant.fetch) == ("", columns[0].fetch), "nothing is lost then"
    assert (kind.name, kind.type, kind.required) == ("v_type", parse_type("string(128)"), False)
    assert kind.fetch == "CAST(SQL_VARIANT_PROPERTY([v], 'BaseType') AS nvarchar(128))"
    assert as_asked(columns, {}, {}, Beside(offsets=True)) == tuple(columns)


def test_what_a_driver_has_no_form_for() -> None:
    """It is asked for in the driver's way, unless it is declared as text."""
    column = column_of("z", "datetimeoffset(3)", required=True)
    fetches = {"datetimeoffset": "F({})"}
    assert as_asked([column], {}, fetches, Beside())[0].fetch == "F([z])"
    (text,) = as_asked([column], {"z": parse_type("string")}, fetches, Beside())
    assert text.fetch == as_text(column)


@pytest.mark.parametrize(
    ("said", "native"),
    [
        (("nvarchar", 100, 0, 0), "nvarchar(50)"), (("varchar", 50, 0, 0), "varchar(50)"),
        (("nvarchar", -1, 0, 0), "nvarchar(max)"), (("decimal", 9, 18, 4), "decimal(18,4)"),
        (("datetime2", 8, 27, 7), "datetime2(7)"), (("int", 4, 10, 0), "int"),
    ],
)  # fmt: skip
def test_natives(said: tuple[str, int, int, int], native: str) -> None:
    assert native_of(*said) == native


@pytest.mark.parametrize(
    ("value", "kind", "sql"),
    [
        (5, "int32", "5"),
        (2**40, "int64", f"CAST({2**40} AS bigint)"),
        (2**63, "int64", str(2**63)),
        (Decimal("1.50"), "decimal(10,2)", "1.50"),
        (Decimal(10) ** 38, "decimal(38,0)", "9" * 38),
        (date(2024, 2, 29), "date", "CAST('2024-02-29' AS date)"),
        (datetime(2024, 2, 29, 1, 2, 3, 4), "timestamp(us)",
         "CAST('2024-02-29T01:02:03.000004' AS datetime2(7))"),
        (datetime(2024, 2, 29, 1, 2, 3, 4567), "timestamp(ms)",
         "CAST('2024-02-29T01:02:03.007' AS datetime)"),
        (datetime.min, "timestamp(ms)", "CAST('1753-01-01T00:00:00.000' AS datetime)"),
        (datetime.max, "timestamp(ms)", "CAST('9999-12-31T23:59:59.999999' AS datetime2(7))"),
        (datetime(2024, 2, 29, tzinfo=UTC), "timestamp(us, UTC)",
         "CAST('2024-02-29T00:00:00.000000+00:00' AS datetimeoffset(7))"),
    ],
)  # fmt: skip
def test_literals(value: Any, kind: str, sql: str) -> None:
    assert show(value, parse_type(kind)) == sql


SHOWN = [round(n / 0.3) for n in range(300)]
"""The milliseconds that a `datetime` can end in."""


@given(st.sampled_from(SHOWN), st.integers(0, 999_999))
def test_a_literal_of_datetime_is_on_the_same_side_as_what_is_shown(shown: int, us: int) -> None:
    """Also where the bound lies between two of them; and it is one itself, so never rounded."""
    second = datetime(2024, 2, 29, 1, 2, 3)
    bound, column = second + timedelta(microseconds=us), second + timedelta(milliseconds=shown)
    at = on_grid(bound)
    assert at is not None
    assert (column < at) == (column < bound)
    assert at.microsecond // 1000 in SHOWN


@given(st.text(min_size=1))
def test_quoted_names(name: str) -> None:
    """Taken apart as SQL Server does, a quoted name is the name."""
    quoted = DIALECT.quote(name)
    assert quoted[0] + quoted[-1] == "[]"
    assert quoted[1:-1].replace("]]", "") == name.replace("]", "")
    assert quoted[1:-1].replace("]]", "]") == name


def test_a_window() -> None:
    window = Window("at]", parse_type("date"), date(2024, 1, 1), date(2024, 1, 2))
    assert in_window(DIALECT, window) == (
        "[at]]] >= CAST('2024-01-01' AS date) AND [at]]] < CAST('2024-01-02' AS date)"
    )


def test_columns_that_are_asked_for_in_another_form() -> None:
    columns = [column_of("a", "int", required=True), column_of("h", "hierarchyid", required=True)]
    assert columns_sql(DIALECT, columns) == "[a], [h].ToString() AS [h]"


@pytest.mark.parametrize(
    ("native", "sql"),
    [
        ("float", "LTRIM(RTRIM(CONVERT(nvarchar(40), [c], 3)))"),
        ("money", "CAST(CAST([c] AS decimal(19,4)) AS nvarchar(40))"),
        ("datetimeoffset(7)", "CONVERT(nvarchar(40), [c], 121)"),
        ("varbinary(8)", "CONVERT(nvarchar(max), [c], 1)"), ("int", "CAST([c] AS nvarchar(max))"),
        ("hierarchyid", "[c].ToString()"),
    ],
)  # fmt: skip
def test_as_text_with_all_digits(native: str, sql: str) -> None:
    assert as_text(column_of("c", native, required=True)) == sql


def test_the_catalogue() -> None:
    """Tables and views in one pass, with keys, counters and about how many rows."""
    asked: list[str] = []

    def ask(sql: str) -> list[tuple[Any, ...]]:
        asked.append(sql)
        if "is_primary_key" in sql:
            return [(1, "b", 1), (1, "a", 2)]
        if "sys.partitions" in sql:
            return [(1, 70)]
        return [
            (1, "dbo", "t", "U ", "a", "int", 4, 10, 0, False, True),
            (1, "dbo", "t", "U ", "b", "nvarchar", 20, 0, 0, False, False),
            (2, "dbo", "v", "V ", "c", "geometry", -1, 0, 0, True, False),
        ]

    table, view = look(ask, named("", "it's"))
    assert all("s.name = SCHEMA_NAME() AND o.name = N'it''s'" in sql for sql in asked)
    assert (table.kind, table.rows, table.counter, table.key) == ("table", 70, "a", ("b", "a"))
    assert (view.kind, view.rows, view.counter, view.key) == ("view", None, "", ())
    assert view["c"].fetch == "[c].AsBinaryZM()"


def test_a_query() -> None:
    names = ["is_hidden", "name", "system_type_name", "user_type_name", "max_length", "precision",
             "scale", "is_nullable"]  # fmt: skip
    rows = [
        (False, "a", "nvarchar(10)", None, 20, 0, 0, True),
        (False, "b", "decimal", None, 9, 10, 2, False),
        (False, "g", None, "geography", -1, 0, 0, True),
        (True, "hidden", "int", None, 4, 10, 0, False),
    ]
    found = described(rows, names, "us")
    assert [(c.name, c.native, c.required) for c in found] == [
        ("a", "nvarchar(10)", False), ("b", "decimal(10,2)", True), ("g", "geography", False),
    ]  # fmt: skip
