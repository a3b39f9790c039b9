"""Merging by key in bounded memory: rows live in buckets by the hash of their key.

A bucket is a leaf of a binary tree over the hash's lowest bits (extendible hashing, Fagin et al.
1979): one that outgrows its bound is split in two, and the others stay as they are. A merge reads
and writes only the buckets that new rows fall into.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hygge.core.context import CancelToken
from hygge.core.fields import Schema
from hygge.core.steps import reached
from hygge.core.terms import check_vanished
from hygge.files.fold import Fold, Gone, once
from hygge.files.format import Format
from hygge.files.ipc import IPCFormat
from hygge.files.manifest import Held
from hygge.files.parts import Bucket, Part, PartWriter, whole
from hygge.files.rewrite import Sizes, widened

LEAF_BYTES = 64 << 20
"""A bucket's bound in memory; merging one needs about three times as much."""
SPILL_BYTES = 96 << 20
"""Rows sorted into buckets wait in memory up to this, then on disk."""
MAX_DEPTH = 20
KEYS = "keys"
"""The folder of a stage where the keys lie that the source has."""
_WAITING = IPCFormat(compression="lz4")


@dataclass(frozen=True)
class Layout:
    """How a destination's rows are spread over buckets.

    Parameters
    ----------
    keys: the key's columns.
    types: their types, as text: the hash depends on them.
    canary: hashes of fixed values. Polars' hash is not promised to stay the same between its
        versions; where these differ, every bucket is filled anew.
    leaves: every bucket; together they cover every hash once.
    """

    keys: tuple[str, ...]
    types: tuple[str, ...]
    canary: tuple[int, ...]
    leaves: tuple[Bucket, ...]

    @classmethod
    def of(cls, keys: Sequence[str], fields: Schema, leaves: Sequence[Bucket]) -> Layout:
        types = tuple(str(fields[k].type) for k in keys)
        return cls(tuple(keys), types, _canary(keys, fields), tuple(sorted(leaves)))

    def to_json(self) -> dict[str, Any]:
        return {
            "keys": list(self.keys), "types": list(self.types), "canary": list(self.canary),
            "leaves": [list(leaf) for leaf in self.leaves],
        }  # fmt: skip

    @classmethod
    def from_json(cls, value: Any) -> Layout | None:
        """A stored layout; None where there is none or it cannot be read: it can be made anew."""
        try:
            return cls(
                tuple(value["keys"]), tuple(value["types"]), tuple(value["canary"]),
                tuple((int(depth), int(bits)) for depth, bits in value["leaves"]),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError):
            return None

    def index(self) -> tuple[int, list[int]]:
        """A mask, and for each value of the masked hash the number of its leaf."""
        deepest = max(depth for depth, _ in self.leaves)
        table = [0] * (1 << deepest)
        for number, (depth, bits) in enumerate(self.leaves):
            for slot in range(bits, 1 << deepest, 1 << depth):
                table[slot] = number
        return (1 << deepest) - 1, table


def hashes(frame: pl.DataFrame, keys: Sequence[str]) -> pl.Series:
    """A hash of each row's key, as uint64."""
    return frame.select(keys).hash_rows(seed=0)


def _canary(keys: Sequence[str], fields: Schema) -> tuple[int, ...]:
    probe = []
    for key in keys:
        dtype = fields[key].type.physical
        text = pl.Series(["", "0", "hygge"])
        values = text if dtype == pl.String else pl.Series([0, 1, 77]).cast(dtype, strict=False)
        probe.append(values.cast(dtype).alias(key))
    return tuple(hashes(pl.DataFrame(probe), keys).to_list())


def full_tree(depth: int) -> list[Bucket]:
    """Every bucket of one depth."""
    return [(depth, bits) for bits in range(1 << depth)]


def depth_for(size: int) -> int:
    """How deep a tree must be for so many bytes to fit its buckets, with room to grow."""
    depth = 0
    while depth < MAX_DEPTH and size > (LEAF_BYTES // 2) << depth:
        depth += 1
    return depth


class Sorter:
    """Sorts rows into buckets, in memory while they are few, else on disk."""

    def __init__(self, folder: Path, layout: Layout) -> None:
        self._folder, self._keys = folder, layout.keys
        self._mask, table = layout.index()
        self._table = pl.Series(table, dtype=pl.UInt32)
        self._rows: dict[int, list[pl.DataFrame]] = {}
        self._files: dict[int, list[Path]] = {}
        self._memory = self._spills = 0

    def add(self, frame: pl.DataFrame) -> None:
        """Take rows of any bucket."""
        if not frame.height:
            return
        if len(self._table) == 1:
            shares: Mapping[Any, pl.DataFrame] = {(0,): frame}
        else:
            slots = (hashes(frame, self._keys) & self._mask).cast(pl.UInt32)
            leaf = self._table.gather(slots).alias("__leaf")
            shares = frame.with_columns(leaf).partition_by(
                "__leaf", as_dict=True, include_key=False
            )
        for (number,), share in shares.items():
            self._rows.setdefault(int(number), []).append(share)
        self._memory += int(frame.estimated_size())
        if self._memory > SPILL_BYTES:
            self._spill()

    def _spill(self) -> None:
        self._folder.mkdir(exist_ok=True)
        for number, frames in self._rows.items():
            path = self._folder / f"{number}-{self._spills}.arrow"
            _WAITING.write(pl.concat(frames), path)
            self._files.setdefault(number, []).append(path)
        self._rows, self._memory = {}, 0
        self._spills += 1

    def touched(self) -> set[int]:
        """The numbers of the leaves that have rows."""
        return {*self._rows, *self._files}

    def take(self, number: int, fields: Schema) -> pl.DataFrame:
        """All rows of one leaf; its memory is the caller's from now on."""
        frames = [pl.read_ipc(p) for p in self._files.pop(number, ())]
        frames += self._rows.pop(number, [])
        return pl.concat(frames) if frames else fields.empty()


class Merge:
    """Brings a load's rows into what a destination holds, by their keys.

    Parameters
    ----------
    stage: new rows wait in its `incoming`, and keys that the source has in its `keys`, if it was
        asked for them; the next generation is made in its `new`.
    held: what the destination holds.
    form: its format.
    fold: how rows go into a bucket.
    coming: the fields of the rows that wait.
    sizes: of a part.
    cancel: checked between buckets.
    stem: what names of new parts begin with.
    """

    def __init__(
        self,
        stage: Any,
        held: Held,
        form: Format,
        fold: Fold,
        coming: Schema,
        sizes: Sizes,
        cancel: CancelToken,
        *,
        stem: str,
    ) -> None:
        self._stage, self._held, self._format = stage, held, form
        self._fold, self._fields, self._coming = fold, fold.fields, coming
        self._sizes, self._cancel, self._stem = sizes, cancel, stem
        self._keys, self._entity = fold.request.keys, fold.request.entity
        self._old_fields = held.state.fields if held.state else fold.fields
        self._gone = Gone()
        self._parts: list[Part] = []
        self._leaves: list[Bucket] = []

    def run(self, coming: Sequence[Part]) -> tuple[list[Part], dict[str, Any]]:
        """Merge.

        Returns
        -------
        The parts of the new generation, and its layout for the state.

        Raises
        ------
        DataError: two rows that differ have one key.
        GuardError: too many rows are gone at the source.
        """
        layout, fits = self._layout(coming)
        finding = self._fold.request.terms.finds
        keys = self._keys_present(layout) if finding else None
        arriving = Sorter(self._stage.folder / "arriving", layout)
        for part in coming:
            for piece in _WAITING.read(self._stage.incoming / part.name, self._coming):
                self._cancel.check()
                arriving.add(piece)
                if keys is not None and self._fold.request.terms.whole:
                    keys.add(piece.select(self._keys))
            (self._stage.incoming / part.name).unlink()
        present = Sorter(self._stage.folder / "present", layout)
        if not fits:
            for piece in self._read(self._held.parts):
                present.add(piece)
        by_leaf: dict[Bucket | None, list[Part]] = {}
        for part in self._held.parts:
            by_leaf.setdefault(part.bucket, []).append(part)
        rewrite = self._old_fields.physical != self._fields.physical
        touched = arriving.touched()
        key_fields = Schema(self._coming[key] for key in self._keys)
        for number, leaf in enumerate(layout.leaves):
            self._cancel.check()
            parts = by_leaf.get(leaf, [])
            if fits and number not in touched and not rewrite and (keys is None or not parts):
                self._keep(leaf, parts)
                continue
            if fits:
                pieces = list(self._read(parts))
                old = pl.concat(pieces) if pieces else self._fields.empty()
            else:
                old = present.take(number, self._fields)
                if not self._fold.many:
                    where = "the destination"
                    old = once(old, self._keys, entity=self._entity, where=where)
            new = arriving.take(number, self._coming)
            here = keys.take(number, key_fields) if keys is not None else None
            found = self._fold.run(old, new, here)
            self._gone = self._gone.plus(found.gone)
            if fits and not rewrite and found.rows.equals(old, null_equal=True):
                self._keep(leaf, parts)
            else:
                self._write(leaf, found.rows)
        terms = self._fold.request.terms
        check_vanished(self._entity, self._gone.vanished, self._gone.living, terms)
        reached("files.linked")
        return self._parts, Layout.of(self._keys, self._fields, self._leaves).to_json()

    def _keys_present(self, layout: Layout) -> Sorter:
        """The keys that the source has, as far as they were brought by themselves."""
        keys = Sorter(self._stage.folder / "keys-present", layout)
        folder = self._stage.folder / KEYS
        fields = Schema(self._coming[key] for key in self._keys)
        for path in sorted(folder.iterdir()) if folder.is_dir() else ():
            for piece in _WAITING.read(path, fields):
                self._cancel.check()
                keys.add(piece)
        return keys

    def _layout(self, coming: Sequence[Part]) -> tuple[Layout, bool]:
        """The buckets to sort into, and whether the parts held are spread over just these."""
        extra = self._held.state.extra if self._held.state else {}
        stored = Layout.from_json(extra.get("layout"))
        if stored is not None and stored == Layout.of(self._keys, self._fields, stored.leaves):
            known = set(stored.leaves)
            if all(p.bucket in known for p in self._held.parts):
                return stored, True
        size = sum(p.memory for p in (*self._held.parts, *coming))
        return Layout.of(self._keys, self._fields, full_tree(depth_for(size))), False

    def _read(self, parts: Sequence[Part]) -> Iterator[pl.DataFrame]:
        for part in parts:
            path = self._stage.destination / part.name
            for piece in self._format.read(path, self._old_fields):
                self._cancel.check()
                yield widened(piece, self._fields, self._entity)

    def _keep(self, leaf: Bucket, parts: Sequence[Part]) -> None:
        self._leaves.append(leaf)
        for part in parts:
            self._stage.keep(part)
            self._parts.append(part)

    def _write(self, leaf: Bucket, rows: pl.DataFrame) -> None:
        depth, bits = leaf
        if depth < MAX_DEPTH and rows.estimated_size() > LEAF_BYTES:
            high = (hashes(rows, self._keys) & (1 << depth)) != 0
            self._write((depth + 1, bits), rows.filter(~high))
            self._write((depth + 1, bits | 1 << depth), rows.filter(high))
            return
        self._leaves.append(leaf)
        writer = PartWriter(
            self._stage.new, f"{self._stem}-b{depth:02d}.{bits:05x}", self._format,
            part_rows=self._sizes.rows, part_bytes=self._sizes.bytes, bucket=leaf,
        )  # fmt: skip
        with whole(writer):
            writer.add(rows)
        self._parts += writer.parts
