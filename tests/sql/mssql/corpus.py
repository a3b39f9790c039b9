"""Every type of SQL Server with its extremes: as it is declared, written down, and read.

The ends are those of https://learn.microsoft.com/sql/t-sql/data-types/data-types-transact-sql
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl

from hygge.core.fields import parse_type

DIGITS = "Babelfish has microseconds, and no 100 ns"
CLR = "Babelfish has no types of the CLR"
NEWER = "it came with SQL Server 2025"
DAY = 86_400 * 10**9
"""Nanoseconds."""


@dataclass(frozen=True, slots=True)
class Case:
    """One column.

    Parameters
    ----------
    native: the declared type.
    kind: the logical type it is read as.
    values: each an expression of SQL and what is read of it; times as nanoseconds.
    missing: why Babelfish does not have it; "" where it does.
    more: what stands after the type in the table's declaration.
    """

    native: str
    kind: str
    values: tuple[tuple[str, Any], ...]
    missing: str = ""
    more: str = ""

    def expected(self, rows: int) -> pl.Series:
        """What is read of the first rows; those that the case says nothing of are NULL."""
        values = [value for _, value in self.values] + [None] * (rows - len(self.values))
        dtype: Any = parse_type(self.kind).physical
        return (
            pl.Series(values).cast(pl.Time) if dtype == pl.Time else pl.Series(values, dtype=dtype)
        )


def case(
    native: str, kind: str, *values: tuple[str, Any], missing: str = "", more: str = ""
) -> Case:
    return Case(native, kind, values, missing, more)


def _numbers(native: str, kind: str, *values: Any, missing: str = "") -> Case:
    """Numbers that are written as they are."""
    made = (Decimal(v) if kind.startswith("decimal") else v for v in values)
    return Case(
        native, kind, tuple((str(v), m) for v, m in zip(values, made, strict=True)), missing
    )


NINES = "9" * 38
LONG = "REPLICATE(CAST(N'日a' AS nvarchar(max)), 50000)"
UTC_FIRST, UTC_LAST = (
    datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC),
)  # fmt: skip
POINT = bytes.fromhex("0101000000000000000000F03F0000000000000040")
"""POINT (1 2) as WKB, little-endian: OGC 06-103r4, 8.2."""

CORPUS = {
    "a bit": case("bit", "bool", ("0", False), ("1", True)),
    "tinyint": _numbers("tinyint", "uint8", 0, 255),
    "smallint": _numbers("smallint", "int16", -(2**15), 2**15 - 1),
    "int": _numbers("int", "int32", -(2**31), 2**31 - 1),
    "bigint": _numbers("bigint", "int64", -(2**63), 2**63 - 1, 0),
    "decimal of 38": _numbers("decimal(38,0)", "decimal(38,0)", NINES, f"-{NINES}", "0"),
    "decimal behind the point": _numbers("decimal(38,38)", "decimal(38,38)", f"0.{NINES}",
                                         f"-0.{NINES}", "0." + "0" * 37 + "1"),
    "numeric": _numbers("numeric(5,2)", "decimal(5,2)", "999.99", "-999.99", "0.01"),
    "money": _numbers("money", "decimal(19,4)", "922337203685477.5807", "-922337203685477.5808"),
    "smallmoney": _numbers("smallmoney", "decimal(10,4)", "214748.3647", "-214748.3648"),
    "real": case("real", "float32", ("3.40282347e38", 3.4028234663852886e38), ("-3.40282347e38",
                 -3.4028234663852886e38), ("1.17549435e-38", 1.1754943508222875e-38),
                 ("0.1e0", 0.1)),
    "float": case("float", "float64", *((repr(v), v) for v in (
        1.7976931348623157e308, -1.7976931348623157e308, 2.2250738585072014e-308, 0.1e0))),
    "date": case("date", "date", ("'00010101'", date.min), ("'99991231'", date.max)),
    "time(7)": case("time(7)", "time", ("'00:00'", 0), ("'23:59:59.9999999'", DAY - 100),
                    missing=DIGITS),
    "time(6)": case("time(6)", "time", ("'00:00'", 0), ("'23:59:59.999999'", DAY - 1000)),
    "time(0)": case("time(0)", "time", ("'00:00'", 0), ("'23:59:59'", DAY - 10**9)),
    "datetime": case("datetime", "timestamp(ms)", ("'1753-01-01T00:00:00'", datetime(1753, 1, 1)),
                     ("'9999-12-31T23:59:59.997'", datetime(9999, 12, 31, 23, 59, 59, 997000)),
                     ("'2024-01-01T00:00:00.003'", datetime(2024, 1, 1, 0, 0, 0, 3000))),
    "smalldatetime": case("smalldatetime", "timestamp(ms)",
                          ("'1900-01-01T00:00:00'", datetime(1900, 1, 1)),
                          ("'2079-06-06T23:59:00'", datetime(2079, 6, 6, 23, 59))),
    "datetime2(7)": case("datetime2(7)", "timestamp(us)", ("'0001-01-01T00:00:00'", datetime.min),
                         ("'9999-12-31T23:59:59.9999999'", datetime.max), missing=DIGITS),
    "datetime2(6)": case("datetime2(6)", "timestamp(us)", ("'0001-01-01T00:00:00'", datetime.min),
                         ("'9999-12-31T23:59:59.999999'", datetime.max)),
    "datetime2(3)": case("datetime2(3)", "timestamp(us)",
                         ("'2024-02-29T01:02:03.004'", datetime(2024, 2, 29, 1, 2, 3, 4000))),
    "datetimeoffset(7)": case(
        "datetimeoffset(7)", "timestamp(us, UTC)", ("'0001-01-01T00:00:00+00:00'", UTC_FIRST),
        ("'9999-12-31T23:59:59.9999999+00:00'", UTC_LAST), missing=DIGITS),
    "datetimeoffset(6)": case(
        "datetimeoffset(6)", "timestamp(us, UTC)", ("'0001-01-01T00:00:00+00:00'", UTC_FIRST),
        ("'9999-12-31T23:59:59.999999+00:00'", UTC_LAST),
        ("'2024-01-01T00:00:00+14:00'", datetime(2023, 12, 31, 10, tzinfo=UTC)),
        ("'2024-01-01T00:00:00-14:00'", datetime(2024, 1, 1, 14, tzinfo=UTC))),
    "char": case("char(5)", "string(5)", ("'ab'", "ab   "), ("''", " " * 5)),
    "varchar": case("varchar(8000)", "string(8000)", ("''", ""), ("'a '", "a "),
                    ("REPLICATE('x', 8000)", "x" * 8000)),
    "varchar(max)": case("varchar(max)", "string", ("''", ""),
                         ("REPLICATE(CAST('xy' AS varchar(max)), 50000)", "xy" * 50_000)),
    "a Cyrillic varchar": case("varchar(20)", "string(20)", ("N'Жук ё'", "Жук ё"),
                               more="COLLATE Cyrillic_General_CI_AS"),
    "a Greek char": case("char(3)", "string(3)", ("N'Ωμ'", "Ωμ "),
                         more="COLLATE Greek_CI_AS"),
    "a Polish varchar": case("varchar(20)", "string(20)", ("N'źdźbło'", "źdźbło"),
                             more="COLLATE Polish_CI_AS"),
    "a Japanese varchar": case("varchar(20)", "string(20)", ("N'日本ｱ'", "日本ｱ"),
                               more="COLLATE Japanese_CI_AS"),
    "nchar": case("nchar(5)", "string(5)", ("N'é'", "é    ")),
    "nvarchar": case("nvarchar(4000)", "string(4000)", ("N''", ""),
                     ("N'\ufffd\uffff'", "\ufffd\uffff"), ("N'😀'", "😀"),
                     ("REPLICATE(N'日', 4000)", "日" * 4000)),
    "nvarchar(max)": case("nvarchar(max)", "string", ("N''", ""), (LONG, "日a" * 50_000)),
    "sysname": case("sysname", "string", ("N'name'", "name"), more="NULL"),
    "text": case("text", "string", ("'tt'", "tt"), ("''", "")),
    "ntext": case("ntext", "string", ("N'日本'", "日本"), ("N''", "")),
    "xml": case("xml", "string", ("N'<a b=\"é\">1</a>'", '<a b="é">1</a>')),
    "json": case("json", "json", ("'{\"a\":1}'", '{"a":1}'), missing=NEWER),
    "binary": case("binary(4)", "binary", ("0x01", b"\1\0\0\0"), ("0xFFFFFFFF", b"\xff" * 4)),
    "varbinary": case("varbinary(8000)", "binary", ("0x", b""), ("0x0100", b"\1\0"),
                      ("CAST(REPLICATE('x', 8000) AS varbinary(8000))", b"x" * 8000)),
    "varbinary(max)": case("varbinary(max)", "binary", ("0x", b""), (
        "CAST(REPLICATE(CAST('xy' AS varchar(max)), 50000) AS varbinary(max))", b"xy" * 50_000)),
    "image": case("image", "binary", ("0x00FF", b"\0\xff")),
    "uniqueidentifier": case(
        "uniqueidentifier", "uuid", *((f"'{v}'", v.lower()) for v in (
            "00000000-0000-0000-0000-000000000000", "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF",
            "6F9619FF-8B86-D011-B42D-00C04FC964FF"))),
    "sql_variant": case("sql_variant", "string", (f"CAST({'9' * 38} AS decimal(38,0))", "9" * 38),
                        ("CAST(N'é' AS nvarchar(9))", "é"),
                        ("CAST('20240102 03:04:05.003' AS datetime)", "2024-01-02 03:04:05.003")),
    "a variant of bytes": case("sql_variant", "string",
                               ("CAST(0x01FF AS varbinary(9))", "0x01FF"),
                               missing="Babelfish's CONVERT has no style for bytes"),
    "hierarchyid": case("hierarchyid", "string", ("'/'", "/"), ("'/1/2.5/'", "/1/2.5/"),
                        missing=CLR),
    "geography": case("geography", "binary", ("geography::STGeomFromText('POINT (1 2)', 4326)",
                      POINT), missing=CLR),
    "geometry": case("geometry", "binary", ("geometry::STGeomFromText('POINT (1 2)', 0)", POINT),
                     missing=CLR),
    "a sparse int": case("int", "int32", ("7", 7), more="SPARSE NULL"),
    "vector": case("vector(2)", "string", ("'[1,2]'", "[1.0000000e+000,2.0000000e+000]"),
                   missing=NEWER),
}  # fmt: skip
ROWS = max(len(one.values) for one in CORPUS.values()) + 1
"""The last one is NULL in every column."""
