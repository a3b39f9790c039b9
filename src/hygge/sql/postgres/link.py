"""One open connection to PostgreSQL, however it is made."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Self

import polars as pl

from hygge.core.errors import DataError
from hygge.sql.dialect import literal
from hygge.sql.link import Link

_FRAMING = 30
"""Bytes that a row has on the wire beside its values, about, as seen of 15 columns."""
_MOST_BYTES = 4 << 20
"""No batch is meant to be larger, however wide its rows: a few of them are under way at once."""


class PostgresLink(Link):
    """See Link; frames have ADBC's types, whoever reads them: numbers as they are, but NUMERIC as
    text (but see `digits`), times of day as microseconds. So have rows, of numbers, texts, bytes,
    truth values, dates and times; what else there is, such as uuids and arrays, is to be asked for
    as text."""

    by = ""
    """What it is made by, and why, where that is not hygge's own client."""
    digits = 0
    """Up to so many, a NUMERIC whose precision and scale are declared comes as a decimal, but as
    text where there is NaN in a batch."""

    def set_up(self, settings: Mapping[str, str]) -> Self:
        """Set the server's settings for this session; where it refuses them, it is closed."""
        try:
            self.execute("; ".join(f"SET {name} = {literal(v)}" for name, v in settings.items()))
        except BaseException:
            self.close()
            raise
        return self

    def who(self) -> str:
        """Who the server takes us for, what by, and what it is: `'hygge', on PostgreSQL 17.2`."""
        user, version = self.row("SELECT current_user::text, current_setting('server_version')")
        return f"'{user}'{self.by and f', by {self.by}'}, on PostgreSQL {version}"

    @abstractmethod
    def append(self, schema: str, table: str, batches: Iterable[pl.DataFrame]) -> int:
        """Append frames of the same columns, at least one, to a table by one binary COPY, column
        by column's name.

        Parameters
        ----------
        schema: "" for what the search path finds.
        batches: as `encode.encoded` gives them, taken one by one. What taking them raises is
            raised, and none of the rows are kept.

        Returns how many rows it took in.
        """

    @abstractmethod
    def planned(self, sql: str) -> tuple[int, int]:
        """How many rows the planner expects of a statement, and their width in bytes."""

    @abstractmethod
    def describe(self, sql: str) -> Sequence[tuple[str, int]]:
        """The names and type modifiers of a query's columns, found without running it."""

    def batch_bytes(self, sql: str, batch_rows: int) -> int:
        """About how many bytes so many rows of a statement are, as the planner expects them; both
        drivers measure batches so."""
        _, width = self.planned(sql)
        return max(1, min(_MOST_BYTES, batch_rows * (width + _FRAMING)))

    def no_such_time(self, sql: str) -> DataError:
        """What a statement gives that Python has no time for."""
        return DataError(
            f"{self.label}: a time is infinite, or beyond the years 0001 to 9999: {sql}",
            hint="leave such rows out: `where: \"at < 'infinity'\"`",
        )


def plan_of(text: str) -> tuple[int, int]:
    """What `EXPLAIN (FORMAT JSON)` says of a statement: rows, and their width in bytes."""
    plan = json.loads(text)[0]["Plan"]
    return int(plan["Plan Rows"]), int(plan["Plan Width"])
