"""Ranges of whole numbers, and parts of equal rows whatever the numbers are."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hygge.sql.ranges import Piece, Range, balanced, range_label, range_rows, ranges_between

parts = st.integers(1, 12)
numbers = st.lists(
    st.one_of(st.integers(-50, 50), st.integers(-(2**62), 2**62)), min_size=1, max_size=200
)


def inside(value: int, bounds: Range) -> bool:
    low, high = bounds
    return (low is None or value >= low) and (high is None or value < high)


@given(st.integers(-1000, 1000), st.integers(0, 1000), parts, st.integers(-3000, 3000))
def test_every_number_is_in_one_range(low: int, span: int, count: int, value: int) -> None:
    found = ranges_between(low, low + span, count)
    assert 1 <= len(found) <= count
    assert sum(inside(value, bounds) for bounds in found) == 1
    assert sum(range_rows(bounds, low, low + span) for bounds in found) == span + 1
    labels = [range_label("id", bounds, low, low + span) for bounds in found]
    assert len(set(labels)) == len(found)


def counting(values: Sequence[int]) -> tuple[list[int], object]:
    asked: list[int] = []
    ordered = sorted(values)

    def count(cuts: Sequence[int]) -> list[Piece]:
        asked.append(len(cuts))
        assert list(cuts) == sorted(set(cuts))
        at = [0, *(bisect_left(ordered, cut) for cut in cuts), len(ordered)]
        held = [ordered[a:b] for a, b in pairwise(at)]
        return [Piece(len(h), h[0], h[-1]) if h else Piece(0) for h in held]

    return asked, count


@given(numbers, parts)
def test_parts_are_whole_counted_and_no_more_than_wanted(values: list[int], wanted: int) -> None:
    asked, count = counting(values)
    found = balanced(min(values), max(values), wanted, count)  # type: ignore[arg-type]
    assert 1 <= len(found) <= wanted
    for bounds, rows in found:
        assert rows == sum(inside(value, bounds) for value in values)
    assert sum(rows for _, rows in found) == len(values)
    assert len(asked) <= 4  # rows are counted a few times, not once a range


@given(st.integers(2, 8), st.lists(st.integers(0, 2**40), min_size=1, max_size=4, unique=True))
def test_crowds_far_apart_are_cut_evenly(wanted: int, starts: list[int]) -> None:
    values = sorted({start + at for start in starts for at in range(400)})
    _, count = counting(values)
    found = balanced(values[0], values[-1], wanted, count)  # type: ignore[arg-type]
    assert max(rows for _, rows in found) <= 2 * len(values) / wanted + 1
