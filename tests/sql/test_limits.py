"""Limits by the clock, against a model that goes through the week minute by minute."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.sql.limits import Limit, allowed, most_ever

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
MONDAY = datetime(2024, 1, 1)
WEEK = 7 * 24 * 60

moments = st.integers(0, WEEK - 1).map(lambda minute: MONDAY + timedelta(minutes=minute))
days = st.sets(st.sampled_from(range(7)), min_size=1)
clocks = st.tuples(st.integers(0, 1439), st.integers(0, 1440)).filter(lambda c: c[0] != c[1])


def clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


@given(days=days, span=clocks, now=moments)
def test_a_span_belongs_to_the_day_it_begins_on(
    days: set[int], span: tuple[int, int], now: datetime
) -> None:
    start, end = span
    listed = ",".join(DAYS[day] for day in sorted(days))
    limit = Limit(when=f"{listed} {clock(start)}-{clock(end)}", connections=1)
    length = end - start if end > start else end - start + 1440
    minute = int((now - MONDAY) / timedelta(minutes=1))
    inside = any((minute - (day * 1440 + start)) % WEEK < length for day in days)
    assert limit.holds(now) == inside


@given(first=st.integers(0, 6), last=st.integers(0, 6), now=moments)
def test_days_from_one_to_another_go_round_the_week(first: int, last: int, now: datetime) -> None:
    limit = Limit(when=f"{DAYS[first]}-{DAYS[last]}", connections=1)
    assert limit.holds(now) == ((now.weekday() - first) % 7 <= (last - first) % 7)


@given(st.lists(st.tuples(st.sampled_from(("00:00-24:00", "mon", "12:00-13:00")),
                          st.integers(0, 9)), max_size=4), moments)  # fmt: skip
def test_the_least_that_any_limit_says(limits: list[tuple[str, int]], now: datetime) -> None:
    made = [Limit(when=when, connections=count) for when, count in limits]
    assert allowed(5, made, now) == min([5, *(m.connections for m in made if m.holds(now))])


hours = st.tuples(st.integers(0, 23), st.integers(1, 24)).filter(lambda c: c[0] != c[1] % 24)


@given(limits=st.lists(st.tuples(days, hours, st.integers(0, 5)), max_size=4))
def test_the_best_hour_of_the_week(limits: list[tuple[set[int], tuple[int, int], int]]) -> None:
    made = [
        Limit(
            when=f"{','.join(DAYS[d] for d in sorted(on))} {clock(a * 60)}-{clock(b * 60)}",
            connections=n,
        )
        for on, (a, b), n in limits
    ]
    every_hour = (MONDAY + timedelta(hours=h) for h in range(7 * 24))
    assert most_ever(4, made) == max(allowed(4, made, hour) for hour in every_hour)


@pytest.mark.parametrize(
    "when",
    ["", " ", "always", "mon-fre", "25:00-26:00", "7:00-8:00", "08:00-08:00", "24:00-08:00",
     "mon-tue-wed 08:00"],
)  # fmt: skip
def test_what_is_no_time(when: str) -> None:
    with pytest.raises(ValueError, match=r"no time|no day|same time"):
        Limit(when=when, connections=1)
