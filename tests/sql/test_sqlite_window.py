"""Windows in SQLite: the same rows as comparing the values would give, however they are stored."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sql.databases import drain, make, open_home

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.errors import BadValue, UnsupportedError
from hygge.core.watermark import Window

UTC = dt.UTC
moments = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))


def stored(moment: dt.datetime, form: int) -> str:
    """One of ISO 8601's forms, of those that keep the value."""
    separator = "T" if form % 2 else " "
    text = moment.isoformat(separator)
    if moment.time() == dt.time() and form % 3 == 0:
        return moment.date().isoformat()
    if moment.second == 0 and moment.microsecond == 0 and form % 3 == 1:
        return text[:16]
    if moment.microsecond and form % 3 == 2:
        return text.rstrip("0")
    return text


@given(st.lists(st.tuples(moments, st.integers(0, 5)), max_size=12), moments, moments)
def test_naive_times_in_any_iso_form(
    tmp_path_factory: pytest.TempPathFactory,
    given_rows: list[tuple[dt.datetime, int]],
    one: dt.datetime,
    other: dt.datetime,
) -> None:
    lower, upper = sorted((one, other))
    cut = [m.replace(hour=0, minute=0, second=0, microsecond=0) for m, _ in given_rows]
    whole = [(m, f) for (m, _), f in zip(given_rows, range(len(given_rows)), strict=True)]
    rows = [*given_rows, *((m, 0) for m in cut), *whole, (lower, 0), (upper, 1)]
    path = make(
        tmp_path_factory.mktemp("w") / "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x DATETIME)",
        rows={"t": [(i, stored(m, f)) for i, (m, f) in enumerate(rows)] + [(9999, None)]},
    )  # fmt: skip
    with open_home(path) as session:
        kind = session.schema()["x"].type
        assert session.maximum("x") == max(m for m, _ in rows)
        inside = [i for i, (m, _) in enumerate(rows) if lower <= m < upper]
        request = ReadRequest(window=Window("x", kind, lower, upper))
        assert sorted(drain(session, request)["id"]) == inside
        assert session.count(request, WHOLE) == len(inside)
        first = ReadRequest(window=Window("x", kind, None, upper))
        below = [i for i, (m, _) in enumerate(rows) if m < upper]
        assert sorted(drain(session, first)["id"]) == [*below, 9999]


OFFSETS = st.sampled_from(["Z", "z", "+00:00", "+02:00", "-11:30", "+05:45"])


@given(st.lists(st.tuples(moments, OFFSETS, st.integers(0, 5)), min_size=1, max_size=10), moments)
def test_zoned_times_with_any_offset(
    tmp_path_factory: pytest.TempPathFactory,
    given_rows: list[tuple[dt.datetime, str, int]],
    at: dt.datetime,
) -> None:
    bound = at.replace(tzinfo=UTC)
    instants, texts = [], []
    for wall, offset, form in given_rows:
        text = wall.isoformat("T" if form % 2 else " ") + offset
        texts.append(text)
        instants.append(dt.datetime.fromisoformat(text.replace("z", "Z")).astimezone(UTC))
    path = make(
        tmp_path_factory.mktemp("w") / "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, x TIMESTAMPTZ)",
        rows={"t": list(enumerate(texts))},
    )  # fmt: skip
    with open_home(path) as session:
        kind = session.schema()["x"].type
        assert session.maximum("x") == max(instants)
        for window, expected in (
            (Window("x", kind, None, bound), [i for i, m in enumerate(instants) if m < bound]),
            (Window("x", kind, bound, None), [i for i, m in enumerate(instants) if m >= bound]),
        ):
            assert sorted(drain(session, ReadRequest(window=window))["id"]) == expected


def test_dates_integers_and_decimals(tmp_path: Path) -> None:
    path = make(
        tmp_path / "t.db",
        "CREATE TABLE t (id INTEGER PRIMARY KEY, d DATE, n INTEGER, p NUMERIC(10,2))",
        rows={
            "t": [
                (1, "2024-01-01", 5, 1.1), (2, "2024-01-02 00:00:00", 7, 1.2),
                (3, "2024-01-03T00:00", 2**62, 3), (4, None, None, None),
            ]
        },
    )  # fmt: skip
    day, D = dt.date, Decimal
    cases: list[tuple[str, Any, Any, list[int]]] = [
        ("d", day(2024, 1, 1), day(2024, 1, 3), [1, 2]), ("d", None, day(2024, 1, 2), [1, 4]),
        ("n", 5, 8, [1, 2]), ("n", 2**62, 2**62 + 1, [3]), ("n", None, 6, [1, 4]),
        ("p", D("1.10"), D("1.20"), [1]), ("p", D("1.20"), D("3.01"), [2, 3]),
        ("id", 2, 4, [2, 3]),
    ]  # fmt: skip
    with open_home(path) as session:
        assert session.maximum("d") == day(2024, 1, 3)
        assert session.maximum("n") == 2**62
        assert session.maximum("p") == D("3.00")
        assert session.maximum("id") == 4
        for column, lower, upper, expected in cases:
            window = Window(column, session.schema()[column].type, lower, upper)
            request = ReadRequest(window=window)
            assert sorted(drain(session, request)["id"]) == expected, window
            assert session.count(request, WHOLE) == len(expected)


@pytest.mark.parametrize(
    ("declared", "good", "bad"),
    [
        ("DATETIME", "2024-01-01", 1_700_000_000), ("DATETIME", "2024-01-01", ""),
        ("DATETIME", "2024-01-01", "01/02/2020"), ("DATETIME", "2024-01-01", "2023-01-01 9:00"),
        ("DATETIME", "2024-01-01", "2023-01-01T09:00:00Z"), ("DATETIME", "2024-01-01", b"2024"),
        ("TIMESTAMPTZ", "2024-01-01 00:00Z", "2023-01-01 00:00"), ("DATE", "2024-01-01", 2020),
        ("INTEGER", 5, "many"), ("NUMERIC(10,2)", 5, "1,5"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_reported_never_skipped(
    declared: str, good: Any, bad: Any, tmp_path: Path
) -> None:
    path = make(
        tmp_path / "t.db", f"CREATE TABLE t (id INTEGER PRIMARY KEY, x {declared})",
        rows={"t": [(1, good), (2, bad)]},
    )  # fmt: skip
    with open_home(path) as session:
        field = session.schema()["x"]
        with pytest.raises(BadValue, match="id=2"):
            session.maximum("x")
        zone = UTC if field.type.zone else None
        bounds: tuple[Any, Any] = (5, 6) if not field.type.is_temporal else (
            (dt.date(2024, 1, 1), dt.date(2024, 1, 2)) if field.type.kind == "date"
            else (dt.datetime(2024, 1, 1, tzinfo=zone), dt.datetime(2024, 1, 2, tzinfo=zone))
        )  # fmt: skip
        with pytest.raises(BadValue, match="id=2"):
            drain(session, ReadRequest(window=Window("x", field.type, *bounds)))


def test_no_rows_have_no_maximum(tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x DATETIME, n INT)", rows={"t": [(None, None)]})
    with open_home(path) as session:
        assert session.maximum("x") is None
        assert session.maximum("n") is None


def test_numbers_kept_as_text_carry_no_watermark(tmp_path: Path) -> None:
    path = make(tmp_path / "t.db", "CREATE TABLE t (x DECIMAL_TEXT(20,2))", rows={"t": [("9.00",)]})
    with open_home(path) as session, pytest.raises(UnsupportedError, match="as text"):
        session.maximum("x")


def test_the_index_of_an_integer_watermark_is_used(tmp_path: Path) -> None:
    from hygge.sql.sqlite.access import open_reader
    from hygge.sql.sqlite.catalogue import relation
    from hygge.sql.sqlite.window import condition

    path = make(
        tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY, n INTEGER)",
        "CREATE INDEX i ON t (n)",
    )  # fmt: skip
    with open_home(path) as session, open_reader(path) as db:
        source = relation(db.rows, "t", where="")
        for column in ("id", "n"):
            field = session.schema()[column]
            where = condition(source, field, Window(column, field.type, 5, 10))
            plan = " ".join(
                r[3] for r in db.rows(f"EXPLAIN QUERY PLAN SELECT * FROM t WHERE {where}")
            )
            assert "SEARCH" in plan and "SCAN" not in plan, plan
