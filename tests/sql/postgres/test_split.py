"""Chunks are disjoint and together the whole, whatever the sizes and the sample."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hygge.sql.postgres.split import Part, by_pages, by_parts, in_pages


@given(pages=st.integers(0, 10_000), wanted=st.integers(1, 300))
def test_pages(pages: int, wanted: int) -> None:
    chunks = by_pages(pages, wanted)
    assert len(chunks) <= wanted
    assert len({chunk.label for chunk in chunks}) == len(chunks)
    if len(chunks) > 1:
        ranges = [chunk.bounds["pages"] for chunk in chunks]
        assert ranges[0][0] == 0
        assert ranges[-1][1] is None  # open, for pages that come meanwhile
        assert [high for _, high in ranges[:-1]] == [low for low, _ in ranges[1:]]
        sizes = [(pages if high is None else high) - low for low, high in ranges]
        assert max(sizes) - min(sizes) <= 1
    else:
        assert wanted == 1 or pages < 2


PARTS = st.lists(st.tuples(st.integers(0, 500), st.booleans()), min_size=1, max_size=12)


@given(sizes=PARTS, wanted=st.integers(1, 20))
def test_partitions(sizes: list[tuple[int, bool]], wanted: int) -> None:
    parts = [Part(oid, f"p{oid}", pages if heap else 0, heap)
             for oid, (pages, heap) in enumerate(sizes)]  # fmt: skip
    chunks = by_parts(parts, wanted)
    assert 1 <= len(chunks) <= wanted
    assert [chunk.index for chunk in chunks] == list(range(len(chunks)))
    assert len({chunk.label for chunk in chunks}) == len(chunks)
    read: dict[int, list[tuple[int, int | None]]] = {part.oid: [] for part in parts}
    for chunk in chunks:
        assert chunk.bounds["parts"]
        for oid, low, high in chunk.bounds["parts"]:
            read[oid].append((low, high))
    for part in parts:
        ranges = read[part.oid]
        assert ranges[0][0] == 0
        assert ranges[-1][1] is None
        assert [high for _, high in ranges[:-1]] == [low for low, _ in ranges[1:]]
        assert part.heap or ranges == [(0, None)]
    assert [("but" in chunk.bounds) for chunk in chunks] == [False] * (len(chunks) - 1) + [True]


@given(sizes=st.lists(st.integers(10, 500), min_size=1, max_size=12), wanted=st.integers(1, 9))
def test_partitions_are_cut_evenly(sizes: list[int], wanted: int) -> None:
    parts = [Part(oid, f"p{oid}", pages) for oid, pages in enumerate(sizes)]
    pages = dict(enumerate(sizes))
    totals = [
        sum((pages[oid] if high is None else high) - low for oid, low, high in c.bounds["parts"])
        for c in by_parts(parts, wanted)
    ]
    assert len(totals) == min(wanted, sum(sizes))
    assert max(totals) - min(totals) <= 1


def test_conditions() -> None:
    assert in_pages(0, None) == ""
    assert in_pages(0, 5) == "ctid < '(5,0)'::tid"
    assert in_pages(5, 9) == "ctid >= '(5,0)'::tid AND ctid < '(9,0)'::tid"
