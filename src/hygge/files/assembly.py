"""What the next generation of a destination is made of: parts that stay, and parts that come."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Protocol

from hygge.core.context import Context
from hygge.core.drift import target
from hygge.core.fields import Schema
from hygge.core.load import Load, LoadRequest, Mode, State, Writer
from hygge.core.steps import reached
from hygge.files.buckets import Merge
from hygge.files.format import Format
from hygge.files.manifest import Held
from hygge.files.parts import Part, PartWriter
from hygge.files.rewrite import Sizes, coalesce, needs_compacting, widened
from hygge.files.writer import SPILL, FileWriter, Ticket
from hygge.storage.path import AnyPath

COMPACTED_AT = "compacted_at"
"""Where a state keeps when its parts were last joined because it was due."""


class AnyStage(Protocol):
    """What a load needs of its stage, here or elsewhere."""

    @property
    def destination(self) -> AnyPath: ...
    @property
    def new(self) -> AnyPath: ...
    @property
    def incoming(self) -> Path: ...
    def keep(self, part: Part) -> None: ...


class PartsLoad(Load):
    """A load into a folder of parts, wherever that lies."""

    request: LoadRequest
    _stage: AnyStage
    _held: Held
    _format: Format
    _fields: Schema
    _sizes: Sizes
    _context: Context
    _place: str
    _compact: bool

    @property
    def ticket(self) -> Ticket:
        merging = self.request.mode == "merge"
        return Ticket(
            folder=self._stage.incoming if merging else self._stage.new,
            stem=self._stem, form=SPILL if merging else self._format, sizes=self._sizes,
            coming=self.request.fields, fields=self._fields,
            keys=self.request.keys if merging else (),
            entity=self.request.entity, place=self._place,
        )  # fmt: skip

    @property
    def _stem(self) -> str:
        return f"part-{self.request.generation + 1:06d}-{self.request.load_id[:8]}"

    def writer(self, chunk: int) -> Writer:
        return FileWriter(self.ticket, chunk, self._context)

    def _assemble(self, coming: tuple[Part, ...]) -> tuple[list[Part], dict[str, object] | None]:
        """Complete the new generation's folder; the parts it then has, and their buckets."""
        mode, held, stage = self.request.mode, self._held, self._stage
        if mode == "merge":
            merge = Merge(
                stage, held, self._format, self._fields, self.request.keys, self._sizes,
                self._context.cancel, stem=self._stem, entity=self.request.entity,
            )  # fmt: skip
            return merge.run(coming)
        if mode == "replace":
            link_parts(stage, ())
            return list(coming), None
        old = held.state.fields if held.state else self._fields
        rewrite = old.physical != self._fields.physical
        kept = list(held.parts)
        small = [p for p in held.parts if self._sizes.small(p)]
        self._compact = self._compact and len(small) > 1
        if rewrite or self._compact or needs_compacting((*held.parts, *coming), self._sizes):
            kept = self.joined(held.parts if rewrite else small)
        link_parts(stage, _unwritten(kept, held.parts))
        return [*kept, *coming], None

    def joined(self, which: Sequence[Part]) -> list[Part]:
        """The parts held, some of them rewritten into full ones with the fields to be."""
        held, stage = self._held, self._stage
        writer = PartWriter(
            stage.new, f"{self._stem}-kept", self._format,
            part_rows=self._sizes.rows, part_bytes=self._sizes.bytes,
        )  # fmt: skip
        return coalesce(
            stage.destination, held.parts, self._format,
            held.state.fields if held.state else self._fields, writer,
            lambda frame: widened(frame, self._fields, self.request.entity),
            which=lambda part: part in which, cancel=self._context.cancel,
        )  # fmt: skip

    def compacted(self, state: State) -> dict[str, str]:
        """When parts were last joined because it was due, for the state to keep."""
        if self._compact:
            return {COMPACTED_AT: state.committed_at}
        before = self._held.state.extra.get(COMPACTED_AT) if self._held.state else None
        return {COMPACTED_AT: before} if before else {}


def target_fields(mode: Mode, fields: Schema, held: Held, place: str) -> Schema:
    """The fields the destination will have. Raises SchemaDrift where a type cannot be bridged."""
    keeps = held.state is not None and mode != "replace"
    return target(held.state.fields if keeps and held.state else None, fields, place)


def _unwritten(parts: Iterable[Part], held: Sequence[Part]) -> list[Part]:
    names = {p.name for p in held}
    return [p for p in parts if p.name in names]


def link_parts(stage: AnyStage, parts: Iterable[Part]) -> None:
    """Have parts that stay in the new generation."""
    for part in parts:
        stage.keep(part)
    reached("files.linked")
