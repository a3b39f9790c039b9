"""Rows that wait to be brought in, each key once where it must be, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from hygge.core.errors import DataError
from hygge.core.fields import Schema
from hygge.lake.gone import Going, Gone, Inside, hashes_of
from hygge.lake.shelf import Shelf

MOST = 8_000_000
"""Hashes of keys that are held at a time, 8 bytes each; of more rows, keys are read repeatedly."""
KEYS = 2_000_000
"""Keys that are held at a time, and rows of keys that come twice; of more, rows are read
repeatedly."""
COMES = "__hygge_comes"
"""A column that is true for rows to insert, and false for keys of which old rows go."""


class Coming:
    """The rows that lie in some files.

    Parameters
    ----------
    shelf, names: where they lie.
    rows: how many they are.
    keys: the key's columns; none where there is no key.
    once: whether rows of one key must be the same, and are one then.
    entity: the name used in errors.
    going: what lies of the keys whose rows go, and how many those are; the rows' own if not given.
    ends: see Gone.
    window: whose rows go, whatever their key; None where it is by keys.

    Raises
    ------
    DataError: rows that differ have one key.
    """

    def __init__(
        self,
        shelf: Shelf,
        names: Sequence[str],
        rows: int,
        keys: Sequence[str],
        *,
        once: bool,
        entity: str,
        going: tuple[Sequence[str], int] | None = None,
        ends: str = "",
        window: Inside | None = None,
    ) -> None:
        self._shelf, self._names, self._keys = shelf, list(names), list(keys)
        self._entity, self._ends, self._window = entity, ends, window
        self._apart = going is not None
        """Whether the keys whose rows go lie apart from the rows that come."""
        self._going, self._count = (list(names), rows) if going is None else going
        self._doubled = self._found_twice(rows) if once else pl.Series(dtype=pl.UInt64)
        self._alone: Gone | None = None
        """The keys, where they are one part."""
        for _ in self._again():  # which raises where rows differ
            pass

    @property
    def is_unique(self) -> bool:
        """Whether no key comes twice, as far as that matters."""
        return self._doubled.is_empty()

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows, in pieces; those that are the same as one, where they must be."""
        for frame in self._pieces():
            yield frame if self.is_unique else frame.filter(~self._of(frame, self._doubled))
        yield from self._again()

    def gone(self) -> Iterator[Going]:
        """The rows that go: those of every key, in parts of about KEYS, or of a window; one part of
        none where there is no key."""
        if self._window is not None:
            yield self._window
            return
        if self._alone is not None:
            yield self._alone
            return
        parts = -(-self._count // KEYS) or 1 if self._keys else 1
        for part in range(parts):
            keys = self._pieces(self._keys, self._going) if self._keys else ()
            found = Gone.of(keys, part, parts, self._ends)
            if parts == 1:
                self._alone = found
            yield found

    def with_keys(self, lying: Schema) -> Iterator[pl.DataFrame]:
        """The rows and, beside them, the keys whose rows go, told apart by the column COMES, in
        the columns as they lie."""
        lacking = [
            pl.lit(None, dtype=f.type.physical).alias(f.name)
            for f in lying
            if f.name not in self._keys
        ]

        def keys(frame: pl.DataFrame) -> pl.DataFrame:
            own = frame.select(self._keys).unique().with_columns(lacking)
            return own.select(*lying.names, pl.lit(False).alias(COMES))

        for frame in self._pieces():
            yield frame.select(*lying.names, pl.lit(True).alias(COMES))
            if not self._apart:
                yield keys(frame)
        for frame in self._pieces(self._keys, self._going) if self._apart else ():
            yield keys(frame)

    def _pieces(
        self, columns: Sequence[str] | None = None, names: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        for name in self._names if names is None else names:
            yield from self._shelf.frames(name, columns)

    def _found_twice(self, rows: int) -> pl.Series:
        """Hashes of the keys that come in more than one row, and perhaps of a few others."""
        passes = -(-rows // MOST) or 1
        found = [pl.Series(dtype=pl.UInt64)]
        for at in range(passes):
            hashes = (hashes_of(frame, self._keys) for frame in self._pieces(self._keys))
            held = [h.filter(h % passes == at) if passes > 1 else h for h in hashes]
            whole = pl.concat([found[0], *held]).rename("")
            found.append(whole.filter(whole.is_duplicated()).unique())
        return pl.concat(found)

    def _again(self) -> Iterator[pl.DataFrame]:
        """The rows whose keys were found twice, those that are the same as one; of so many keys at
        a time."""
        for at in range(0, len(self._doubled), KEYS):
            some = self._doubled[at : at + KEYS]
            held, height = list[pl.DataFrame](), 0
            for frame in self._pieces():
                held.append(frame.filter(self._of(frame, some)))
                height += held[-1].height
                if height > KEYS:
                    held, height = [self._distinct(held)], 0
            yield self._distinct(held)

    def _distinct(self, frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
        """The rows of some frames, once each. Raises DataError where one key has two."""
        rows = pl.concat(frames).unique(maintain_order=True)
        differ = rows.select(pl.struct(self._keys).is_duplicated()).to_series()
        if differ.any():
            first = rows.filter(differ).select(self._keys).row(0, named=True)
            shown = ", ".join(f"{k}={v!r}" for k, v in first.items())
            raise DataError(
                f"{self._entity}: one load has rows that differ under one key, {shown}",
                hint="add the columns that tell them apart to `key_column`",
            )
        return rows

    def _of(self, frame: pl.DataFrame, hashes: pl.Series) -> pl.Series:
        return hashes_of(frame, self._keys).is_in(hashes.implode())
