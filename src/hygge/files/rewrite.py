"""Rewriting parts: to a wider schema, or many small ones into few of full size."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import polars as pl

from hygge.core.conform import conform
from hygge.core.context import CancelToken
from hygge.core.fields import Schema
from hygge.files.format import Format
from hygge.files.manifest import Held
from hygge.files.parts import Part, PartWriter, whole
from hygge.storage.path import AnyPath

MANY_PARTS = 64
"""From so many parts on, an append looks whether they are too small."""
SMALL = 4
"""A part is small if it has less than a quarter of the rows and bytes of a full one."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """How large a part is: rows, and bytes in memory, whichever comes first."""

    rows: int
    bytes: int

    def small(self, part: Part) -> bool:
        return part.rows * SMALL < self.rows and part.memory * SMALL < self.bytes


def needs_compacting(parts: Sequence[Part], sizes: Sizes) -> bool:
    """Whether there are many parts, and most of them small."""
    return len(parts) > MANY_PARTS and 2 * sum(map(sizes.small, parts)) > len(parts)


def coalesce(
    folder: AnyPath,
    parts: Sequence[Part],
    form: Format,
    fields: Schema,
    writer: PartWriter,
    shape: Callable[[pl.DataFrame], pl.DataFrame],
    *,
    which: Callable[[Part], bool],
    cancel: CancelToken,
) -> list[Part]:
    """Rewrite some parts into full ones.

    Parameters
    ----------
    folder: where the parts lie.
    parts: all of them.
    form, fields: how they are read.
    writer: where their rows go.
    shape: applied to every piece on the way.
    which: the parts to rewrite; the others stay as they are.
    cancel: checked between pieces.

    Returns
    -------
    The parts that stay, then the new ones. Where it fails, the writer has discarded its own.
    """
    stay = [p for p in parts if not which(p)]
    with whole(writer):
        for part in parts:
            if which(part):
                for piece in form.read(folder / part.name, fields):
                    cancel.check()
                    writer.add(shape(piece))
    return stay + writer.parts


def valued(folder: AnyPath, held: Held, form: Format, column: str) -> int:
    """How many rows of a folder have a value in a column."""
    fields = held.state.fields if held.state is not None else Schema()
    return sum(
        piece[column].count()
        for part in held.parts
        for piece in form.read(folder / part.name, fields, [column])
    )


def widened(batch: pl.DataFrame, fields: Schema, entity: str) -> pl.DataFrame:
    """A batch with the columns it lacks as NULLs, every column as wide as the destination's."""
    if batch.schema == fields.physical:
        return batch
    lacking = [
        pl.lit(None, dtype=f.type.physical).alias(f.name)
        for f in fields
        if f.name not in batch.columns
    ]
    return conform(batch.with_columns(lacking), fields, entity=entity)
