"""Upkeep of destinations that are made of files: `optimize: {compact: 24h, vacuum: 7d}`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

from pydantic import AfterValidator, Field

from hygge.core.durations import parse_duration
from hygge.core.settings import Settings


def _duration(text: str) -> str:
    parse_duration(text)
    return text


DurationText = Annotated[str, AfterValidator(_duration)]
"""A duration as text, e.g. `24h` or `1h30m`; checked when the settings are."""


class Optimize(Settings):
    """Upkeep, done by a load that finds it due."""

    compact: DurationText | None = Field(
        default=None,
        description="How often small files are joined into large ones; never if left out",
        examples=["24h"],
    )
    vacuum: DurationText | None = Field(
        default=None,
        description="How long files of earlier versions are kept for those who still read them",
        examples=["7d"],
    )

    @property
    def compact_every(self) -> timedelta | None:
        """How often files are joined; None for never."""
        return None if self.compact is None else parse_duration(self.compact)

    @property
    def vacuum_after(self) -> timedelta | None:
        """The age at which files nothing refers to are removed; None where it is not set."""
        return None if self.vacuum is None else parse_duration(self.vacuum)


def due(last: datetime | None, every: timedelta | None, now: datetime) -> bool:
    """Whether what is done `every` so often, and was done `last`, is due.

    Parameters
    ----------
    last: when it was last done; None for never, which is due at once.
    every: None for what is never done.
    now: the time, of the same awareness.
    """
    return every is not None and (last is None or now - last >= every)
