"""Cutting at keys, over a list of keys that stands for an index."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.sql.mysql.split import Index, Key, between, pieces


class Listed(Index):
    """Sorted keys; estimates are off by a factor."""

    def __init__(self, keys: list[Any], wrong: float = 1.0) -> None:
        self.keys, self.wrong = sorted(keys), wrong

    def inside(self, lower: Key | None, upper: Key | None) -> list[Any]:
        start = 0 if lower is None else bisect_left(self.keys, lower)
        end = len(self.keys) if upper is None else bisect_left(self.keys, upper)
        return self.keys[start:end]

    def rows(self, lower: Key | None, upper: Key | None) -> int:
        return round(len(self.inside(lower, upper)) * self.wrong)

    def ends(self, lower: Key | None, upper: Key | None) -> tuple[Key, Key] | None:
        found = self.inside(lower, upper)
        return (found[0], found[-1]) if found else None

    def at(self, low: Key, near: Key, high: Key) -> Key | None:
        heads = [key[: len(near)] for key in self.keys]
        at = max(bisect_right(heads, low), bisect_left(heads, near))
        return heads[at] if at < len(heads) and heads[at] <= high else None


KEYS = (
    st.lists(st.tuples(st.integers(-1000, 1000)))
    | st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200)))
    | st.lists(st.tuples(st.text("0123456789abcdefg", max_size=6)))
    | st.lists(st.tuples(st.integers(0, 2), st.binary(max_size=4)))
)


@settings(deadline=None)
@given(KEYS, st.integers(1, 9), st.sampled_from([0.3, 1.0, 3.0]))
def test_pieces_are_disjoint_and_together_the_whole(
    keys: list[Any], parts: int, wrong: float
) -> None:
    index = Listed(keys, wrong)
    found = pieces(index, parts)
    assert 1 <= len(found) <= parts
    rows = [key for piece in found for key in index.inside(piece.lower, piece.upper)]
    assert rows == index.keys
    assert found[0].lower is None and found[-1].upper is None


def test_pieces_are_even_whatever_the_gaps() -> None:
    crowd = [(n,) for n in range(10_000)] + [(10**15 + n,) for n in range(10_000)]
    index = Listed([*crowd, (-(10**18),)])
    sizes = [len(index.inside(piece.lower, piece.upper)) for piece in pieces(index, 8)]
    assert len(sizes) == 8
    assert max(sizes) < 1.5 * len(index.keys) / 8


def test_one_value_of_the_first_column_is_cut_by_the_second() -> None:
    index = Listed([(1, n) for n in range(9_000)] + [(2, n) for n in range(100)])
    sizes = [len(index.inside(piece.lower, piece.upper)) for piece in pieces(index, 4)]
    assert max(sizes) < 1.5 * len(index.keys) / 4


def test_identifiers_are_cut() -> None:
    index = Listed([(f"{n * 2_654_435_761 % 2**32:08x}",) for n in range(5_000)])
    sizes = [len(index.inside(piece.lower, piece.upper)) for piece in pieces(index, 4)]
    assert max(sizes) < 1.5 * len(index.keys) / 4


@given(st.text("09az", max_size=4), st.text("09az", max_size=4))
def test_between_texts(low: str, high: str) -> None:
    low, high = sorted((low, high))
    found = between(low, high)
    assert found >= low
    assert found[:2] <= (high + "00")[: len(found[:2])] or found <= high + "zz"


def test_what_is_not_cut() -> None:
    assert between(1.5, 2.5) is None
    assert between("é", "ü") is None
    assert between(1, "a") is None
