"""Fetching ahead: all of it, in order, errors and early ends included."""

from __future__ import annotations

import threading
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.sql.ahead import DEPTH, ahead


@given(count=st.integers(0, 20), first=st.booleans())
def test_all_of_it_in_order(count: int, first: bool) -> None:
    items = iter(range(1, count + 1))
    got = list(ahead(lambda: next(items, None), first=0 if first else None))
    assert got == [*([0] if first else []), *range(1, count + 1)]


def test_the_next_ones_are_fetched_meanwhile() -> None:
    fetched = threading.Semaphore(0)
    items = iter(range(10))

    def fetch() -> int | None:
        fetched.release()
        return next(items, None)

    with closing(ahead(fetch)) as batches:
        assert next(batches) == 0
        for _ in range(1 + DEPTH):
            assert fetched.acquire(timeout=30)


def test_what_goes_wrong_comes_after_what_went_well() -> None:
    items = iter([1, 2])

    def fetch() -> int:
        return next(items)  # StopIteration, which no caller may take for an end

    batches = ahead(fetch)
    assert [next(batches), next(batches)] == [1, 2]
    with pytest.raises(RuntimeError):
        next(batches)


def test_who_leaves_early_does_not_wait() -> None:
    stopped = threading.Event()
    items = iter([1])

    def fetch() -> int | None:
        found = next(items, None)
        if found is None:
            assert stopped.wait(30)
        return found

    batches = ahead(fetch, stop=stopped.set)
    assert next(batches) == 1
    batches.close()
    assert stopped.is_set()


def test_who_stays_to_the_end_stops_nothing() -> None:
    assert list(ahead(iter([1, None, None]).__next__, stop=lambda: pytest.fail("stopped"))) == [1]
