"""Numbers as numeric_send sends them: each exactly, whatever its type's precision and scale."""

from __future__ import annotations

import struct
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import DataError
from hygge.sql.blocks import SPARE
from hygge.sql.postgres.wire.decode import decode
from hygge.sql.postgres.wire.messages import Column
from hygge.sql.postgres.wire.numeric import DIGITS, precision_and_scale, reader

NUMERIC = 1700
SPECIAL = {"NaN": 0xC000, "Infinity": 0xD000, "-Infinity": 0xF000}


def modifier(precision: int, scale: int) -> int:
    """As make_numeric_typmod makes it."""
    return (precision << 16 | scale & 0x7FF) + 4


def sent(value: Decimal | str | None, scale: int) -> bytes:
    """A value as the server sends it, with its length."""
    if value is None:
        return struct.pack(">i", -1)
    if isinstance(value, str):
        return struct.pack(">ihhHh", 8, 0, 0, SPECIAL[value], 0)
    whole, _, decimals = f"{abs(value):.{scale}f}".partition(".")
    whole, decimals = "0" * (-len(whole) % 4) + whole, decimals + "0" * (-len(decimals) % 4)
    groups = [int((whole + decimals)[at : at + 4]) for at in range(0, len(whole + decimals), 4)]
    weight = len(whole) // 4 - 1
    while groups and not groups[0]:
        groups, weight = groups[1:], weight - 1
    while groups and not groups[-1]:
        groups = groups[:-1]
    sign = 0x4000 if value < 0 else 0
    head = struct.pack(">hhHh", len(groups), weight if groups else 0, sign, scale)
    body = head + b"".join(struct.pack(">h", group) for group in groups)
    return struct.pack(">i", len(body)) + body


def read(rows: list[bytes], kind: int) -> pl.Series:
    """A column of values beside one of smallint."""
    each = [struct.pack(">h", 2) + row + struct.pack(">ih", 2, 7) for row in rows]
    ends = np.cumsum([len(row) for row in each], dtype=np.int64)
    starts = ends - np.array([len(row) for row in each], np.int64)
    buffer = np.frombuffer(b"".join(each) + b"\xaa" * SPARE, np.uint8)
    columns = [Column("n", NUMERIC, kind), Column("other", 21)]
    found = decode(buffer, starts, ends, columns)
    assert found["other"].to_list() == [7] * len(rows)
    return found["n"]


@st.composite
def columns(draw: st.DrawFn) -> tuple[int, int, list[Decimal | None]]:
    precision = draw(st.integers(1, DIGITS))
    scale = draw(st.integers(0, precision))
    most = 10**precision - 1
    whole = st.integers(-most, most) | st.integers(0, precision).map(lambda n: 10**n % (most + 1))
    numbers = st.lists(st.none() | whole, max_size=9)
    values = [None if n is None else Decimal(n).scaleb(-scale) for n in draw(numbers)]
    return precision, scale, values


@given(columns())
def test_numbers_come_as_they_were_sent(column: tuple[int, int, list[Decimal | None]]) -> None:
    precision, scale, values = column
    found = read([sent(value, scale) for value in values], modifier(precision, scale))
    assert found.dtype == pl.Decimal(precision, scale)
    assert found.to_list() == values


def test_what_is_no_number_comes_as_text() -> None:
    values: list[Any] = [Decimal("-1.50"), "NaN", None, "Infinity", "-Infinity", Decimal(0)]
    found = read([sent(value, 2) for value in values], modifier(5, 2))
    assert found.to_list() == ["-1.50", "NaN", None, "Infinity", "-Infinity", "0.00"]


def test_small_numbers_beside_nan_are_written_out() -> None:
    values: list[Any] = [Decimal("0.00000001"), Decimal("-0.00000120"), "NaN", Decimal(0)]
    found = read([sent(value, 8) for value in values], modifier(18, 8))
    assert found.to_list() == ["0.00000001", "-0.00000120", "NaN", "0.00000000"]


@pytest.mark.parametrize(
    ("precision", "scale", "odd"),
    [
        (4, 2, sent(Decimal("12345678.25"), 2)),  # more digits than its type has room for
        (4, 2, sent(Decimal("0.123456"), 6)),  # more decimals
        (4, 2, sent(Decimal("123.25"), 2)),
        (17, 2, sent(Decimal(10) ** 15, 2)),
        (18, 1, struct.pack(">ihhHh5h", 18, 5, 4, 0, 1, 9999, 9999, 9999, 9999, 9999)),
        (4, 2, sent(Decimal("1.2345"), 4)),
        (4, 2, struct.pack(">i", 0)),
        (4, 2, struct.pack(">ihhHh", 8, 1, 0, 0, 2)),  # fewer groups than it says
        (4, 2, struct.pack(">ihhHhh", 10, -1, 0, 0, 2, 1)),
    ],
)
def test_what_no_such_column_holds_is_refused(precision: int, scale: int, odd: bytes) -> None:
    rows = [sent(Decimal("1.25"), 2), odd]
    with pytest.raises(DataError, match=f"'n' .*{precision} digits, of which {scale} are decimals"):
        read(rows, modifier(precision, scale))


def test_a_column_that_is_a_free_number_by_now_says_how_to_go_on() -> None:
    with pytest.raises(DataError, match="'n' is of the type 1700") as caught:
        read([sent(Decimal(1), 0)], -1)
    assert "run it again, if somebody has altered the table" in (caught.value.hint or "")


def test_modifiers() -> None:
    assert precision_and_scale(-1) is None
    for precision, scale in ((1, 0), (18, 4), (1000, 1000), (3, -2), (1000, -1000)):
        assert precision_and_scale(modifier(precision, scale)) == (precision, scale)
    assert reader(modifier(18, 18)) is not None
    for kind in (-1, modifier(19, 4), modifier(3, -2), modifier(2, 3)):
        assert reader(kind) is None
