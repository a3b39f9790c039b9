"""Keys that tell no rows apart, and rows that are the same, in databases."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl
import pytest

from hygge import Store
from hygge.core.errors import DataError
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.terms import Terms
from hygge.testing.corpus import CASES, KEY, Case, numbered
from hygge.testing.loading import load_frames

Make = Callable[[str], Store]


def test_a_key_that_comes_twice_is_named_and_no_index(make: Make) -> None:
    rows = pl.DataFrame({KEY: [1, 1], "v": ["a", "b"]})
    fields = Schema([Field(KEY, parse_type("int64"), key=1), Field("v", parse_type("string"))])
    with pytest.raises(DataError, match=r"the key \(k\) does not tell rows apart") as caught:
        load_frames(make("t"), [rows], "replace", fields=fields)
    assert "_hygge_" not in str(caught.value)
    assert "deduplicate" in (caught.value.hint or "")


@pytest.mark.parametrize("case", [c for c in CASES if c.type.unit != "ns"], ids=lambda c: c.name)
def test_rows_that_are_the_same_come_once(make: Make, case: Case) -> None:
    """Whatever their types, those without an equality among them."""
    if case.name == "string / NUL":
        pytest.skip("not every database has such text")
    frame = numbered(case.column)
    load_frames(make("t"), [frame, frame], "merge", [KEY], fields=_keyed(case))
    differing = frame.with_columns(pl.Series(frame.columns[-1], [None], dtype=case.type.physical)
                                   .new_from_index(0, frame.height))  # fmt: skip
    if frame.equals(differing):
        return
    with pytest.raises(DataError, match="comes in rows that differ") as caught:
        load_frames(make("t"), [frame, differing], "merge", [KEY], fields=_keyed(case))
    assert "deduplicate" in (caught.value.hint or "")


def _keyed(case: Case) -> Schema:
    return Schema.of(numbered(case.column)).changed({case.column.name: case.type})


def test_of_rows_that_are_equally_late_none_counts_more(make: Make) -> None:
    rows = pl.DataFrame({KEY: [1, 1], "v": ["a", "b"], "at": [5, 5]})
    with pytest.raises(DataError, match="comes in rows that differ and the same at"):
        load_frames(make("t"), [rows], "merge", [KEY], terms=Terms(latest="at"))
