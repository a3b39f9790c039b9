"""Rows are named as they stand in their files, whatever was set aside and however they came."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.chunk import InFile
from hygge.core.errors import BadValue, DataError, Other
from hygge.core.standing import Standing

FILES = st.lists(st.lists(st.lists(st.booleans(), max_size=4), max_size=3), max_size=4)
"""Of each file its batches, and of each of their rows whether it is kept."""


@given(FILES, st.integers(0, 5))
def test_every_row_is_named_as_it_stands(files: list[list[list[bool]]], first: int) -> None:
    standing, names, kept, read = Standing(), list[str](), list[int](), 0
    for number, batches in enumerate(files):
        before = first  # a slice of a file need not begin with it
        for batch in batches:
            standing.began(InFile(f"f{number}", before))
            standing.ended(len(batch), [read + at for at, fine in enumerate(batch) if not fine])
            names += [f"row {before + at + 1} of f{number}" for at in range(len(batch))]
            kept += [read + at for at, fine in enumerate(batch) if fine]
            read, before = read + len(batch), before + len(batch)
    assert [standing.name("row 1", at) for at in range(read)] == names
    assert [standing.read_position(at) for at in range(len(kept))] == kept


def test_what_is_not_known_is_not_said() -> None:
    standing = Standing()
    standing.began(None)
    standing.ended(3, [1])
    assert (standing.name("row 9", 2), standing.name("id=7", 2)) == ("row 3", "id=7")
    standing.began(InFile("in/b.csv", None))
    standing.ended(3, ())
    assert standing.name("row 4", 3) == "a row of in/b.csv"
    assert standing.name("id=7", 4) == "id=7 of in/b.csv"
    standing.began(InFile("in/c.csv", 10))
    assert standing.name("id=8", 6) == "id=8, row 11 of in/c.csv"


@pytest.mark.parametrize(
    ("kept", "named"),
    [(False, "row 2 of a: 'x' does not fit int8; 3 more like it: row 4 of a: 'y', row 1 of b: 'z'"),
     (True, "row 3 of a: 'x' does not fit int8; 3 more like it: row 1 of b: 'y', row 2 of b: 'z'")],
)  # fmt: skip
def test_an_error_is_told_all_its_rows(kept: bool, named: str) -> None:
    standing = Standing()
    for file, aside in (("a", [0]), ("b", [])):
        standing.began(InFile(file, 0))
        standing.ended(4, aside)
    others = [Other("row 4", "y", 3), Other("row 5", "z", 4)]
    error = BadValue(
        entity="t", column="c", row="row 2", value="x", declared="int8", at=1, others=others, more=3
    )
    standing.tell(error, kept=kept)
    assert str(error).startswith(f"t.c, {named}, ...\n  hint: ")
    assert str(pickle.loads(pickle.dumps(error))) == str(error)  # it comes from other processes


@pytest.mark.parametrize(("kept", "named"), [(False, "row 2 of a"), (True, "row 3 of a")])
def test_an_error_is_told_its_row(kept: bool, named: str) -> None:
    standing = Standing()
    standing.began(InFile("a", 0))
    standing.ended(4, [0])
    error = BadValue(entity="t", column="c", row="row 2", value="x", declared="int64", at=1)
    standing.tell(error, kept=kept)
    assert error.message == f"t.c, {named}: 'x' does not fit int64" and error.row == named
    other = DataError("t: no row of it, row 2: is meant")
    standing.tell(other, kept=kept)
    assert other.message == "t: no row of it, row 2: is meant"
