"""Buckets of rows by the hash of their key, so that each fits in memory.

A bucket is a leaf of a binary tree over the hash's lowest bits (extendible hashing, Fagin et al.
1979): one that outgrows its bound is split in two, and the others stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from hygge.core.fields import Schema
from hygge.files.ipc import IPCFormat
from hygge.files.parts import Bucket

LEAF_BYTES = 64 << 20
"""A bucket's bound in memory; merging one needs about three times as much."""
SPILL_BYTES = 96 << 20
"""Rows sorted into buckets wait in memory up to this, then on disk."""
MAX_DEPTH = 20
WAITING = IPCFormat(compression="lz4")
"""How rows lie on disk until their bucket's turn has come."""


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


def outgrown(depth: int, size: int) -> bool:
    """Whether a bucket of so many bytes is to be split in two."""
    return depth < MAX_DEPTH and size > LEAF_BYTES


def halves(
    leaf: Bucket, rows: pl.DataFrame, keys: Sequence[str]
) -> tuple[tuple[Bucket, pl.DataFrame], tuple[Bucket, pl.DataFrame]]:
    """The two buckets that a bucket is split into, and the rows of each."""
    depth, bits = leaf
    high = (hashes(rows, keys) & (1 << depth)) != 0
    return (
        ((depth + 1, bits), rows.filter(~high)),
        ((depth + 1, bits | 1 << depth), rows.filter(high)),
    )


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
            WAITING.write(pl.concat(frames), path)
            self._files.setdefault(number, []).append(path)
        self._rows, self._memory = {}, 0
        self._spills += 1

    def touched(self) -> set[int]:
        """The numbers of the leaves that have rows."""
        return {*self._rows, *self._files}

    def take(self, number: int, fields: Schema) -> pl.DataFrame:
        """All rows of one leaf; its memory is the caller's from now on."""
        frames = [pl.scan_ipc(p, glob=False).collect() for p in self._files.pop(number, ())]
        frames += self._rows.pop(number, [])
        return pl.concat(frames) if frames else fields.empty()
