"""The types of text: only what carries every value unaltered."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.conform import exact
from hygge.core.fields import Field, Schema
from hygge.files.infer import infer_types


def kind(*values: str | None, split: int = 0) -> str:
    """The type inferred for one column, given in one batch or two."""
    column = pl.Series("x", values, dtype=pl.String)
    frames = (
        [column[:split].to_frame(), column[split:].to_frame()] if split else [column.to_frame()]
    )
    return str(infer_types(frames, ["x"])["x"])


@pytest.mark.parametrize(
    ("values", "want"),
    [
        (["1", "2", "-3", None], "int64"),
        (["1"] * 200 + ["2.7"], "float64"),
        (["1", "9223372036854775807"], "int64"),
        (["1", "9223372036854775808"], "uint64"),
        (["-1", "9223372036854775808"], "decimal(38,0)"),
        (["9" * 38], "decimal(38,0)"),
        (["9" * 39], "string"),
        (["00123", "5"], "string"),
        (["0", "0.5", "-0.25"], "float64"),
        (["+45123", "1"], "string"),
        (["12345678901234567.89", "1"], "decimal(19,2)"),
        (["1e5", "2"], "float64"),
        (["1e5", "12345678901234567890"], "string"),
        (["0.1234567890123456", "3"], "float64"),
        (["nan", "1.5", "inf", "-inf"], "float64"),
        (["true", "False", None], "bool"),
        (["yes", "no"], "string"),
        (["1", "true"], "string"),
        (["2024-01-31", "1999-12-01"], "date"),
        (["2024-02-30"], "string"),
        (["2024-01-31", "2024-01-31 10:00:00"], "timestamp(us)"),
        (["2024-01-31T10:00:00Z", "2024-01-31 12:00:00.5+02:00"], "timestamp(us, UTC)"),
        (["2024-01-31T10:00:00Z", "2024-01-31T10:00:00"], "string"),
        (["2024-01-31T10:00:00.1234567Z"], "string"),
        (["10:00", "23:59:59.5"], "time"),
        (["25:00"], "string"),
        (["", None], "string"),
        (["", "1", ""], "int64"),
        (["", "x"], "string"),
        ([None, None], "string"),
        ([], "string"),
        (["NA", "1"], "string"),
    ],
)
def test_what_a_column_is(values: list[str | None], want: str) -> None:
    assert kind(*values) == want
    for split in {1, len(values) // 2, max(1, len(values) - 1)}:
        assert kind(*values, split=split) == want


TEXTS = st.one_of(
    st.none(),
    st.integers(-(2**70), 2**70).map(str),
    st.floats(allow_nan=False).map(repr),
    st.decimals(allow_nan=False, allow_infinity=False, places=3).map(str),
    st.dates().map(str),
    st.datetimes().map(str),
    st.datetimes().map(lambda d: d.isoformat() + "Z"),
    st.times().map(str),
    st.booleans().map(str),
    st.text(alphabet="0123456789.-+eE:TZ ,é", max_size=12),
)


@given(st.lists(TEXTS, min_size=1, max_size=12), st.integers(0, 12))
def test_every_value_is_carried_by_what_was_inferred(values: list[str | None], at: int) -> None:
    column = pl.Series("x", values, dtype=pl.String)
    found = infer_types([column[:at].to_frame(), column[at:].to_frame()], ["x"])["x"]
    field = Field("x", found)
    plain = column.set(column == "", None) if found.kind != "string" else column
    held = exact(plain, field, Schema([field]), column.to_frame(), entity="t")
    assert held.is_null().to_list() == plain.is_null().to_list()
    if found.is_integer or found.kind == "decimal":
        assert [v for v in held if v is not None] == [Decimal(v) for v in plain if v is not None]
    if found.kind == "float64":
        assert [v for v in held if v is not None] == [float(v) for v in plain if v is not None]


@given(st.lists(st.integers(-(2**80), 2**80), min_size=1, max_size=8))
def test_whole_numbers_keep_every_digit(values: list[int]) -> None:
    column = pl.Series("x", [str(v) for v in values], dtype=pl.String)
    field = Field("x", infer_types([column.to_frame()], ["x"])["x"])
    held = exact(column, field, Schema([field]), column.to_frame(), entity="t")
    assert [int(v) for v in held] == values
