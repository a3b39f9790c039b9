"""Checks of Homes: windows, and the bounds between them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context
from hygge.core.fields import LogicalType, parse_type
from hygge.core.home import Home
from hygge.core.watermark import Window
from hygge.testing._home_base import AnyHomeContract, read, read_session
from hygge.testing.corpus import KEY, VALUE, Case, numbered
from hygge.testing.quirks import skip

POSITIONS: dict[str, list[Any]] = {
    "int64": [5, -3, 0, 5, 2**62, None, -(2**62), 9, None, 10],
    "decimal(10,2)": [Decimal(n) / 100 for n in (500, -3, 0, 500, 99_999_999, 901)] + [None],
    "date": [date(2024, 2, 29), date(1, 1, 1), None, date(2024, 3, 1), date(2024, 2, 29)],
    "timestamp(us)": [datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1), None,
                      datetime(1, 1, 1), datetime(2023, 12, 31, 23, 59, 59, 999999)],
    "timestamp(us, UTC)": [datetime(2024, 1, 1, tzinfo=UTC), None, datetime(1970, 1, 1, tzinfo=UTC),
                           datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)],
}  # fmt: skip
"""Values of columns that carry watermarks, out of order, with ties and NULLs."""


class WindowsContract(AnyHomeContract):
    """Incremental reads; left out where the Home reads none."""

    # Windows --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_windows(self, kind: str) -> None:
        """Consecutive windows hold every row once, ties and NULLs included."""
        frame, home, found = self.windowed(kind)
        known = sorted(v for v in set(frame[VALUE]) if v is not None)
        bounds = [None, *known, _beyond(known[-1])]
        pieces = []
        with home.open(Context()) as session:
            for lower, upper in pairwise(bounds):
                request = ReadRequest(window=Window(VALUE, found, lower, upper))
                piece = read_session(session, request, WHOLE)
                self.check_rows(piece, inside(frame, lower, upper))
                assert session.count(request, WHOLE) in (piece.height, None)
                self.check_chunks(session, request, session.split(request, 2), piece)
                pieces.append(piece)
        self.check_rows(pl.concat(pieces), frame)

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_windows_leave_columns_out(self, kind: str) -> None:
        """The window's column need not be among those that are wanted."""
        frame, home, found = self.windowed(kind)
        upper = sorted(v for v in set(frame[VALUE]) if v is not None)[1]
        request = ReadRequest(columns=(KEY,), window=Window(VALUE, found, None, upper))
        got = read(home, request, only=True)
        assert got.columns == [KEY]
        self.check_rows(got, inside(frame, None, upper).select(KEY))

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_windows_without_bounds(self, kind: str) -> None:
        """None is unbounded; NULL is in windows without a lower bound."""
        frame, home, found = self.windowed(kind)
        lower = sorted(v for v in set(frame[VALUE]) if v is not None)[1]
        above = [v is not None and v >= lower for v in frame[VALUE]]
        for low, expected in ((None, frame), (lower, frame.filter(pl.Series(above)))):
            got = read(home, ReadRequest(window=Window(VALUE, found, low, None)))
            self.check_rows(got, expected)

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_maximum_and_clock(self, kind: str) -> None:
        """The largest value is exact; a time's source has a clock that goes forward."""
        frame, home, found = self.windowed(kind)
        with home.open(Context()) as session:
            largest = session.maximum(VALUE)
            assert largest == frame[VALUE].max()
            assert not found.is_integer or isinstance(largest, int)
            if found.is_temporal:
                first, second = session.clock(), session.clock()
                assert first is not None and second is not None
                assert first.tzinfo is not None
                assert first <= second
                assert abs(first - datetime.now(UTC)) < timedelta(days=1)

    @pytest.mark.parametrize("kind", POSITIONS)
    @pytest.mark.parametrize("rows", [0, 2])
    def test_no_maximum(self, kind: str, rows: int) -> None:
        """Where there is no row, or none has a position, there is no largest."""
        logical = parse_type(kind)
        frame = numbered(pl.Series(VALUE, [None] * rows, dtype=logical.physical))
        home = self.of(frame, Case(kind, ()).schema)
        if not home.incremental:
            skip("this Home reads no windows")
        with home.open(Context()) as session:
            assert session.maximum(VALUE) is None

    def windowed(self, kind: str) -> tuple[pl.DataFrame, Home, LogicalType]:
        """Rows with positions in `v`, a Home of them, and the type it has for `v`."""
        logical = parse_type(kind)
        frame = numbered(pl.Series(VALUE, POSITIONS[kind], dtype=logical.physical))
        home = self.of(frame, Case(kind, ()).schema)
        if not home.incremental:
            skip("this Home reads no windows")
        return frame, home, self.arriving(logical)


def inside(frame: pl.DataFrame, lower: Any, upper: Any) -> pl.DataFrame:
    """The rows of a window, as `Window` defines them, by plain Python."""
    keep = [
        lower is None if v is None else (lower is None or lower <= v) and v < upper
        for v in frame[VALUE]
    ]
    return frame.filter(pl.Series(keep, dtype=pl.Boolean))


def _beyond(value: Any) -> Any:
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    return value + (timedelta(days=1) if isinstance(value, date) else 1)
