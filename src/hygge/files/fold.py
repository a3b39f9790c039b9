"""The modes over the rows of one bucket: from what was there and what comes to what is there after.

Values in, values out; see `docs/modes.md` for the equations. All rows of a key are in one bucket.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from hygge.core.conform import conform
from hygge.core.errors import DataError
from hygge.core.fields import Schema
from hygge.core.load import LoadRequest
from hygge.core.terms import Deletes, Terms

_KEY = "__hygge_key"


@dataclass(frozen=True)
class Gone:
    """Rows that were not gone before a load, and those of them that are now: found, or deleted for
    coming marked."""

    living: int = 0
    vanished: int = 0

    def plus(self, other: Gone) -> Gone:
        """Both together."""
        return Gone(self.living + other.living, self.vanished + other.vanished)


@dataclass(frozen=True)
class Folded:
    """A bucket after a load: what it holds, and what was gone."""

    rows: pl.DataFrame
    gone: Gone = Gone()


@dataclass(frozen=True)
class Fold:
    """How a load's rows go into a bucket.

    Parameters
    ----------
    request: of the load.
    fields: those the destination is to have.
    """

    request: LoadRequest
    fields: Schema

    @property
    def keys(self) -> list[str]:
        return list(self.request.keys)

    @property
    def _terms(self) -> Terms:
        return self.request.terms

    @property
    def _mark(self) -> str:
        """The column of rows that come marked, which is not stored; "" for none."""
        deletes = self._terms.deletes
        stored = self.request.stored.names
        return deletes.column if deletes and deletes.marked and deletes.column not in stored else ""

    @property
    def many(self) -> bool:
        """Whether a key may be there in several rows."""
        return self.request.mode in ("delete_insert", "scd2")

    def run(
        self, old: pl.DataFrame, new: pl.DataFrame, present: pl.DataFrame | None = None
    ) -> Folded:
        """Bring rows in.

        Parameters
        ----------
        old: what is there, with the destination's fields.
        new: what comes, with the load's.
        present: the keys that the source has, for a load that looks for what is gone; or those of
            rows that it tells to be gone.

        Raises DataError where a key comes in rows that differ.
        """
        gone = Gone()
        deletes, finds = self._terms.deletes, self._terms.finds and present is not None
        if deletes is not None and present is not None and finds:
            old, gone = self._vanish(old, present, deletes)
        if self.request.mode != "delete_insert":
            new = once(
                new, self.keys, latest=self._terms.latest, unlike=self._terms.unlike,
                entity=self.request.entity, where="one load",
            )  # fmt: skip
        if self.request.mode == "scd2":
            return Folded(self._versioned(old, new), gone)
        rows, marked = self._merged(old, new)
        living = 0 if finds else old.height
        return Folded(rows, gone.plus(Gone(living, marked)))

    def _merged(self, old: pl.DataFrame, new: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        """The rows, and how many of those there went for coming marked."""
        new = self._not_older(old, new)
        come, marked = self._unmarked(new), 0
        if self._mark and old.height:
            left = new.join(come.select(self.keys), on=self.keys, how="anti")
            marked = int(_among(old, left, self.keys).sum())
        if old.height and new.height:
            old = old.join(new.select(self.keys), on=self.keys, how="anti")
        return self._joined(old, come), marked

    def _versioned(self, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        versions, at = self._terms.versions, self._terms.at
        current = old.filter(pl.col(versions.valid_to).is_null())
        new = self._not_older(current, new)
        untold = {*self.keys, *self._terms.unlike, self._mark}
        told = [n for n in new.columns if n not in untold]
        suffix = "__hygge_there"
        pairs = new.join(current, on=self.keys, how="left", suffix=suffix, coalesce=True)
        there = pl.col(versions.current).is_not_null()
        differs = pl.any_horizontal(
            pl.lit(False), *(pl.col(n).ne_missing(pl.col(n + suffix)) for n in told)
        )
        marked = pl.col(self._mark).is_not_null() if self._mark else pl.lit(False)
        closed = pairs.filter(there & (differs | marked)).select(self.keys)
        begun = pairs.filter((~there | differs) & ~marked).select(self.keys)
        old = self._closed(old, closed)
        opened = new.join(begun, on=self.keys, how="semi").with_columns(
            pl.lit(at).alias(versions.valid_from),
            pl.lit(None, dtype=pl.Datetime("us", "UTC")).alias(versions.valid_to),
            pl.lit(True).alias(versions.current),
        )
        return self._joined(old, opened.drop(self._mark) if self._mark else opened)

    def _closed(self, old: pl.DataFrame, keys: pl.DataFrame) -> pl.DataFrame:
        """The rows, where the current versions of some keys end now."""
        if not keys.height:
            return old
        versions = self._terms.versions
        ends = pl.col(versions.valid_to).is_null() & _among(old, keys, self.keys)
        return old.with_columns(
            pl.when(ends).then(pl.lit(self._terms.at)).otherwise(pl.col(versions.valid_to))
            .alias(versions.valid_to),
            pl.when(ends).then(pl.lit(False)).otherwise(pl.col(versions.current))
            .alias(versions.current),
        )  # fmt: skip

    def vanishing(self, old: pl.DataFrame, present: pl.DataFrame) -> tuple[pl.Series, Gone]:
        """Of each row that is there, whether it goes, or changes, for being gone at the source or
        for being back; and how many were not gone, and are now.

        Parameters
        ----------
        old: of the key's columns, the marks' (`soft`) or those of versions (`scd2`) at least.
        present: as `run` has it.
        """
        deletes = self._terms.deletes
        assert deletes is not None  # asked only by loads that look for what is gone
        alive, here = self._alive(old, deletes), self._here(old, present, deletes)
        gone = alive & ~here
        counts = Gone(int(alive.sum()), int(gone.sum()))
        settled = self.request.mode == "scd2" or deletes.hard or deletes.marked or deletes.told
        return gone if settled else gone | (~alive & here), counts

    def _alive(self, old: pl.DataFrame, deletes: Deletes) -> pl.Series:
        """Of each row, whether it is not gone yet."""
        if self.request.mode == "scd2":
            return old[self._terms.versions.valid_to].is_null()
        if deletes.hard:
            return pl.repeat(True, old.height, dtype=pl.Boolean, eager=True)
        return old[deletes.column].is_null()

    def _here(self, old: pl.DataFrame, present: pl.DataFrame, deletes: Deletes) -> pl.Series:
        """Of each row, whether the source has its key."""
        here = _among(old, present, self.keys)
        return ~here if deletes.told else here  # told are the keys of rows that are gone

    def _vanish(
        self, old: pl.DataFrame, present: pl.DataFrame, deletes: Deletes
    ) -> tuple[pl.DataFrame, Gone]:
        """What is there after rows that are gone at the source have been dealt with."""
        closing, alive = self.request.mode == "scd2", self._alive(old, deletes)
        here = self._here(old, present, deletes)
        gone = alive & ~here
        counts = Gone(int(alive.sum()), int(gone.sum()))
        if closing:
            return self._closed(old, old.filter(gone).select(self.keys).unique()), counts
        if deletes.hard:
            return old.filter(~gone), counts
        mark = pl.when(gone).then(pl.lit(self._terms.at)).otherwise(pl.col(deletes.column))
        if not (deletes.marked or deletes.told):
            mark = pl.when(here).then(None).otherwise(mark)
        return old.with_columns(mark.alias(deletes.column)), counts

    def _not_older(self, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        """What comes, without rows that are older than what is there."""
        latest = self._terms.latest
        if not latest or not old.height or not new.height:
            return new
        there = old.select(*self.keys, pl.col(latest).alias("__hygge_there"))
        pairs = new.join(there, on=self.keys, how="left", maintain_order="left")
        later = pl.col("__hygge_there").is_not_null() & (
            pl.col(latest).is_null() | (pl.col(latest) < pl.col("__hygge_there"))
        )
        return pairs.filter(~later).drop("__hygge_there")

    def _unmarked(self, new: pl.DataFrame) -> pl.DataFrame:
        mark = self._mark
        return new.filter(pl.col(mark).is_null()).drop(mark) if mark else new

    def _joined(self, old: pl.DataFrame, new: pl.DataFrame) -> pl.DataFrame:
        if not new.height:
            return old
        lacking = [
            pl.lit(None, dtype=f.type.physical).alias(f.name)
            for f in self.fields
            if f.name not in new.columns
        ]
        whole = conform(new.with_columns(lacking), self.fields, entity=self.request.entity)
        return pl.concat([old, whole]) if old.height else whole


def _among(rows: pl.DataFrame, keys: pl.DataFrame, by: Sequence[str]) -> pl.Series:
    """Of each row, whether its key is among those."""
    if not keys.height:
        return pl.repeat(False, rows.height, dtype=pl.Boolean, eager=True)
    marked = keys.select(by).unique().with_columns(pl.lit(True).alias(_KEY))
    found = rows.select(by).join(marked, on=list(by), how="left", maintain_order="left")
    return found[_KEY].fill_null(False)


def once(
    rows: pl.DataFrame,
    keys: Sequence[str],
    *,
    latest: str = "",
    unlike: Sequence[str] = (),
    entity: str,
    where: str,
) -> pl.DataFrame:
    """One row of each key: the latest, if a column says which that is.

    Parameters
    ----------
    unlike: columns that make no row another.
    entity, where: for errors.

    Raises DataError where other rows of one key differ.
    """
    by = list(keys)
    doubled = rows.select(pl.struct(by).is_duplicated()).to_series()
    if not doubled.any():
        return rows
    if latest:
        # NaN is the greatest, as databases and `_not_older` have it; `max` would leave it out.
        best = pl.col(latest).eq_missing(pl.col(latest).nan_max().over(by))
        rows = rows.filter(best)
    told = [n for n in rows.columns if n not in unlike]
    rows = rows.unique(subset=told, maintain_order=True)
    doubled = rows.select(pl.struct(by).is_duplicated()).to_series()
    if doubled.any():
        first = rows.filter(doubled).select(by).row(0, named=True)
        shown = ", ".join(f"{k}={v!r}" for k, v in first.items())
        also = f" and the same {latest}" if latest else ""
        raise DataError(
            f"{entity}: {where} has rows that differ under one key, {shown}{also}",
            hint="add the columns that tell them apart to `key_column`, or say by `deduplicate: "
            "latest by COLUMN` which row counts",
        )
    return rows
