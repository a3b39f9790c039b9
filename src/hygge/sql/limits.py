"""When fewer connections may be open: `limits: [{when: "mon-fri 07:00-18:00", connections: 2}]`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, time, timedelta

from pydantic import Field, field_validator

from hygge.core.settings import Settings

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00"
_WHEN = re.compile(
    rf"\s*(?:(?P<days>[a-z]{{3}}(?:\s*[-,]\s*[a-z]{{3}})*)\s*)?"
    rf"(?:(?P<start>{_CLOCK})\s*-\s*(?P<end>{_CLOCK}))?\s*",
    re.IGNORECASE,
)
_MIDNIGHT = "24:00"


class Limit(Settings):
    """So many connections at most, at certain hours."""

    when: str = Field(
        description="Days and hours, by this machine's clock: `mon-fri 07:00-18:00`, `sat,sun`, "
        "`22:00-06:00`",
        examples=["mon-fri 07:00-18:00"],
    )
    connections: int = Field(ge=0, description="Connections that may be open then", examples=[2])

    @field_validator("when")
    @classmethod
    def _written(cls, value: str) -> str:
        _parse(value)
        return value

    def holds(self, now: datetime) -> bool:
        """Whether it is such an hour. A span past midnight belongs to the day it begins on."""
        days, start, end = _parse(self.when)
        if start < end:
            return now.weekday() in days and start <= now.time() < end
        yesterday = (now - timedelta(days=1)).weekday()
        return (now.weekday() in days and now.time() >= start) or (
            yesterday in days and now.time() < end
        )


def allowed(most: int, limits: Sequence[Limit], now: datetime) -> int:
    """How many connections may be open at a time of day: the least that any limit says."""
    return min([most, *(limit.connections for limit in limits if limit.holds(now))])


def most_ever(most: int, limits: Sequence[Limit]) -> int:
    """How many connections may be open in the best hour of the week.

    It can only change where a limit begins or ends, so those moments tell it for all.
    """
    monday = datetime(2024, 1, 1)
    ends = {time.min, *(end for limit in limits for end in _parse(limit.when)[1:])}
    clocks = [end if end != time.max else time.min for end in ends]
    moments = (datetime.combine(monday + timedelta(days=d), c) for d in range(7) for c in clocks)
    return max(allowed(most, limits, moment) for moment in moments)


def _parse(text: str) -> tuple[frozenset[int], time, time]:
    match = _WHEN.fullmatch(text)
    if match is None or not text.strip():
        raise ValueError(f"'{text}' is no time; write it as `mon-fri 07:00-18:00`")
    days = _days(match["days"].lower()) if match["days"] else frozenset(range(7))
    start, end = match["start"] or "00:00", match["end"] or _MIDNIGHT
    if start in (end, _MIDNIGHT):
        raise ValueError(f"'{text}' begins and ends at the same time")
    return days, _time(start), time.max if end == _MIDNIGHT else _time(end)


def _time(text: str) -> time:
    return time.fromisoformat(text)


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in re.split(r"\s*,\s*", text):
        first, _, last = re.sub(r"\s", "", part).partition("-")
        for name in (first, last or first):
            if name not in _DAYS:
                raise ValueError(f"'{name}' is no day; days are {', '.join(_DAYS)}")
        low, high = _DAYS.index(first), _DAYS.index(last or first)
        span = range(low, high + 1) if low <= high else [*range(low, 7), *range(high + 1)]
        found.update(span)
    return frozenset(found)
