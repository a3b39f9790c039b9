"""Conditions for ranges and windows, run by databases: every row is in one, and in one only."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import pairwise
from typing import Any

import duckdb
from hypothesis import given, settings
from hypothesis import strategies as st

from hygge.core.fields import parse_type
from hygge.core.watermark import Window
from hygge.sql.duckdb.types import DIALECT
from hygge.sql.select import in_range, in_window, where

small = st.integers(-3, 3)
rows = st.lists(st.tuples(small, small, small), max_size=30, unique=True)
bounds = st.lists(st.lists(small, min_size=1, max_size=3), max_size=4)


def ordered(bounds: list[list[int]]) -> list[list[int]]:
    """Distinct bounds in the key's order: a short one is the least of all that begin so."""
    low = -(10**9)
    padded = {tuple(b + [low] * (3 - len(b))): b for b in bounds}
    return [padded[key] for key in sorted(padded)]


@settings(max_examples=60)
@given(keys=rows, cuts=bounds)
def test_ranges_of_a_composite_key_are_disjoint_and_whole(
    keys: list[tuple[int, ...]], cuts: list[list[int]]
) -> None:
    names = ['"a"', '"b"', '"c"']
    edges = [None, *([str(v) for v in bound] for bound in ordered(cuts)), None]
    conditions = [in_range(names, low, high) for low, high in pairwise(edges)]
    with closing(sqlite3.connect(":memory:")) as lite, duckdb.connect() as duck:
        for db in (lite, duck):
            db.execute("CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER)")
            if keys:
                db.executemany("INSERT INTO t VALUES (?, ?, ?)", [list(k) for k in keys])
            found: list[Any] = []
            for low, high, condition in zip(edges, edges[1:], conditions, strict=False):
                got = db.execute(f"SELECT a, b, c FROM t{where(condition)}").fetchall()
                for row in got:
                    assert low is None or list(row) >= [int(v) for v in low]
                    assert high is None or list(row) < [int(v) for v in high]
                found += got
            assert sorted(found) == sorted(keys)


@settings(max_examples=60)
@given(
    values=st.lists(st.none() | small, max_size=20),
    cuts=st.lists(small, max_size=4, unique=True),
)
def test_windows_are_disjoint_and_whole_nulls_included(
    values: list[int | None], cuts: list[int]
) -> None:
    edges = [None, *sorted(cuts), None]
    kind = parse_type("int64")
    with duckdb.connect() as db:
        db.execute("CREATE TABLE t (v BIGINT)")
        if values:
            db.executemany("INSERT INTO t VALUES (?)", [[v] for v in values])
        found: list[Any] = []
        for low, high in pairwise(edges):
            condition = in_window(DIALECT, Window("v", kind, low, high))
            found += [v for (v,) in db.execute(f"SELECT v FROM t{where(condition)}").fetchall()]

    def order(v: int | None) -> tuple[bool, int]:
        return v is not None, v or 0

    assert sorted(found, key=order) == sorted(values, key=order)


def test_conditions_are_put_in_brackets() -> None:
    assert where("a OR b", "", "c") == " WHERE (a OR b) AND (c)"
    assert where("", "") == ""
