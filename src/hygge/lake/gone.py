"""Which old rows go: those of some keys, as many at a time as fit memory, or those of a window."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import polars as pl

from hygge.core.fields import Schema
from hygge.core.watermark import Window
from hygge.files.windows import is_within


class Going(Protocol):
    """Rows that go, or some of them: all parts together are all of them."""

    @property
    def none(self) -> bool:
        """Whether none go."""

    @property
    def columns(self) -> list[str]:
        """By which it is told."""

    @property
    def bounds(self) -> Mapping[str, tuple[int, int]]:
        """The least and the greatest value that they have in columns of whole numbers; of others
        nothing is said."""

    def stay(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of this part that stay; those of the other parts are theirs."""

    def meets(self, rows: pl.DataFrame) -> bool:
        """Whether any row goes."""


@dataclass(frozen=True)
class Gone:
    """Every key, once, whose hash is `part` modulo `parts`. All parts together are all keys.

    Parameters
    ----------
    keys: of the key's columns; of none where all rows stay.
    hashes: of these keys, ascending, in the order of `keys`: a frame is looked up in them, since to
        join it would take all keys into a table anew for each frame.
    part, parts: which of them these are.
    ends: a column; rows that have a value in it stay whatever their key. "" for none.
    """

    keys: pl.DataFrame
    hashes: pl.Series
    part: int = 0
    parts: int = 1
    ends: str = ""

    @classmethod
    def of(
        cls, frames: Iterable[pl.DataFrame], part: int = 0, parts: int = 1, ends: str = ""
    ) -> Gone:
        """The keys of some frames, which have just the key's columns."""
        held = [
            frame.filter(hashes_of(frame, frame.columns) % parts == part) if parts > 1 else frame
            for frame in frames
        ]
        if not held:
            return cls(pl.DataFrame(), pl.Series(dtype=pl.UInt64), part, parts, ends)
        keys = pl.concat(held).unique()
        hashes = hashes_of(keys, keys.columns)
        order = hashes.arg_sort()
        return cls(keys[order], hashes.gather(order), part, parts, ends)

    @property
    def none(self) -> bool:
        return self.keys.is_empty()

    @property
    def columns(self) -> list[str]:
        return [*self.keys.columns, *([self.ends] if self.ends else [])]

    @property
    def bounds(self) -> Mapping[str, tuple[int, int]]:
        return {
            key.name: (int(key.min()), int(key.max()))  # type: ignore[arg-type]
            for key in self.keys.iter_columns()
            if key.dtype.is_integer() and len(key)
        }

    def stay(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of this part that have none of the keys; those of the other parts are theirs."""
        if not self.keys.columns:
            return rows
        hashes = self._hashes(rows)
        if self.parts > 1:
            own = hashes % self.parts == self.part
            rows, hashes = rows.filter(own), hashes.filter(own)
        near, some = self._near(rows, hashes)
        kept = rows.filter(~near)
        others = rows.filter(near).join(some, on=some.columns, how="anti")
        return kept if others.is_empty() else pl.concat([kept, others])

    def meets(self, rows: pl.DataFrame) -> bool:
        """Whether any row has one of the keys."""
        if self.keys.is_empty():
            return False
        near, some = self._near(rows, self._hashes(rows))
        return not rows.filter(near).join(some, on=some.columns, how="semi").is_empty()

    def _hashes(self, rows: pl.DataFrame) -> pl.Series:
        # Keys that are the same in other types have other hashes.
        kinds = self.keys.schema
        return hashes_of(rows.select(kinds.names()).cast(kinds), kinds.names())

    def _near(self, rows: pl.DataFrame, hashes: pl.Series) -> tuple[pl.Series, pl.DataFrame]:
        """Which of some rows have a key's hash, and the keys of those hashes."""
        low = self.hashes.search_sorted(hashes, side="left")
        high = self.hashes.search_sorted(hashes, side="right")
        near = high > low
        if self.ends:
            near &= rows[self.ends].is_null()
        spans = pl.DataFrame({"low": low, "high": high}).filter(near).unique()
        at = spans.select(pl.int_ranges("low", "high").explode()).to_series()
        return near, self.keys[at.drop_nulls()]


@dataclass(frozen=True)
class Inside:
    """The rows of a window.

    Parameters
    ----------
    window: by the table's column.
    fields: as they lie; the window's column is of a type that keeps the order.
    entity: the name used in errors.
    """

    window: Window
    fields: Schema
    entity: str

    @property
    def none(self) -> bool:
        return False

    @property
    def columns(self) -> list[str]:
        return [self.window.column]

    @property
    def bounds(self) -> Mapping[str, tuple[int, int]]:
        low, high = self.window.lower, self.window.upper
        if not isinstance(low, int) or not isinstance(high, int):
            return {}
        told = self.fields[self.window.column].type.is_integer and max(-low, high) < 1 << 63
        return {self.window.column: (low, high)} if told else {}

    def stay(self, rows: pl.DataFrame) -> pl.DataFrame:
        return rows.filter(~self.among(rows))

    def meets(self, rows: pl.DataFrame) -> bool:
        return bool(self.among(rows).any())

    def among(self, rows: pl.DataFrame) -> pl.Series:
        """Of each row, whether it is in the window."""
        return is_within(rows, self.window, self.fields, self.entity)


def among(some: pl.Series, hashes: pl.Series) -> pl.Series:
    """Of each hash, whether it is among some that are in order."""
    low = some.search_sorted(hashes, side="left")
    return some.search_sorted(hashes, side="right") > low


def hashes_of(rows: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """A hash of each row's key, the same for keys that are the same, as long as a process lasts."""
    return rows.select(keys).hash_rows(seed=0).alias("")
