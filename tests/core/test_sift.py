"""Values that do not fit: an error, NULL, or their row set aside; nothing else changes."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import BadValue, DataError
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.sift import Sifted, hold, sift

FIELDS = Schema(
    [
        Field("id", parse_type("int64"), nullable=False, key=1),
        Field("price", parse_type("decimal(5,2)")),
        Field("day", parse_type("date")),
    ]
)
texts = st.one_of(st.none(), st.sampled_from(["1.50", "999.99", "x", "1000.00", "", "2024-02-30"]))
days = st.one_of(st.none(), st.sampled_from(["2024-02-29", "2024-02-30", "soon"]))
rows = st.lists(st.tuples(texts, days), max_size=20)
GOOD = {None, "1.50", "999.99", "2024-02-29"}


def frame(values: list[tuple[str | None, str | None]]) -> pl.DataFrame:
    schema = {"id": pl.Int64, "price": pl.String, "day": pl.String}
    return pl.DataFrame([(n, *v) for n, v in enumerate(values)], schema=schema, orient="row")


@given(rows)
def test_null_keeps_every_row(values: list[tuple[str | None, str | None]]) -> None:
    sifted = sift(frame(values), FIELDS, "null", entity="e")
    assert sifted.kept["id"].to_list() == list(range(len(values)))
    assert sifted.kept.schema == FIELDS.physical
    for at, column in ((0, "price"), (1, "day")):
        given = [v[at] for v in values]
        expected = [None if v not in GOOD else v for v in given]
        assert sifted.kept[column].cast(pl.String).to_list() == expected
        assert sifted.nulled.get(column, 0) == sum(v not in GOOD for v in given)
    assert not sifted.aside


@given(rows)
def test_quarantine_parts_the_rows(values: list[tuple[str | None, str | None]]) -> None:
    sifted = sift(frame(values), FIELDS, "quarantine", entity="e", offset=100)
    good = [n for n, v in enumerate(values) if set(v) <= GOOD]
    assert sifted.kept["id"].to_list() == good
    assert [m.row for m in sifted.aside] == [f"id={n}" for n in range(len(values)) if n not in good]
    for misfit in sifted.aside:
        assert misfit.value not in GOOD
        assert misfit.value == misfit.record[misfit.column]
    assert not sifted.nulled


@given(rows)
def test_fail_is_conform(values: list[tuple[str | None, str | None]]) -> None:
    if all(set(v) <= GOOD for v in values):
        assert sift(frame(values), FIELDS, "fail", entity="e").kept.height == len(values)
        return
    with pytest.raises(BadValue):
        sift(frame(values), FIELDS, "fail", entity="e")


def test_a_column_that_must_have_a_value_cannot_become_null() -> None:
    bad = pl.DataFrame({"id": ["1", "x"], "price": ["1", "2"], "day": [None, None]})
    with pytest.raises(BadValue, match=r"e\.id, id=x: 'x' does not fit int64 not null") as caught:
        sift(bad, FIELDS, "null", entity="e")
    assert "`on_bad_value: quarantine`" in (caught.value.hint or "")
    sifted = sift(bad, FIELDS, "quarantine", entity="e")
    assert sifted.kept["id"].to_list() == [1]
    assert sifted.aside[0].declared == "int64 not null"


def test_a_null_that_came_where_none_may_be_is_told_as_null() -> None:
    bad = pl.DataFrame({"id": ["1", None], "price": ["x", "2"], "day": [None, None]})
    with pytest.raises(BadValue, match=r"e\.id, id=None: None does not fit int64 not null"):
        sift(bad, FIELDS, "null", entity="e")


def test_rows_are_numbered_as_they_were() -> None:
    plain = Schema([Field("price", parse_type("decimal(5,2)"))])
    batch = pl.DataFrame({"price": ["1", "x", "2", "y"]})
    first = sift(batch, plain, "quarantine", entity="e", offset=10)
    assert [m.row for m in first.aside] == ["row 12", "row 14"]
    whole = Schema([Field("price", parse_type("int8"))])
    values = pl.DataFrame({"price": [1000, 2]})
    again = sift(values, whole, "quarantine", entity="e", offset=10, origin=pl.Series([0, 2]))
    assert [m.row for m in again.aside] == ["row 11"]
    assert again.origin is not None and again.origin.to_list() == [2]


def test_a_column_that_cannot_be_read_at_all_stays_an_error() -> None:
    other = pl.DataFrame({"id": [1], "price": ["1"]})
    with pytest.raises(DataError):
        sift(other, FIELDS, "quarantine", entity="e")


@pytest.mark.parametrize("first", [0, 1])
def test_a_null_is_kept_whatever_a_destination_says_of_it(first: int) -> None:
    """Of a NULL it may say NULL, and give several sorts of what it cannot hold."""

    def unheld(column: pl.Series, field: Field) -> list[tuple[pl.Series, str]]:
        found = [(column.is_nan(), "not a number"), (column.is_infinite(), "infinite")]
        return [found[first], found[1 - first]] if field.name == "x" else []

    fields = Schema([Field("id", parse_type("int64")), Field("x", parse_type("float64"))])
    values = [float("nan"), float("inf"), None, 1.0]
    whole = Sifted(pl.DataFrame({"id": [1, 2, 3, 4], "x": values}))
    held = hold(whole, fields, "quarantine", unheld, entity="e")
    assert held.kept.rows() == [(3, None), (4, 1.0)]
    assert [m.record["id"] for m in held.aside] == ["1", "2"]
    held = hold(whole, fields, "null", unheld, entity="e")
    assert held.kept["x"].to_list() == [None, None, None, 1.0]
    assert held.nulled == {"x": 2}
