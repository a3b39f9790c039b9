"""Windows cover every row exactly once, whatever the clock does."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hygge.core.durations import parse_duration
from hygge.core.errors import DataError, StateError, UnsupportedError
from hygge.core.fields import parse_type
from hygge.core.watermark import (
    Watermark,
    Window,
    check_lag,
    check_type,
    freeze_upper,
    step_back,
    window,
)

INT, BIG = parse_type("int64"), parse_type("decimal(38,10)")
DATE = parse_type("date")
NAIVE, ZONED = parse_type("timestamp(us)"), parse_type("timestamp(us, UTC)")
PARIS = ZoneInfo("Europe/Paris")


def inside(value: Any, span: Window) -> bool:
    """A window as its docstring defines it."""
    if span.upper is None:
        return False
    if value is None:
        return span.lower is None
    return (span.lower is None or span.lower <= value) and value < span.upper


# Runs, one after the other ------------------------------------------------------------------------


class Source:
    """Rows that appear in order of arrival, and a run that reads what a window allows."""

    def __init__(self, kind: Any, zone: Any = UTC) -> None:
        self.kind, self.zone = kind, zone
        self.rows: list[Any] = []
        self.moved: list[int] = []
        self.last: Watermark | None = None

    def run(self, clock: datetime | None, lag: Any = 0) -> Window:
        known = [r for r in self.rows if r is not None]
        upper = freeze_upper(
            self.kind, maximum=max(known) if known else None, clock=clock,
            last=self.last.value if self.last else None, zone=self.zone,
        )  # fmt: skip
        span = window("c", self.kind, last=self.last, lag=lag, upper=upper)
        if self.last is not None and upper is not None:
            assert upper >= self.last.value  # type: ignore[operator]
        self.moved += [n for n, r in enumerate(self.rows) if inside(r, span)]
        if upper is not None:
            stored = Watermark("c", self.kind, upper).to_json()
            self.last = Watermark.from_json(stored)
            assert self.last.value == upper
        return span


@given(st.lists(st.lists(st.integers(0, 50)), min_size=1, max_size=6))
def test_numbers_that_only_grow_are_read_exactly_once(batches: list[list[int]]) -> None:
    source, base = Source(INT), 0
    for batch in batches:
        source.rows += [base + n for n in batch]
        base = max(source.rows, default=0) + 1
        source.run(None)
    assert source.moved == list(range(len(source.rows)))


@given(st.lists(st.integers(1, 10**12), min_size=1, max_size=8))
def test_decimals_of_many_digits_are_read_exactly_once(steps: list[int]) -> None:
    """More digits than Python's decimals carry unless they are told to."""
    source, wide = Source(BIG), Context(prec=60)
    value = Decimal("1234567890123456789012345678.0000000001")
    for step in steps:
        source.rows.append(value)
        source.run(None)
        value = wide.add(value, Decimal(step).scaleb(-10))
    assert source.moved == list(range(len(source.rows)))


@pytest.mark.parametrize("kind", [NAIVE, ZONED, parse_type("timestamp(ms)")])
@given(seconds=st.lists(st.tuples(st.integers(0, 3), st.booleans()), min_size=1, max_size=20))
def test_times_stamped_by_the_clock_are_read_exactly_once(
    kind: Any, seconds: list[tuple[int, bool]]
) -> None:
    """Several rows in one microsecond, and runs in between at that same microsecond."""
    clock = datetime(2024, 1, 1, tzinfo=UTC)
    source = Source(kind)
    for step, run in seconds:
        clock += timedelta(milliseconds=step)
        if run:
            source.run(clock, timedelta())
        else:
            source.rows.append(clock if kind.zone else clock.replace(tzinfo=None))
    source.run(clock + timedelta(seconds=1), timedelta())
    assert sorted(source.moved) == list(range(len(source.rows)))


@given(st.lists(st.tuples(st.integers(0, 30), st.booleans()), min_size=1, max_size=20))
def test_dates_are_read_once_their_day_is_over(steps: list[tuple[int, bool]]) -> None:
    clock, source = datetime(2024, 2, 27, tzinfo=UTC), Source(DATE)
    for hours, run in steps:
        clock += timedelta(hours=hours)
        if run:
            source.run(clock, timedelta())
        else:
            source.rows.append(clock.date())
    source.run(clock + timedelta(days=2), timedelta())
    assert sorted(source.moved) == list(range(len(source.rows)))


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/Havana", "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("kind", [NAIVE, DATE])
@given(data=st.data())
def test_wall_clocks_that_go_back_skip_no_row(zone: str, kind: Any, data: st.DataObject) -> None:
    """Rows carry the wall clock of their zone, through a year's two changes of the clocks."""
    there = ZoneInfo(zone)
    start = data.draw(st.sampled_from([
        datetime(2024, 10, 26, 22, tzinfo=UTC), datetime(2024, 11, 3, 3, tzinfo=UTC),
        datetime(2024, 3, 30, 23, tzinfo=UTC), datetime(2024, 4, 6, 13, tzinfo=UTC),
    ]))  # fmt: skip
    steps = data.draw(st.lists(st.tuples(st.integers(0, 40), st.booleans()), max_size=30))
    clock, source = start, Source(kind, there)
    for minutes, run in steps:
        clock += timedelta(minutes=minutes)
        wall = clock.astimezone(there).replace(tzinfo=None)
        if run:
            source.run(clock, timedelta())
        else:
            source.rows.append(wall.date() if kind is DATE else wall)
    source.run(clock + timedelta(days=3), timedelta())
    assert sorted(source.moved) == list(range(len(source.rows)))


@given(
    lag=st.integers(0, 20),
    arrivals=st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5)), max_size=15),
)
def test_rows_no_later_than_the_lag_are_never_skipped(
    lag: int, arrivals: list[tuple[int, int]]
) -> None:
    clock, source = datetime(2024, 1, 1, tzinfo=UTC), Source(ZONED)
    for late, step in arrivals:
        clock += timedelta(seconds=step)
        source.run(clock, timedelta(seconds=lag))
        source.rows.append(clock - timedelta(seconds=min(late, lag)))
    source.run(clock + timedelta(minutes=1), timedelta(seconds=lag))
    assert set(source.moved) == set(range(len(source.rows)))


def test_null_rows_are_read_by_the_first_window_alone() -> None:
    source = Source(INT)
    source.rows = [None, 1, 2]
    source.run(None)
    source.rows += [None, 3]
    source.run(None)
    assert source.moved == [0, 1, 2, 4]


@given(st.one_of(st.none(), st.integers(-5, 5)))
def test_the_bound_never_falls(maximum: int | None) -> None:
    assert freeze_upper(INT, maximum=maximum, clock=None, last=100) == 100


def test_a_clock_that_was_set_back_does_not_lower_the_bound() -> None:
    last = datetime(2024, 1, 2, tzinfo=UTC)
    upper = freeze_upper(
        ZONED, maximum=datetime(2024, 1, 3, tzinfo=UTC),
        clock=datetime(2024, 1, 1, tzinfo=UTC), last=last,
    )  # fmt: skip
    assert upper == last


# The ends of the calendar -----------------------------------------------------------------------

NOW = datetime(2024, 5, 5, 12, tzinfo=UTC)
ENDS = [
    (NAIVE, datetime.max, NOW.replace(tzinfo=None)),
    (NAIVE, datetime.min, datetime.min + timedelta(microseconds=1)),
    (ZONED, datetime.max.replace(tzinfo=UTC), NOW),
    (ZONED, datetime.max.replace(tzinfo=ZoneInfo("America/New_York")), NOW),
    (ZONED, datetime.min.replace(tzinfo=UTC), datetime.min.replace(tzinfo=UTC, microsecond=1)),
    (DATE, date.max, NOW.date()),
    (DATE, date.min, date(1, 1, 2)),
]


@pytest.mark.parametrize(("kind", "maximum", "upper"), ENDS)
def test_ends_of_the_calendar(kind: Any, maximum: Any, upper: Any) -> None:
    assert freeze_upper(kind, maximum=maximum, clock=NOW, last=None) == upper


@pytest.mark.parametrize("value", [date.max, datetime.max, datetime.max.replace(tzinfo=UTC)])
def test_without_a_clock_the_last_moment_is_an_error_not_a_skipped_row(value: Any) -> None:
    kind = ZONED if getattr(value, "tzinfo", None) else NAIVE
    with pytest.raises(DataError, match="9999-12-31"):
        freeze_upper(kind, maximum=value, clock=None, last=None)


def test_one_row_dated_9999_does_not_hide_those_to_come() -> None:
    source = Source(ZONED)
    source.rows = [datetime(9999, 12, 31, tzinfo=UTC), NOW - timedelta(days=1)]
    source.run(NOW, timedelta())
    source.rows.append(NOW + timedelta(hours=1))
    source.run(NOW + timedelta(hours=2), timedelta())
    assert source.moved == [1, 2]


@given(st.datetimes(), st.timedeltas(timedelta(), timedelta.max))
@example(datetime.min, timedelta.max)
@example(datetime.max, timedelta())
def test_stepping_back_stops_at_the_beginning(value: datetime, lag: timedelta) -> None:
    expected = datetime.min if value - datetime.min < lag else value - lag
    assert step_back(value, lag) == expected
    aware = value.replace(tzinfo=UTC)
    assert step_back(aware, lag) == expected.replace(tzinfo=UTC)


@given(st.dates(), st.timedeltas(timedelta(), timedelta.max))
def test_stepping_back_from_a_date_takes_whole_days(value: date, lag: timedelta) -> None:
    back = step_back(value, lag)
    assert isinstance(back, date) and not isinstance(back, datetime)
    assert back == date.min or value - back >= lag
    assert value - back < lag + timedelta(days=1)


def test_a_lag_is_an_hour_even_where_the_clocks_change() -> None:
    after_spring = datetime(2024, 3, 31, 3, 30, tzinfo=PARIS)  # 01:30 UTC; at 01:00 they went on
    assert step_back(after_spring, timedelta(hours=1)) == datetime(2024, 3, 31, 0, 30, tzinfo=UTC)
    second = datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=PARIS)  # 01:30 UTC
    first = datetime(2024, 10, 27, 2, 30, fold=0, tzinfo=PARIS)  # 00:30 UTC
    clock = datetime(2024, 10, 28, tzinfo=UTC)
    kind = parse_type("timestamp(us, Europe/Paris)")
    upper = freeze_upper(kind, maximum=first, clock=clock, last=None)
    assert upper is not None and upper <= second.astimezone(UTC)  # type: ignore[operator]


def test_a_date_9999_with_lag() -> None:
    last = Watermark("c", DATE, date.max)
    span = window("c", DATE, last=last, lag=timedelta(days=1), upper=date.max)
    assert span.lower == date(9999, 12, 30)


# Stored watermarks ------------------------------------------------------------------------------

stored = st.one_of(
    st.builds(Watermark, st.text(), st.just(INT), st.integers()),
    st.builds(
        Watermark, st.text(), st.just(BIG), st.decimals(allow_nan=False, allow_infinity=False)
    ),
    st.builds(Watermark, st.text(), st.just(DATE), st.dates()),
    st.builds(Watermark, st.text(), st.just(NAIVE), st.datetimes()),
    st.builds(
        Watermark, st.text(), st.just(ZONED),
        st.datetimes(timezones=st.sampled_from([UTC, PARIS, ZoneInfo("Asia/Kathmandu")]),
                     min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29)),
    ),
)  # fmt: skip


@given(stored)
def test_watermarks_read_back(mark: Watermark) -> None:
    again = Watermark.from_json(mark.to_json())
    assert (again.column, again.type, again.value) == (mark.column, mark.type, mark.value)
    if isinstance(mark.value, datetime) and mark.value.tzinfo is not None:
        assert isinstance(again.value, datetime)
        assert again.value.astimezone(UTC) == mark.value.astimezone(UTC)


@pytest.mark.parametrize(
    "damaged",
    [
        {}, {"column": "c"}, {"column": "c", "type": "int64", "value": "x"},
        {"column": "c", "type": "string", "value": "x"},
        {"column": "c", "type": "decimal(5,2)", "value": "one"},
        {"column": "c", "type": "timestamp", "value": "24:00"},
        {"column": "c", "type": "int64", "value": None},
    ],
)  # fmt: skip
def test_a_damaged_watermark_is_an_error_with_a_way_out(damaged: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="--full-refresh"):
        Watermark.from_json(damaged)


@pytest.mark.parametrize(
    ("column", "kind"),
    [("d", INT), ("c", NAIVE), ("c", DATE), ("c", parse_type("string"))],
)
def test_another_column_or_type_is_refused(column: str, kind: Any) -> None:
    last = Watermark("c", INT, 5)
    # The bound is frozen first, and must leave it to `window` to say what is wrong.
    value: Any = {"int64": 9, "timestamp": datetime(2024, 1, 1), "date": date(2024, 1, 1)}.get(
        kind.kind
    )
    upper = freeze_upper(kind, maximum=value, clock=NOW, last=last.value)
    with pytest.raises(StateError, match="watermark is on 'c'"):
        window(column, kind, last=last, lag=0, upper=upper)


def test_an_integer_that_became_wider_goes_on() -> None:
    last = Watermark("c", parse_type("int32"), 5)
    assert window("c", INT, last=last, lag=1, upper=9) == Window("c", INT, 4, 9)
    assert window("c", BIG, last=last, lag=0, upper=Decimal(9)).lower == 5


def test_a_zone_gained_or_lost_is_another_type() -> None:
    last = Watermark("c", NAIVE, datetime(2024, 1, 1))
    with pytest.raises(StateError):
        window("c", ZONED, last=last, lag=timedelta(), upper=NOW)


@pytest.mark.parametrize(
    ("kind", "lag", "hint"),
    [("timestamp(us)", 5, "15m"), ("date", Decimal("1.5"), "2d"), ("int64", "1h", "1000"),
     ("decimal(10,2)", "1h", "1000")],
)  # fmt: skip
def test_a_lag_of_the_wrong_sort(kind: str, lag: Any, hint: str) -> None:
    lag = parse_duration(lag) if isinstance(lag, str) else lag
    with pytest.raises(UnsupportedError, match="lag") as told:
        check_lag(parse_type(kind), lag)
    assert hint in (told.value.hint or "")


@pytest.mark.parametrize("kind", ["timestamp(us)", "date", "int64", "decimal(10,2)"])
def test_no_lag_is_of_every_sort(kind: str) -> None:
    check_lag(parse_type(kind), timedelta())


@pytest.mark.parametrize("text", ["string", "float64", "bool", "time", "uuid", "list(int64)"])
def test_what_cannot_carry_a_watermark(text: str) -> None:
    with pytest.raises(UnsupportedError, match=r"'c' is .*needs an integer"):
        check_type("c", parse_type(text))
