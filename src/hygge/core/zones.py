"""Time zones: what a wall clock means, and when it shows a time for the last time."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import TypeVar
from zoneinfo import ZoneInfo

T = TypeVar("T")
_OFFSET = re.compile(r"(?:utc|gmt)?([+-]?)(\d\d?):?(\d\d)?", re.ASCII | re.IGNORECASE)
"""An offset, also as POSIX and MySQL write it."""
_UTC_NAMES = frozenset({"utc", "uct", "zulu", "universal", "gmt", "gmt0", "greenwich", "z"})
"""What UTC is called, also where this machine has no database of zones, or minds the case."""


def zone_of(name: str | None) -> tzinfo:
    """The zone a configuration names; UTC where it names none."""
    return ZoneInfo(name) if name else UTC


def is_utc(name: str) -> bool:
    """Whether a zone, by its IANA name or as an offset, is UTC all this year; a name that nobody
    knows is not."""
    if found := _OFFSET.fullmatch(name):
        return not int(found[2]) and not int(found[3] or 0)
    try:
        zone = ZoneInfo(name)
    except (ValueError, OSError):  # no name at all; a folder; ZoneInfoNotFoundError is a KeyError
        return False
    except KeyError:
        return name.lower().removeprefix("etc/") in _UTC_NAMES
    year = datetime.now(UTC).year
    moments = (datetime(year, month, 1, tzinfo=zone) for month in range(1, 13))
    return not any(moment.utcoffset() for moment in moments)


def in_utc(value: T) -> T:
    """Aware times in UTC: Python compares and steps those of one zone by their wall clocks."""
    if not isinstance(value, datetime) or value.tzinfo is None:
        return value
    try:
        return value.astimezone(UTC)
    except OverflowError:  # within a day of the calendar's ends
        return value.replace(tzinfo=UTC)


def settled_wall_clock(clock: datetime, zone: tzinfo) -> datetime:
    """The wall-clock time below which no clock in the zone will show again, naive."""
    now = clock.astimezone(zone)
    try:
        later = (clock + timedelta(days=1)).astimezone(zone)
    except OverflowError:
        return now.replace(tzinfo=None)
    low, high = now.astimezone(UTC), later.astimezone(UTC)
    if _offset(high, zone) >= _offset(low, zone):
        return now.replace(tzinfo=None)
    while high - low > timedelta(seconds=1):  # find the moment at which the clocks go back
        middle = low + (high - low) / 2
        if _offset(middle, zone) < _offset(now, zone):
            high = middle
        else:
            low = middle
    back = high.replace(microsecond=0).astimezone(zone).replace(tzinfo=None)
    return min(now.replace(tzinfo=None), back)


def _offset(moment: datetime, zone: tzinfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
