"""Tables cut by ranges of a key."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from hygge.sql.cuts import by_keys, quantiles


@given(values=st.lists(st.integers(0, 50)), wanted=st.integers(1, 20))
def test_quantiles(values: list[int], wanted: int) -> None:
    sample = [(f"{value:02}",) for value in sorted(values)]
    cuts = quantiles(sample, wanted)
    assert len(cuts) < max(2, wanted)
    assert cuts == sorted(set(cuts))
    assert all(cut in sample[1:] and cut != sample[0] for cut in cuts)


def test_keys_without_a_cut_are_one_chunk() -> None:
    (chunk,) = by_keys(["k"], quantiles([("1",)] * 9, 4), nulls=True)
    assert not chunk.bounds


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3)), max_size=9))
def test_ranges_meet_at_their_cuts(cuts: list[tuple[str, str]]) -> None:
    chunks = by_keys(["a", "b"], cuts, nulls=True, rows=7)
    assert len(chunks) == len(cuts) + 1
    if cuts:
        assert [c.bounds["nulls"] for c in chunks] == [True, *([False] * len(cuts))]
        assert [tuple(c.bounds["from"]) for c in chunks[1:]] == cuts
        assert all(a.bounds["below"] == b.bounds["from"] for a, b in pairwise(chunks))
        assert chunks[0].bounds["from"] is chunks[-1].bounds["below"] is None
        assert all(c.lasting and c.rows == 7 for c in chunks)
