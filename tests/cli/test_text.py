"""Values as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.cli import text


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 B"), (999, "999 B"), (1_000, "1.0 KB"), (999_949, "999.9 KB"), (999_950, "1.0 MB"),
     (12_345_678, "12.3 MB"), (4_000_000_000, "4.0 GB"), (5 * 10**15, "5.0 PB")],
)  # fmt: skip
def test_sizes(number: int, said: str) -> None:
    assert text.size(number) == said


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0"), (999, "999"), (1_234, "1.2k"), (999_960, "1.0M"), (10**9, "1.0G")],
)
def test_short_counts(number: int, said: str) -> None:
    assert text.short(number) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.0, "0.00 s"), (0.994, "0.99 s"), (0.996, "1.0 s"), (59.94, "59.9 s"),
     (59.96, "1 min 00 s"), (125, "2 min 05 s"), (3_599.4, "59 min 59 s"), (3_599.6, "1 h 00 min"),
     (12_000, "3 h 20 min")],
)  # fmt: skip
def test_durations(seconds: float, said: str) -> None:
    assert text.duration(seconds) == said


def test_counts() -> None:
    assert text.count(1, "row") == "1 row"
    assert text.count(1_234, "row") == "1,234 rows"
    assert text.count(0, "entity", "entities") == "0 entities"


def test_times_are_in_utc() -> None:
    copenhagen = timezone(timedelta(hours=1))
    assert text.moment(datetime(2024, 2, 29, 0, 30, tzinfo=copenhagen)) == "2024-02-28T23:30:00Z"
    assert text.moment(datetime(2024, 2, 29, tzinfo=UTC).timestamp()) == "2024-02-29T00:00:00Z"


def test_places_below_the_current_folder_are_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert text.here(f"{tmp_path}/a/b and {tmp_path}/c") == "a/b and c"
    assert text.here(f"{tmp_path}x/a") == f"{tmp_path}x/a"
    monkeypatch.chdir("/")
    assert text.here("/a/b") == "/a/b"


@pytest.mark.parametrize(
    ("plain", "cells"), [("abc", 3), ("Åse", 3), ("李小龙", 6), ("e\u0301", 1), ("🎁", 2)]
)
def test_widths_are_those_of_a_terminal(plain: str, cells: int) -> None:
    assert text.width(plain) == cells
    assert text.width(click.style(plain, fg="red", bold=True)) == cells


@given(
    st.integers(1, 4).flatmap(
        lambda n: st.lists(st.lists(st.text("ab 李é", max_size=6), min_size=n, max_size=n))
    )
)
def test_columns_are_aligned(rows: list[list[str]]) -> None:
    marked = [[*row, "|"] for row in rows]
    lines = text.columns(marked).splitlines()
    assert len(lines) == len(rows)
    assert len({text.width(line) for line in lines}) <= 1
