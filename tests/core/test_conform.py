"""Holding a batch to its fields: what the errors name, and that nothing else changes."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime
from decimal import Decimal

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hygge.core.conform import conform
from hygge.core.errors import BadValue, DataError, SchemaDrift
from hygge.core.fields import Field, Schema, parse_type


def schema(**types: str) -> Schema:
    return Schema(Field(name, parse_type(kind)) for name, kind in types.items())


def test_a_batch_that_fits_is_handed_on_as_it_is() -> None:
    batch = pl.DataFrame({"a": [1, None], "b": ["x", None]})
    assert conform(batch, Schema.of(batch), entity="t") is batch


def test_columns_come_in_the_order_declared() -> None:
    batch = pl.DataFrame({"b": ["1.50"], "a": [1.0]})
    out = conform(batch, schema(a="int8", b="decimal(5,2)"), entity="t")
    expected = pl.DataFrame(
        {"a": [1], "b": [Decimal("1.50")]}, schema={"a": pl.Int8, "b": pl.Decimal(5, 2)}
    )
    assert_frame_equal(out, expected)


@pytest.mark.parametrize("rows", [0, 1])
def test_columns_missing_and_undeclared_are_both_named(rows: int) -> None:
    batch = pl.DataFrame({"a": [1], "x": [2]}).head(rows)
    with pytest.raises(SchemaDrift, match=r"shop\.orders.*without 'b'.*undeclared 'x'"):
        conform(batch, schema(a="int64", b="int64"), entity="shop.orders")


def test_the_first_bad_value_is_named_with_its_row() -> None:
    batch = pl.DataFrame({"id": [7, 8, 9], "price": ["1.00", "1.005", "2.00"]})
    with pytest.raises(BadValue) as caught:
        conform(batch, schema(id="int64", price="decimal(10,2)"), entity="orders", offset=100)
    assert (caught.value.column, caught.value.row) == ("price", "row 102")
    assert caught.value.value == "1.005"
    assert str(caught.value).startswith(
        "orders.price, row 102: '1.005' does not fit decimal(10,2)\n  hint: "
    )


@pytest.mark.parametrize("price", ["decimal(10,2)", "string(3)"])
@pytest.mark.parametrize(("bad", "shown"), [(1, 0), (2, 1), (5, 4), (6, 4)])
def test_the_first_bad_values_are_told_and_how_many_there_are(
    price: str, bad: int, shown: int
) -> None:
    fields = Schema([Field("id", parse_type("int64"), key=1), Field("price", parse_type(price))])
    values = ["1.0", *(f"x{at}xx" for at in range(bad)), "2.0", None]
    batch = pl.DataFrame({"id": range(len(values)), "price": values})
    with pytest.raises(BadValue) as caught:
        conform(batch, fields, entity="shop")
    rows = [f"id={at + 1}: 'x{at}xx'" for at in range(bad)]
    told = f"shop.price, {rows[0]} does not fit {price}"
    if shown:
        rest = ", ".join(rows[1 : shown + 1]) + (", ..." if bad - 1 > shown else "")
        told += f"; {bad - 1} more like it: {rest}"
    assert caught.value.message == told


def test_nulls_where_none_may_be_are_counted() -> None:
    fields = Schema([Field("a", parse_type("int64"), nullable=False)])
    with pytest.raises(BadValue, match=r"row 2: None does .* not null; 1 more like it: row 4: No"):
        conform(pl.DataFrame({"a": [1, None, 2, None]}), fields, entity="t")


def test_a_row_is_named_by_its_key_where_there_is_one() -> None:
    fields = Schema(
        [
            Field("line", parse_type("int64"), key=2),
            Field("order", parse_type("string"), key=1),
            Field("n", parse_type("int8")),
        ]
    )
    batch = pl.DataFrame({"line": [1, 2], "order": ["A", "B"], "n": [1, 300]})
    with pytest.raises(BadValue, match=r"lines\.n, order=B, line=2: 300 does not fit int8"):
        conform(batch, fields, entity="lines")


def test_null_where_null_may_not_be() -> None:
    fields = Schema([Field("a", parse_type("int64"), nullable=False)])
    for dtype in (pl.Int64, pl.Int8, pl.Null):
        values = [None] if dtype == pl.Null else [1, None]
        with pytest.raises(BadValue, match=r"row [12]: None does not fit int64 not null"):
            conform(pl.DataFrame({"a": values}, schema={"a": dtype}), fields, entity="t")


def test_limits_hold_even_where_the_dtype_is_right() -> None:
    batch = pl.DataFrame({"a": ["abc", "abcd"], "b": [1, 2]})
    with pytest.raises(BadValue, match=r"t\.a, row 2: 'abcd' does not fit string\(3\)"):
        conform(batch, schema(a="string(3)", b="int64"), entity="t")


def test_values_that_python_cannot_hold_are_still_shown() -> None:
    far = pl.DataFrame({"a": pl.Series([2**62]).cast(pl.Datetime("ms"))})
    with pytest.raises(BadValue, match="4611686018427387904 since 1970"):
        conform(far, schema(a="timestamp(us)"), entity="t")
    year_12000 = pl.DataFrame({"a": pl.Series([316_516_032_000_001]).cast(pl.Datetime("ms"))})
    with pytest.raises(BadValue, match=r"\+11999-12-30 00:00:00\.001"):
        conform(year_12000, schema(a="date"), entity="t")


def test_a_long_value_is_cut_and_the_error_pickles() -> None:
    with pytest.raises(BadValue) as caught:
        conform(pl.DataFrame({"a": ["x" * 500]}), schema(a="int64"), entity="t")
    assert len(str(caught.value).splitlines()[0]) < 150
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value)
    assert again.value == "x" * 500


def test_a_time_without_a_zone_says_what_to_declare() -> None:
    naive = pl.DataFrame({"at": [datetime(2024, 1, 1)]})
    with pytest.raises(BadValue, match=r"name no zone; declare `types: {at: timestamp}`"):
        conform(naive, schema(at="timestamp(us, UTC)"), entity="t")
    zoned = pl.DataFrame({"at": [datetime(2024, 1, 1, tzinfo=UTC)]})
    with pytest.raises(BadValue, match=r"declare `types: {at: timestamp\(us, UTC\)}`"):
        conform(zoned, schema(at="timestamp"), entity="t")


def test_objects_are_an_error_of_the_data() -> None:
    batch = pl.DataFrame({"a": pl.Series([object()], dtype=pl.Object)})
    with pytest.raises(DataError):
        conform(batch, schema(a="int64"), entity="t")
