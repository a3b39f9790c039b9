"""Wider types carry every value of both, whichever order they come in."""

from __future__ import annotations

import pickle
from itertools import permutations
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.strategies import types, values_of

from hygge.core.cast import cast
from hygge.core.drift import compare, merged, unify, wider
from hygge.core.fields import Field, LogicalType, Schema, parse_type


def schema(**types: str) -> Schema:
    return Schema(Field(name, parse_type(kind)) for name, kind in types.items())


@given(types, types)
def test_wider_is_commutative(left: LogicalType, right: LogicalType) -> None:
    one, two = wider(left, right), wider(right, left)
    assert (one is None) == (two is None)
    if one is not None and two is not None:
        assert one.kind == two.kind
        if "struct" not in str(one):  # whose members stay in the order of the left
            assert one == two


@given(types)
def test_wider_with_itself_and_with_null_is_itself(kind: LogicalType) -> None:
    assert wider(kind, kind) == kind
    assert wider(kind, LogicalType("null")) == kind == wider(LogicalType("null"), kind)


@given(st.tuples(types, types, types))
def test_wider_is_associative_where_defined(kinds: tuple[LogicalType, ...]) -> None:
    found = set()
    for one, two, three in permutations(kinds):
        pair = wider(one, two)
        whole = wider(pair, three) if pair is not None else None
        if whole is not None and "struct" not in str(whole):
            found.add(whole)
    assert len(found) <= 1


@given(st.data())
def test_every_value_survives_in_the_wider_type(data: st.DataObject) -> None:
    left, right = data.draw(types), data.draw(types)
    whole = wider(left, right)
    if whole is None:
        return
    for kind in (left, right):
        values = data.draw(st.lists(st.none() | values_of(kind), max_size=5))
        column = pl.Series("c", values, dtype=kind.physical, strict=False)
        result = cast(column, whole)
        assert not result.bad.any(), (kind, whole, column.filter(result.bad))
        back = cast(result.values, kind)
        assert back.values.equals(column, null_equal=True), (kind, whole)


@pytest.mark.parametrize(
    ("left", "right", "whole"),
    [
        ("int8", "uint8", "int16"), ("int64", "uint64", None), ("uint32", "int8", "int64"),
        ("int32", "float32", "float64"), ("int64", "float64", None), ("uint8", "bool", None),
        ("float32", "float64", "float64"), ("decimal(5,2)", "decimal(10,0)", "decimal(12,2)"),
        ("decimal(38,0)", "decimal(38,38)", None), ("int64", "decimal(5,2)", "decimal(21,2)"),
        ("decimal(5,2)", "float64", None), ("timestamp(ms)", "timestamp(us)", "timestamp(us)"),
        ("timestamp(us)", "timestamp(ns)", None), ("timestamp", "timestamp(us, UTC)", None),
        ("date", "timestamp", None), ("string(5)", "string(9)", "string(9)"),
        ("string(5)", "string", "string"), ("string", "binary", None), ("uuid", "json", "string"),
        ("list(int8)", "list(int16)", "list(int16)"), ("list(int8)", "int8", None),
        ("list(null)", "list(string)", "list(string)"),
        ("struct(a: int8, b: null)", "struct(b: date, a: int64)", "struct(a: int64, b: date)"),
        ("struct(a: int8)", "struct(a: int8, b: int8)", None),
        ("struct(a: int8)", "struct(a: date)", None), ("null", "json", "json"),
    ],
)  # fmt: skip
def test_wider(left: str, right: str, whole: str | None) -> None:
    found = wider(parse_type(left), parse_type(right))
    assert (None if found is None else str(found)) == whole


# Batches that each have their own schema --------------------------------------------------------


@pytest.mark.parametrize("order", list(permutations(["int64", "float64", "null", "int32"])))
def test_numbers_that_mix_become_floats_in_any_order(order: Any) -> None:
    whole, clash = unify([schema(a=kind) for kind in order])
    assert (str(whole["a"].type), clash) == ("float64", "")


def test_what_cannot_be_bridged_is_named() -> None:
    _, clash = unify([schema(a="int64", b="date"), schema(a="int8", b="string")])
    assert clash == "'b' came as date and as string"


def test_null_in_one_batch_is_null_in_all() -> None:
    one = Schema([Field("a", LogicalType("int8"), nullable=False)])
    whole, _ = unify([one, schema(a="int8")])
    assert whole["a"].nullable


# A destination and what comes -------------------------------------------------------------------


def test_no_difference_is_none() -> None:
    held = schema(a="int64", b="string")
    assert not compare(held, schema(b="string", a="int64"))
    assert str(compare(held, held)) == ""


def test_every_difference_is_told() -> None:
    drift = compare(
        schema(a="int32", b="string", c="date", d="int64"),
        schema(a="int64", e="bool", c="int64", d="int8"),
    )
    assert drift
    assert str(drift) == "+e (bool), -b, a: int32 to int64, c: date to int64"
    assert [f.name for f in drift.added] == ["e"]
    assert [n for n, _, _ in drift.clashing] == ["c"]
    assert pickle.loads(pickle.dumps(drift)) == drift


def test_what_is_held_stays_wide() -> None:
    held, coming = schema(a="int64"), schema(a="int8")
    assert not compare(held, coming)
    assert merged(held, coming) == held


def test_merged_keeps_order_and_lets_what_is_missing_be_null() -> None:
    held = Schema(
        [
            Field("k", LogicalType("int32"), nullable=False, key=1),
            Field("old", LogicalType("string"), nullable=False),
        ]
    )
    coming = Schema(
        [
            Field("new", LogicalType("bool"), nullable=False),
            Field("k", LogicalType("int64"), nullable=False, key=1),
        ]
    )
    whole = merged(held, coming)
    assert [str(f.type) for f in whole] == ["int64", "string", "bool"]
    assert whole.names == ["k", "old", "new"]
    assert [f.nullable for f in whole] == [False, True, True]
    assert whole.keys == ("k",)


@given(st.lists(types, min_size=1, max_size=3), st.lists(types, min_size=1, max_size=3))
def test_merging_again_changes_nothing(left: list[LogicalType], right: list[LogicalType]) -> None:
    held = Schema(Field(f"c{n}", kind) for n, kind in enumerate(left))
    coming = Schema(Field(f"c{n}", kind) for n, kind in enumerate(right))
    drift = compare(held, coming)
    if drift.clashing:
        return
    whole = merged(held, coming)
    again = compare(whole, coming)
    assert not again.added and not again.widened and not again.clashing
    assert merged(whole, coming) == whole
