"""Merging by key in bounded memory, bucket by bucket: those that new rows fall into are read and
written, the others stay as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import polars as pl

from hygge.core.context import CancelToken
from hygge.core.fields import Schema
from hygge.core.steps import reached
from hygge.core.terms import check_vanished
from hygge.files.buckets import (
    WAITING,
    Layout,
    Sorter,
    depth_for,
    full_tree,
    halves,
    outgrown,
)
from hygge.files.fold import Fold, Gone, once
from hygge.files.format import Format
from hygge.files.manifest import Held
from hygge.files.parts import Bucket, Part, PartWriter, whole
from hygge.files.rewrite import Sizes, widened

KEYS = "keys"
"""The folder of a stage where the keys lie that the source has."""


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
            for piece in WAITING.read(self._stage.incoming / part.name, self._coming):
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
            for piece in WAITING.read(path, fields):
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
        if outgrown(depth, int(rows.estimated_size())):
            for half, share in halves(leaf, rows, self._keys):
                self._write(half, share)
            return
        self._leaves.append(leaf)
        writer = PartWriter(
            self._stage.new, f"{self._stem}-b{depth:02d}.{bits:05x}", self._format,
            part_rows=self._sizes.rows, part_bytes=self._sizes.bytes, bucket=leaf,
        )  # fmt: skip
        with whole(writer):
            writer.add(rows)
        self._parts += writer.parts
