"""What sessions have in common whose source tells nothing of a column but its rows."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import polars as pl

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.conform import exact
from hygge.core.context import Context
from hygge.core.errors import Cancelled, ConfigError
from hygge.core.fields import Schema
from hygge.core.home import Home
from hygge.core.reading import HomeSession
from hygge.core.settings import HomeConfig
from hygge.core.watermark import Position


class ReadThrough(HomeSession, ABC):
    """A session that reads a column to its end to know its largest value.

    Parameters
    ----------
    home: whose session it is.
    context: of the attempt.
    """

    def __init__(self, home: Home, context: Context) -> None:
        self._home, self._context = home, context
        self._schema: Schema | None = None
        self._nulls: dict[str, int] = {}
        self._stopped = False

    def maximum(self, column: str) -> Position | None:
        frames = self.read(ReadRequest(columns=(column,)), WHOLE)
        found, self._nulls[column] = largest(frames, column, self.schema(), self._home.place())
        return found

    def nulls(self, column: str) -> int | None:
        return self._nulls.get(column)  # counted while the maximum was looked for

    def clock(self) -> datetime | None:
        return datetime.now(UTC)

    def cancel(self) -> None:
        self._stopped = True

    def _check(self) -> None:
        self._context.cancel.check()
        if self._stopped:
            raise Cancelled("stopped on request")


def as_declared(found: Schema, config: HomeConfig, place: str) -> Schema:
    """The fields found, with the types that the settings declare. Raises ConfigError where one is
    declared that is not there."""
    declared = config.declared()
    for name in declared:
        if name not in found.names:
            raise ConfigError(
                f"`types` names '{name}', which {place} does not have",
                hint=f"its columns: {', '.join(found.names[:12])}",
            )
    return found.changed(declared)


def largest(
    frames: Iterator[pl.DataFrame], column: str, schema: Schema, entity: str
) -> tuple[Position | None, int]:
    """A column's largest value, None where it has none, and in how many rows it is NULL."""
    found: Any = None
    nulls = 0
    for frame in frames:
        held = exact(frame[column], schema[column], schema, frame, entity=entity)
        nulls += held.null_count()
        top: Any = held.max()
        found = top if found is None or (top is not None and top > found) else found
    return found, nulls


def first_line(error: BaseException) -> str:
    """The first line of an error's text; what follows is often a query plan."""
    return str(error).strip().split("\n", 1)[0]
