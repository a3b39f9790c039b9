"""Chunks of files are all their units, each once and in order, in runs of about the same size."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hygge.core.chunk import WHOLE
from hygge.files.splitting import Unit, chunks_of

units = st.lists(
    st.lists(st.tuples(st.none() | st.integers(0, 99), st.integers(0, 1000)), max_size=5),
    max_size=4,
).map(
    lambda files: [
        Unit(f"folder/{file}.parquet", number, rows, size)
        for file, inside in enumerate(files)
        for number, (rows, size) in enumerate(inside)
    ]
)


@given(units, st.integers(1, 8))
def test_chunks_are_the_units(units: list[Unit], parts: int) -> None:
    versions: dict[str, list[int | str]] = {u.path: [len(u.path)] for u in units}
    chunks = chunks_of(units, parts, versions)
    if min(parts, len(units)) < 2:
        assert chunks == (WHOLE,)
        return
    assert len(chunks) == min(parts, len(units))
    assert [c.index for c in chunks] == list(range(len(chunks)))
    inside = [
        [(path, number) for path, start, stop in c.bounds["files"] for number in range(start, stop)]
        for c in chunks
    ]
    assert all(inside), "none is empty"
    assert [u for one in inside for u in one] == [(u.path, u.number) for u in units]
    rows = {(u.path, u.number): u.rows for u in units}
    for chunk, those in zip(chunks, inside, strict=True):
        counted = [rows[u] for u in those]
        assert chunk.rows == (None if None in counted else sum(c or 0 for c in counted))
        assert chunk.bounds["versions"] == {path: versions[path] for path, _ in those}


def test_a_chunk_is_at_most_one_unit_larger_than_its_share() -> None:
    units = [Unit("a", number, 1, 10) for number in range(10)]
    sizes = [sum(stop - start for _, start, stop in c.bounds["files"])
             for c in chunks_of(units, 4, {"a": [1]})]  # fmt: skip
    assert sum(sizes) == 10 and max(sizes) - min(sizes) <= 1
