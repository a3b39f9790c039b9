"""Durations mean what they say, and nothing else is one."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.durations import parse_duration


@given(
    st.integers(0, 400), st.integers(0, 60), st.integers(0, 60), st.integers(0, 60),
    st.integers(0, 999), st.integers(0, 999),
)  # fmt: skip
def test_durations(d: int, h: int, m: int, s: int, ms: int, us: int) -> None:
    text = f"{d}d {h}h{m}m{s}s {ms}ms{us}us"
    assert parse_duration(text) == timedelta(
        days=d, hours=h, minutes=m, seconds=s, milliseconds=ms, microseconds=us
    )


@pytest.mark.parametrize(
    "text",
    ["", " ", "5", "h", "1x", "-5m", "1h-5m", "1h 30", "9" * 30 + "w", "1e3s", "٣d", "m5", "inf"],
)
def test_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


def test_no_duration_at_all() -> None:
    assert parse_duration("0") == parse_duration(" 0 ") == timedelta()
    assert parse_duration("1.5h") == timedelta(minutes=90)
