"""Selecting, ordering, renaming and casting: every value goes where it should, and only there."""

from __future__ import annotations

from decimal import Decimal

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge import BadValue, ConfigError, SchemaDrift
from hygge.core.fields import Field, Schema, parse_type
from hygge.run.shape import shape_of

SOURCE = Schema(
    [
        Field("id", parse_type("int64"), nullable=False, key=1),
        Field("name", parse_type("string")),
        Field("price", parse_type("float64"), origin="REAL"),
    ]
)
BATCH = pl.DataFrame({"id": [1, 2], "name": ["a", None], "price": [1.5, 2.25]})


def test_nothing_asked_for_changes_nothing() -> None:
    shape = shape_of(SOURCE)
    assert shape.columns == ("id", "name", "price")
    assert shape.source == shape.target == SOURCE
    assert shape.keys == ("id",)
    assert shape.apply(BATCH, entity="e", offset=0).equals(BATCH)


def test_columns_select_and_order() -> None:
    shape = shape_of(SOURCE, columns=["price", "id"])
    assert shape.columns == ("price", "id")
    out = shape.apply(BATCH.select("id", "price"), entity="e", offset=0)
    assert out.equals(BATCH.select("price", "id"))


def test_rename_keeps_the_source_name_and_carries_the_key() -> None:
    shape = shape_of(SOURCE, rename={"id": "user_id"})
    assert shape.columns == ("id", "name", "price")
    assert shape.target.names == ["user_id", "name", "price"]
    assert shape.target["user_id"].source == "id"
    assert shape.target["user_id"].key == 1
    assert shape.keys == ("user_id",)


def test_two_columns_can_swap_names() -> None:
    shape = shape_of(SOURCE, columns=["id", "name"], rename={"id": "name", "name": "id"})
    out = shape.apply(BATCH.select("id", "name"), entity="e", offset=0)
    assert out.to_dict(as_series=False) == {"name": [1, 2], "id": ["a", None]}
    assert shape.keys == ("name",)


def test_cast_names_the_source_column_and_is_exact() -> None:
    shape = shape_of(SOURCE, rename={"price": "amount"}, cast={"price": parse_type("decimal(9,2)")})
    out = shape.apply(BATCH, entity="e", offset=0)
    assert out["amount"].to_list() == [Decimal("1.50"), Decimal("2.25")]
    wrong = BATCH.with_columns(price=pl.Series([1.5, 0.125]))
    with pytest.raises(BadValue, match=r"e\.amount, user_id=2|e\.amount, id=2"):
        shape.apply(wrong, entity="e", offset=0)


def test_the_batch_of_a_home_is_left_as_it_was() -> None:
    """A Home may hand out a frame that it goes on using."""
    mine = BATCH.clone()
    shape_of(SOURCE, rename={"id": "user_id"}).apply(mine, entity="e", offset=0)
    assert mine.columns == ["id", "name", "price"]


def test_a_bad_row_without_a_key_is_counted_over_the_whole_entity() -> None:
    shape = shape_of(SOURCE, columns=["name"], cast={"name": parse_type("int64")})
    with pytest.raises(BadValue, match="row 1001"):
        shape.apply(pl.DataFrame({"name": ["x"]}), entity="e", offset=1000)


def test_a_batch_with_other_columns_is_refused() -> None:
    with pytest.raises(SchemaDrift, match="without 'name'"):
        shape_of(SOURCE).apply(BATCH.drop("name"), entity="e", offset=0)
    with pytest.raises(SchemaDrift, match="undeclared 'extra'"):
        shape_of(SOURCE).apply(BATCH.with_columns(extra=1), entity="e", offset=0)


@pytest.mark.parametrize("setting", ["columns", "rename", "cast"])
def test_an_unknown_column_is_named_with_its_near_miss(setting: str) -> None:
    values = {"columns": ["nmae"], "rename": {"nmae": "x"}, "cast": {"nmae": parse_type("int64")}}
    with pytest.raises(ConfigError, match=f"`{setting}` of shop.users names 'nmae'") as caught:
        shape_of(SOURCE, entity="shop.users", **{setting: values[setting]})  # type: ignore[arg-type]
    assert caught.value.hint == "did you mean 'name'?"


def test_an_unknown_column_without_a_near_miss_lists_what_there_is() -> None:
    with pytest.raises(ConfigError) as caught:
        shape_of(SOURCE, columns=["zzzzzz"])
    assert caught.value.hint == "its columns: id, name, price"


def test_two_columns_cannot_have_one_name() -> None:
    with pytest.raises(ConfigError, match="two columns would be named 'name': 'id' and 'name'"):
        shape_of(SOURCE, rename={"id": "name"})
    with pytest.raises(ConfigError, match="names 'id' twice"):
        shape_of(SOURCE, columns=["id", "id"])


def test_keys_given_win_over_the_primary_key_and_keep_their_order() -> None:
    shape = shape_of(SOURCE, keys=["price", "name"])
    assert shape.keys == ("price", "name")
    assert shape.target.keys == ("price", "name")


def test_a_key_that_is_left_out_is_no_key() -> None:
    assert shape_of(SOURCE, columns=["name"]).keys == ()
    assert shape_of(SOURCE, columns=["id"], keys=["id", "name"]).keys == ()


@given(
    order=st.permutations(["a", "b", "c", "d"]).flatmap(
        lambda names: st.integers(1, 4).map(lambda n: names[:n])
    ),
    new=st.permutations(["a", "b", "c", "d", "e"]),
    renamed=st.sets(st.sampled_from("abcd")),
)
def test_every_value_lands_under_its_own_column(
    order: list[str], new: list[str], renamed: set[str]
) -> None:
    batch = pl.DataFrame({name: [f"{name}1", f"{name}2"] for name in "abcd"})
    rename = {old: to for old, to in zip("abcd", new, strict=False) if old in renamed}
    expected = [rename.get(n, n) for n in order]
    if len(set(expected)) != len(expected):
        with pytest.raises(ConfigError, match="two columns would be named"):
            shape_of(Schema.of(batch), columns=order, rename=rename)
        return
    shape = shape_of(Schema.of(batch), columns=order, rename=rename)
    out = shape.apply(batch.select(shape.columns), entity="e", offset=0)
    assert out.columns == expected
    for old, to in zip(order, expected, strict=True):
        assert out[to].to_list() == batch[old].to_list()
