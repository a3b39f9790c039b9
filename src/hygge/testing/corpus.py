"""Awkward values of every type: ends of ranges, last digits, what other words mean elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl

from hygge.core.fields import Field, LogicalType, Schema, parse_type

KEY = "k"
"""The column of row numbers in every frame here, which tells the rows' order."""
VALUE = "v"


@dataclass(frozen=True)
class Case:
    """A type and values of it.

    Parameters
    ----------
    name: the type's notation, perhaps with more after a slash; quirks name it.
    values: Python values, or whole numbers for times in ns (since 1970).
    """

    name: str
    values: Sequence[Any]

    @property
    def type(self) -> LogicalType:
        return parse_type(self.name.partition(" / ")[0])

    @property
    def column(self) -> pl.Series:
        """The values as a column of the type's physical dtype."""
        dtype = self.type.physical
        if self.type.unit == "ns":
            return pl.Series(VALUE, self.values, dtype=pl.Int64).cast(dtype)
        return pl.Series(VALUE, self.values, dtype=dtype, strict=True)

    @property
    def schema(self) -> Schema:
        return Schema(
            [
                Field(KEY, LogicalType("int64"), nullable=False, key=1),
                Field(VALUE, self.type),
            ]
        )

    @property
    def frame(self) -> pl.DataFrame:
        """The rows: a number from 0 in `k`, the value in `v`."""
        return numbered(self.column)


def numbered(*columns: pl.Series) -> pl.DataFrame:
    """Columns of one height beside the row numbers."""
    height = len(columns[0])
    return pl.DataFrame([pl.int_range(height, dtype=pl.Int64, eager=True).alias(KEY), *columns])


def decimal(whole: int, scale: int) -> Decimal:
    """`whole` times 10 to the power of `-scale`, whatever its digits."""
    return Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -scale))


def _integers(kind: str) -> Case:
    bits = int(kind.lstrip("uint"))
    low, high = (0, 2**bits - 1) if kind[0] == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    near = [2**53 - 1, 2**53 + 1] if bits == 64 else []
    return Case(kind, [low, high, 0, 1, None, *near])


def _decimals(precision: int, scale: int) -> Case:
    top = 10**precision - 1
    wholes = [top, -top, 0, 1, -1, 10**scale if scale < precision else 1, top // 3]
    values = [decimal(n, scale) for n in wholes]
    return Case(f"decimal({precision},{scale})", [*values, None])


_PARIS = datetime(2024, 10, 27, 0, 30, tzinfo=UTC)  # 02:30 there, twice that night
_INF = float("inf")
_MOMENTS = [
    datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59), datetime(1970, 1, 1), None,
    datetime(1969, 12, 31, 23, 59, 59), datetime(1582, 10, 10), datetime(2024, 2, 29, 12, 30),
    datetime(2024, 3, 31, 2, 30),
]  # fmt: skip
_TEXTS = [
    "", " ", "a", " a ", "NULL", "null", "None", "NA", "NaN", "\\N", "\\", "'", '"', '""', "`",
    ",", ";", "\t", "|", "\n", "\r\n", "\r", "a\nb", 'say "x", y', "00123", "1e5", "1.0", "true",
    "2024-01-31", "-", "=1+1", "{}", "[]", "%", "_", "é", "e\u0301", "ß", "İ", "Ω", "日本語",
    "👩\u200d👧", "שלום", "\u200b", "\ufeff", "\u2028", "\x1f", "\uffff", "\U0010ffff", "x" * 9_000,
    None,
]  # fmt: skip

CASES: tuple[Case, ...] = (
    Case("bool", [True, False, None]),
    *(_integers(f"{u}int{bits}") for u in ("", "u") for bits in (8, 16, 32, 64)),
    Case("float32", [0.0, 1.5, -3.4028234663852886e38, 1.401298464324817e-45, 0.10000000149011612,
                     None]),
    Case("float64", [0.0, 0.1, -1.7976931348623157e308, 5e-324, 2.0**53 + 2, 1 / 3, None]),
    Case("float32 / not finite", [_INF, -_INF, float("nan"), None]),
    Case("float64 / not finite", [_INF, -_INF, float("nan"), None]),
    Case("float64 / signed zero", [-0.0, 0.0]),
    *(_decimals(*shape) for shape in ((10, 2), (18, 4), (38, 0), (38, 10), (38, 38), (5, 5))),
    Case("date", [date(1, 1, 1), date(9999, 12, 31), date(1970, 1, 1), date(1969, 12, 31),
                  date(1582, 10, 10), date(2024, 2, 29), None]),
    Case("time", [time(), time(23, 59, 59, 999999), time(12, 30), time(0, 0, 0, 1), None]),
    Case("timestamp(ms)", [*_MOMENTS, datetime(9999, 12, 31, 23, 59, 59, 999000)]),
    Case("timestamp(us)", [*_MOMENTS, datetime(9999, 12, 31, 23, 59, 59, 999999),
                           datetime(1, 1, 1, 0, 0, 0, 1)]),
    Case("timestamp(ns)", [0, 1, -1, 1_704_067_200_123_456_789, 9_223_372_036_854_774_999,
                           -9_223_372_036_854_774_999, None]),
    Case("timestamp(us, UTC)", [m and m.replace(tzinfo=UTC) for m in _MOMENTS]),
    Case("timestamp(us, Europe/Paris)", [
        datetime(1900, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, tzinfo=UTC), _PARIS,
        _PARIS + timedelta(hours=1), datetime(2024, 3, 31, 1, tzinfo=UTC), None]),
    Case("duration(us)", [timedelta(), timedelta(microseconds=1), timedelta(days=-1),
                          timedelta(days=20_000, microseconds=1), None]),
    Case("string", _TEXTS),
    Case("string / NUL", ["\x00", "a\x00b"]),
    Case("string(5)", ["éééé5", "", "👩👩👩👩👩", None]),
    Case("binary", [b"", b"\x00", b"\xff\xfe", bytes(range(256)), b"a'b\"c\\", None]),
    Case("json", ["{}", '{"a": [1, "é", null]}', "null", "1", '"x"', None]),
    Case("uuid", ["00000000-0000-0000-0000-000000000000", "ffffffff-ffff-ffff-ffff-ffffffffffff",
                  "6F9619FF-8B86-D011-B42D-00C04FC964FF", None]),
    Case("list(int64)", [[], [1, None, -1], [None], None]),
    Case("list(string)", [["", "a,b", None, "é"], [], None]),
    Case("list(list(int64))", [[[1], [], None], [], None]),
    Case("struct(a: int64, b: string)", [{"a": 1, "b": "é"}, {"a": None, "b": None}, None]),
    Case("list(struct(a: int64, b: date))", [[{"a": 1, "b": date(2024, 2, 29)}, None], [], None]),
    Case("null", [None, None]),
)  # fmt: skip
"""A case for every kind, and more where ends of the range are apt to fail alone."""

BY_NAME = {case.name: case for case in CASES}

AWKWARD_NAMES = (
    "select", "a b", "größe", 'say "x"', "it's", "a,b", "a;b", "1", "naïve;--", "A" * 60, "%s", "?",
    ":x", "[x]", "`x`", "x.y", "日本",
)  # fmt: skip
"""Names of columns that need quoting somewhere."""
