"""When a table is tidied up, and that the load before it stands whatever comes of that."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from hygge.core.context import Context
from hygge.core.errors import HyggeError
from hygge.core.secrets import redact
from hygge.core.upkeep import due as is_due
from hygge.files.reading import first_line

KEY = "optimize"
"""Under which the state keeps when each was last begun (ISO 8601)."""
DAY = timedelta(days=1)


@dataclass(frozen=True)
class Upkeep:
    """What is to be done after a load, and how often.

    Parameters
    ----------
    compact: how often small files are joined; None for never.
    vacuum: files that no version younger than this needs are removed, once a day; None for never.
    """

    compact: timedelta | None = None
    vacuum: timedelta | None = None

    def due(self, extra: Mapping[str, Any], now: datetime) -> frozenset[str]:
        """What is due, given what the state keeps. What was never done is due one period after
        the first load, which has nothing to tidy up."""
        since, out = _since(extra), set()
        for what, every in (("compact", self.compact), ("vacuum", self.vacuum and DAY)):
            if what in since and is_due(since[what], every, now):
                out.add(what)
        return frozenset(out)

    def noted(self, extra: Mapping[str, Any], due: Set[str], now: datetime) -> dict[str, Any]:
        """What the state is to keep once that is begun."""
        since = _since(extra)
        wanted = (("compact", self.compact), ("vacuum", self.vacuum))
        at = {
            what: (now if what in due else since.get(what, now)).isoformat(timespec="seconds")
            for what, every in wanted
            if every is not None
        }
        return {KEY: at} if at else {}


@contextmanager
def tidying(place: object, context: Context, *library: type[Exception]) -> Iterator[None]:
    """A block that tidies up after a load: what fails is told, and raises nothing.

    Parameters
    ----------
    place: the table, for people.
    library: errors of the table's library, beside hygge's and the operating system's.
    """
    failures: tuple[type[Exception], ...] = (HyggeError, OSError, *library)
    try:
        yield
    except failures as error:
        told = redact(first_line(error))
        context.note(f"{place}: tidying up did not succeed, and is tried later: {told}", "info")


def _since(extra: Mapping[str, Any]) -> dict[str, datetime]:
    out = {}
    for what, at in dict(extra.get(KEY) or {}).items():
        with suppress(ValueError, TypeError):  # an unreadable time is none
            out[what] = datetime.fromisoformat(at)
    return out
