"""Rows that wait to be brought in, each key once where it must be, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from hygge.core.errors import DataError
from hygge.lake.shelf import Shelf

MOST = 8_000_000
"""Hashes of keys that are held at a time, 8 bytes each; of more rows, keys are read repeatedly."""
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
    ) -> None:
        self._shelf, self._names, self._keys = shelf, list(names), list(keys)
        self._doubled = self._found_twice(rows) if once else pl.Series(dtype=pl.UInt64)
        self._again = None if self._doubled.is_empty() else self._compared(entity)

    @property
    def is_unique(self) -> bool:
        """Whether no key comes twice, as far as that matters."""
        return self._doubled.is_empty()

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows, in pieces; those that are the same as one, where they must be."""
        for frame in self._pieces():
            yield frame.filter(~self._twice(frame)) if self._again is not None else frame
        if self._again is not None:
            yield self._again

    def keys(self) -> pl.DataFrame | None:
        """Every key that comes, once; None where there is no key."""
        if not self._keys:
            return None
        pieces = [f.select(self._keys).unique() for f in self._pieces(self._keys)]
        return pl.concat(pieces).unique() if pieces else None

    def with_keys(self) -> Iterator[pl.DataFrame]:
        """The rows and, beside them, each piece's keys, told apart by the column COMES."""
        for frame in self._pieces():
            yield frame.with_columns(pl.lit(True).alias(COMES))
            lacking = [
                pl.lit(None, dtype=dtype).alias(name)
                for name, dtype in frame.schema.items()
                if name not in self._keys
            ]
            own = frame.select(self._keys).unique().with_columns(lacking).select(frame.columns)
            yield own.with_columns(pl.lit(False).alias(COMES))

    def _pieces(self, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        for name in self._names:
            yield from self._shelf.frames(name, columns)

    def _found_twice(self, rows: int) -> pl.Series:
        """Hashes of the keys that come in more than one row, and perhaps of a few others."""
        passes = -(-rows // MOST) or 1
        found = [pl.Series(dtype=pl.UInt64)]
        for at in range(passes):
            hashes = (_hashes(frame, self._keys) for frame in self._pieces(self._keys))
            held = [h.filter(h % passes == at) if passes > 1 else h for h in hashes]
            whole = pl.concat([found[0], *held]).rename("")
            found.append(whole.filter(whole.is_duplicated()).unique())
        return pl.concat(found)

    def _compared(self, entity: str) -> pl.DataFrame:
        """The rows whose keys were found twice, those that are the same as one."""
        rows = pl.concat([f.filter(self._twice(f)) for f in self._pieces()])
        rows = rows.unique(maintain_order=True)
        differ = rows.select(pl.struct(self._keys).is_duplicated()).to_series()
        if differ.any():
            first = rows.filter(differ).select(self._keys).row(0, named=True)
            shown = ", ".join(f"{k}={v!r}" for k, v in first.items())
            raise DataError(
                f"{entity}: one load has rows that differ under one key, {shown}",
                hint="add the columns that tell them apart to `key_column`",
            )
        return rows

    def _twice(self, frame: pl.DataFrame) -> pl.Series:
        return _hashes(frame, self._keys).is_in(self._doubled.implode())


def _hashes(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    return frame.select(keys).hash_rows(seed=0).alias("")
