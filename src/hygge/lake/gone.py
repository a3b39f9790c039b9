"""Keys of which old rows go: as many at a time as fit memory, looked up frame by frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl


@dataclass(frozen=True)
class Gone:
    """Every key, once, whose hash is `part` modulo `parts`. All parts together are all keys.

    Parameters
    ----------
    keys: of the key's columns; of none where all rows stay.
    hashes: of these keys, ascending, in the order of `keys`: a frame is looked up in them, since to
        join it would take all keys into a table anew for each frame.
    part, parts: which of them these are.
    """

    keys: pl.DataFrame
    hashes: pl.Series
    part: int = 0
    parts: int = 1

    @classmethod
    def of(cls, frames: Iterable[pl.DataFrame], part: int = 0, parts: int = 1) -> Gone:
        """The keys of some frames, which have just the key's columns."""
        held = [
            frame.filter(hashes_of(frame, frame.columns) % parts == part) if parts > 1 else frame
            for frame in frames
        ]
        if not held:
            return cls(pl.DataFrame(), pl.Series(dtype=pl.UInt64), part, parts)
        keys = pl.concat(held).unique()
        hashes = hashes_of(keys, keys.columns)
        order = hashes.arg_sort()
        return cls(keys[order], hashes.gather(order), part, parts)

    def stay(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows of this part that have none of the keys; those of the other parts are theirs."""
        if not self.keys.columns:
            return rows
        hashes = self._hashes(rows)
        if self.parts > 1:
            own = hashes % self.parts == self.part
            rows, hashes = rows.filter(own), hashes.filter(own)
        near, some = self._near(hashes)
        kept = rows.filter(~near)
        others = rows.filter(near).join(some, on=some.columns, how="anti")
        return kept if others.is_empty() else pl.concat([kept, others])

    def meets(self, rows: pl.DataFrame) -> bool:
        """Whether any row has one of the keys."""
        if self.keys.is_empty():
            return False
        near, some = self._near(self._hashes(rows))
        return not rows.filter(near).join(some, on=some.columns, how="semi").is_empty()

    def _hashes(self, rows: pl.DataFrame) -> pl.Series:
        # Keys that are the same in other types have other hashes.
        kinds = self.keys.schema
        return hashes_of(rows.select(kinds.names()).cast(kinds), kinds.names())

    def _near(self, hashes: pl.Series) -> tuple[pl.Series, pl.DataFrame]:
        """Which of some rows have a key's hash, and the keys of those hashes."""
        low = self.hashes.search_sorted(hashes, side="left")
        high = self.hashes.search_sorted(hashes, side="right")
        near = high > low
        spans = pl.DataFrame({"low": low, "high": high}).filter(near).unique()
        at = spans.select(pl.int_ranges("low", "high").explode()).to_series()
        return near, self.keys[at.drop_nulls()]


def hashes_of(rows: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """A hash of each row's key, the same for keys that are the same, as long as a process lasts."""
    return rows.select(keys).hash_rows(seed=0).alias("")
