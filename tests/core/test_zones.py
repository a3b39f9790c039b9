"""Zones by their names."""

from __future__ import annotations

import pytest

from hygge.core.zones import is_utc


@pytest.mark.parametrize(
    ("zone", "utc"),
    [("UTC", True), ("Etc/UTC", True), ("+00:00", True), ("Europe/London", False),
     ("America/New_York", False), ("+02:00", False), ("the machine's (GMT)", False),
     ("GMT+0", True), ("Etc/GMT-0", True), ("UTC0", True), ("+00", True), ("-0000", True),
     ("Z", True), ("utc", True), ("Atlantic/Reykjavik", True), ("Africa/Abidjan", True),
     ("Europe/Lisbon", False), ("Africa/Casablanca", False), ("Etc/GMT+1", False),
     ("+00:30", False), ("Nowhere/At_All", False), ("", False), ("/etc/UTC", False),
     ("Europe", False), ("../UTC", False), ("UTC\0", False)],
)  # fmt: skip
def test_zones_that_are_utc_all_year(zone: str, utc: bool) -> None:
    assert is_utc(zone) is utc
