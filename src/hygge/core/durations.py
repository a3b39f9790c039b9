"""Durations as configurations write them: `90s`, `15m`, `1h30m`."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {
    "w": timedelta(weeks=1), "d": timedelta(days=1), "h": timedelta(hours=1),
    "m": timedelta(minutes=1), "s": timedelta(seconds=1), "ms": timedelta(milliseconds=1),
    "us": timedelta(microseconds=1),
}  # fmt: skip
_DURATION = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*(ms|us|[wdhms])")


def parse_duration(text: str) -> timedelta:
    """`1h30m`, `90s`, `7d`, `500ms`; `0` is none. Raises ValueError otherwise."""
    stripped = text.strip().lower()
    if stripped == "0":
        return timedelta()
    total, at = timedelta(), 0
    while at < len(stripped):
        match = _DURATION.match(stripped, at)
        if match is None:
            break
        try:
            total += float(match[1]) * _UNITS[match[2]]
        except OverflowError:
            raise ValueError(f"'{text}' is too long a duration") from None
        at = match.end()
    if not stripped or at != len(stripped):
        raise ValueError(f"'{text}' is not a duration; write it as 90s, 15m, 3h, 7d or 1h30m")
    return total
