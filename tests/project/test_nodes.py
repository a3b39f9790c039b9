"""Merging: later wins, and every value still knows where it came from."""

from __future__ import annotations

from functools import reduce
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import Location
from hygge.project.nodes import Node, merge, merge_layers, plain, provenance

NAMES = st.sampled_from("abcd")
# Keys in capitals are always mappings, so that layers agree on what is one.
SHAPES = st.recursive(
    st.fixed_dictionaries({}, optional={name: st.integers(0, 9) for name in "abc"}),
    lambda inner: st.fixed_dictionaries(
        {}, optional={"a": st.integers(0, 9), "b": st.lists(st.integers()), "X": inner, "Y": inner}
    ),
    max_leaves=6,
)


def node(value: Any, file: str) -> Node:
    at = Location(file, 1, 1)
    if isinstance(value, dict):
        return Node({key: node(inner, file) for key, inner in value.items()}, at, at)
    if isinstance(value, list):
        return Node(tuple(node(inner, file) for inner in value), at, at)
    return Node(value, at, at)


def layers(values: list[dict[str, Any]]) -> list[Node]:
    return [node(value, f"layer {number}") for number, value in enumerate(values)]


def leaves(value: Any, path: str = "") -> dict[str, Any]:
    if isinstance(value, dict):
        out: dict[str, Any] = {}
        for key, inner in value.items():
            out |= leaves(inner, f"{path}.{key}" if path else key)
        return out
    return {path: value}


@given(st.lists(SHAPES, min_size=1, max_size=4))
def test_the_last_layer_that_says_something_wins_and_is_named(values: list[dict[str, Any]]) -> None:
    merged = reduce(merge, layers(values))
    where = provenance(merged)
    expected: dict[str, tuple[Any, str]] = {}
    for number, value in enumerate(values):
        for path, leaf in leaves(value).items():
            expected[path] = (leaf, f"layer {number}")
    found = {path: (leaf, where[path].file) for path, leaf in leaves(plain(merged)).items()}
    assert found == expected


@given(SHAPES, SHAPES, SHAPES)
def test_merging_is_associative(a: dict[str, Any], b: dict[str, Any], c: dict[str, Any]) -> None:
    one, two, three = layers([a, b, c])
    left, right = merge(merge(one, two), three), merge(one, merge(two, three))
    assert plain(left) == plain(right)
    assert provenance(left) == provenance(right)


@given(SHAPES)
def test_an_empty_layer_changes_nothing(value: dict[str, Any]) -> None:
    one, none = layers([value, {}])
    assert plain(merge(one, none)) == plain(merge(none, one)) == value


def test_another_type_starts_afresh() -> None:
    under = {"home": {"type": "csv", "path": "a", "delimiter": ";"}, "mode": "append"}
    over = {"home": {"type": "parquet", "path": "b"}}
    assert plain(merge_layers(layers([under, over]))) == {
        "home": {"type": "parquet", "path": "b"}, "mode": "append",
    }  # fmt: skip


def test_the_same_type_and_none_merge() -> None:
    under = {"store": {"type": "csv", "path": "a", "delimiter": ";"}}
    for over in ({"store": {"path": "b"}}, {"store": {"type": "csv", "path": "b"}}):
        merged = plain(merge_layers(layers([under, over])))
        assert merged == {"store": {"type": "csv", "path": "b", "delimiter": ";"}}


def test_lists_replace() -> None:
    merged = merge_layers(layers([{"tags": ["a", "b"]}, {"tags": ["c"]}]))
    assert plain(merged) == {"tags": ["c"]}
    assert provenance(merged)["tags"].file == "layer 1"
