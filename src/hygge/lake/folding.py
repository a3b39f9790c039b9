"""Folding a load's rows into those of a table, by their keys and in bounded memory: what changes.

The equations are those of `files/fold.py`, one bucket of keys after another. Rows are sorted into
buckets in a temporary folder of this machine where they do not fit memory. Of a table only rows
whose key comes are read whole, and those found to be gone at the source, by their keys, or back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from hygge.core.context import CancelToken
from hygge.core.fields import Schema
from hygge.core.scratch import Scratch
from hygge.core.terms import check_vanished
from hygge.files.buckets import Layout, Sorter, depth_for, full_tree, outgrown
from hygge.files.fold import Fold, Gone
from hygge.lake.gone import among, hashes_of

MOST = 8_000_000
"""Hashes of keys, 8 bytes each, by which rows are told to matter; of more keys all rows are taken
to."""

Frames = Callable[[Sequence[str] | None], Iterator[pl.DataFrame]]
"""Rows in pieces, of some columns or of all."""
Bounds = Mapping[str, tuple[int, int]]
"""The least and the greatest value of columns of whole numbers; of others nothing is said."""
Take = Callable[[pl.DataFrame], None]


@dataclass(frozen=True)
class There:
    """The rows of a table that stay unless they go or change.

    Parameters
    ----------
    frames: these, as they are to lie; of some columns or of all, and at least those whose keys are
        within bounds.
    rows: how many they are, asked only where that matters.
    """

    frames: Callable[[Sequence[str] | None, Bounds], Iterator[pl.DataFrame]]
    rows: Callable[[], int]


@dataclass(frozen=True)
class Brought:
    """Keys that were brought by themselves, and how many they are."""

    frames: Frames
    rows: Callable[[], int]


class Folding:
    """One load's.

    Parameters
    ----------
    fold: how rows go into a bucket, with the fields as they are to lie.
    coming: the fields of the rows that come, as they lie.
    rows: these rows.
    keys: that the source has, or those it tells to be gone; None where none were brought.
    there: of the table; None where no rows stay.
    cancel: checked between pieces.
    """

    def __init__(
        self,
        fold: Fold,
        coming: Schema,
        rows: Frames,
        keys: Brought | None,
        there: There | None,
        cancel: CancelToken,
    ) -> None:
        self._fold, self._coming, self._rows = fold, coming, rows
        self._brought, self._there, self._cancel = keys, there, cancel
        self._keys, self._terms = fold.keys, fold.request.terms
        self._finds = self._terms.finds and there is not None
        self._folder = Path()

    def run(self, add: Take, leave: Take) -> None:
        """Fold.

        Parameters
        ----------
        add: takes rows that the table is to have.
        leave: takes the keys whose rows that were there are to go; those of versions that are
            closed already stay.

        Raises
        ------
        DataError: rows that differ have one key.
        GuardError: too many rows are gone at the source.
        """
        with Scratch() as self._folder:
            hashes, bounds, rows = self._looked_over()
            if self._there is None and hashes is not None and not (hashes == hashes.shift()).any():
                empty = self._fold.fields.empty()  # no key comes twice: each piece is a bucket
                for frame in self._pieces(self._rows(None)):
                    add(self._fold.run(empty, frame).rows)
                return
            gone = Gone()
            if self._finds:
                found, gone = self._found(rows)
                bounds = {}
                hashes = _together([hashes, found]) if hashes is not None and found is not None \
                    else None  # fmt: skip
            vanished = self._folded(hashes, bounds, rows, add, leave)
            living = gone.living
            if vanished and not self._finds and self._there is not None:
                living = self._there.rows()
            check_vanished(self._fold.request.entity, vanished, living, self._terms)

    def _looked_over(self) -> tuple[pl.Series | None, Bounds, int]:
        """Hashes of the keys that come, ascending, None for too many; their bounds; and how many
        rows there are."""
        held: list[pl.Series] | None = []
        rows = 0
        low, high = dict[str, int](), dict[str, int]()
        for frame in self._pieces(self._rows(self._keys)):
            rows += frame.height
            if held is not None:
                held.append(hashes_of(frame, self._keys))
            if rows > MOST:
                held = None
            for key in self._keys:
                if frame[key].dtype.is_integer() and frame.height:
                    least, most = int(frame[key].min()), int(frame[key].max())  # type: ignore[arg-type]
                    low[key] = min(low.get(key, least), least)
                    high[key] = max(high.get(key, most), most)
        bounds = {key: (low[key], high[key]) for key in low}
        hashes = None if held is None else pl.concat([_NONE, *held]).sort()
        return hashes, bounds, rows

    def _found(self, rows: int) -> tuple[pl.Series | None, Gone]:
        """Hashes of the keys whose rows are there and gone at the source, or back, ascending; None
        for too many. And how many rows are gone."""
        assert self._there is not None  # asked only where it is
        terms, fields = self._terms, self._fold.fields
        deletes, versions = terms.deletes, terms.versions
        more = [versions.valid_to] if self._fold.request.mode == "scd2" else []
        if deletes is not None and not (more or deletes.hard):
            more = [deletes.column]
        size = _size(self._there.frames([*self._keys, *more], {}), self._there.rows())
        layout = self._layout(size + self._size_present(rows))
        present, there = self._sorter("present", layout), self._sorter("keys-there", layout)
        for frame in self._pieces(self._present()):
            present.add(frame)
        for frame in self._pieces(self._there.frames([*self._keys, *more], {})):
            there.add(frame)
        key_fields = Schema(fields[key] for key in self._keys)
        narrow = Schema(fields[name] for name in [*self._keys, *more])
        found: list[pl.Series] | None = [_NONE]
        gone, count = Gone(), 0
        for number in range(len(layout.leaves)):
            self._cancel.check()
            old = there.take(number, narrow)
            hit, counts = self._fold.vanishing(old, present.take(number, key_fields))
            gone = gone.plus(counts)
            count += int(hit.sum())
            found = None if count > MOST else found
            if found is not None:
                found.append(hashes_of(old.filter(hit), self._keys))
        return None if found is None else _together(found), gone

    def _folded(
        self, hashes: pl.Series | None, bounds: Bounds, rows: int, add: Take, leave: Take
    ) -> int:
        """Fold bucket after bucket; returns how many rows vanish."""
        layout = self._layout(self._size_folded(hashes, bounds, rows))
        coming, old = self._sorter("coming", layout), self._sorter("there", layout)
        present = self._sorter("keys", layout) if self._finds else None
        for frame in self._pieces(self._rows(None)):
            coming.add(frame)
        if present is not None:
            for frame in self._pieces(self._present()):
                present.add(self._of(frame, hashes))
        closing = self._fold.request.mode == "scd2"
        frames = self._there.frames(None, bounds) if self._there is not None else iter(())
        for frame in self._pieces(frames):
            held = self._of(frame, hashes)
            ends = self._terms.versions.valid_to
            old.add(held.filter(pl.col(ends).is_null()) if closing else held)
        key_fields, vanished = Schema(self._fold.fields[key] for key in self._keys), 0
        for number, (depth, _) in enumerate(layout.leaves):
            self._cancel.check()
            keys = present.take(number, key_fields) if present is not None else None
            there = old.take(number, self._fold.fields)
            vanished += self._leaf(there, coming.take(number, self._coming), keys, depth, add,
                                   leave)  # fmt: skip
        return vanished

    def _leaf(
        self,
        old: pl.DataFrame,
        new: pl.DataFrame,
        present: pl.DataFrame | None,
        depth: int,
        add: Take,
        leave: Take,
    ) -> int:
        if outgrown(depth, int(old.estimated_size() + new.estimated_size())):
            halves = (_split(f, self._keys, depth) for f in (old, new, present))
            return sum(
                self._leaf(o, n, p, depth + 1, add, leave) for o, n, p in zip(*halves, strict=True)
            )
        folded = self._fold.run(old, new, present)
        if old.is_empty():
            add(folded.rows)
            return folded.gone.vanished
        differ = self._differing(old, folded.rows)
        leave(old.select(self._keys).unique().join(differ, on=self._keys, how="semi"))
        add(folded.rows.join(differ, on=self._keys, how="semi"))
        return folded.gone.vanished

    def _differing(self, old: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        """The keys whose rows are not as they were."""
        keys, suffix, mark = self._keys, "__hygge_now", "__hygge_same"
        if self._fold.request.mode == "delete_insert":  # a key may have any number of rows
            return pl.concat([old.select(keys), rows.select(keys)]).unique()
        if self._fold.request.mode == "scd2":
            rows = rows.filter(pl.col(self._terms.versions.valid_to).is_null())
        now = rows.with_columns(pl.lit(True).alias(mark))
        pairs = old.join(now, on=keys, how="left", suffix=suffix)
        others = [n for n in old.columns if n not in keys]
        differs = pl.any_horizontal(
            pl.col(mark).is_null(), *(pl.col(n).ne_missing(pl.col(n + suffix)) for n in others)
        )
        new = rows.select(keys).join(old.select(keys), on=keys, how="anti")
        return pl.concat([pairs.filter(differs).select(keys), new]).unique()

    def _present(self) -> Iterator[pl.DataFrame]:
        """The keys that the source has, or those it tells to be gone."""
        if self._brought is not None:
            yield from self._brought.frames(self._keys)
        if self._terms.whole:
            yield from self._rows(self._keys)

    def _size_present(self, rows: int) -> int:
        """About how many bytes these keys take in memory, of so many rows that come."""
        size = _size(self._rows(self._keys), rows) if self._terms.whole else 0
        if self._brought is not None:
            size += _size(self._brought.frames(self._keys), self._brought.rows())
        return size

    def _size_folded(self, hashes: pl.Series | None, bounds: Bounds, rows: int) -> int:
        """The same of all that is sorted into buckets to be folded."""
        size = _size(self._rows(None), rows)
        if self._there is None or (hashes is not None and not self._finds):
            return 2 * size  # each row may meet one
        held = self._there.rows() if hashes is None else len(hashes)
        size += _size(self._there.frames(None, bounds), held)
        return size + self._size_present(rows) if self._finds and hashes is None else size

    def _of(self, frame: pl.DataFrame, hashes: pl.Series | None) -> pl.DataFrame:
        """The rows that matter."""
        if hashes is None:
            return frame
        return frame.filter(among(hashes, hashes_of(frame, self._keys)))

    def _pieces(self, frames: Iterator[pl.DataFrame]) -> Iterator[pl.DataFrame]:
        for frame in frames:
            self._cancel.check()
            yield frame

    def _layout(self, size: int) -> Layout:
        return Layout(tuple(self._keys), (), (), tuple(sorted(full_tree(depth_for(size)))))

    def _sorter(self, name: str, layout: Layout) -> Sorter:
        return Sorter(self._folder / name, layout)


_NONE = pl.Series(dtype=pl.UInt64)


def _size(frames: Iterator[pl.DataFrame], rows: int) -> int:
    """About how many bytes so many rows take in memory, by the first that there are."""
    first = next((frame for frame in frames if frame.height), None)
    return 0 if first is None else int(first.estimated_size() * rows / first.height)


def _together(hashes: Sequence[pl.Series]) -> pl.Series:
    return pl.concat([h.rename("") for h in hashes]).sort()


def _split(
    frame: pl.DataFrame | None, keys: Sequence[str], depth: int
) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
    """A bucket's rows by the next bit of their keys' hashes."""
    if frame is None:
        return None, None
    high = (hashes_of(frame, keys) & (1 << depth)) != 0
    return frame.filter(~high), frame.filter(high)
