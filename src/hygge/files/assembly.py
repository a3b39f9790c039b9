"""What the next generation of a destination is made of: parts that stay, and parts that come."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import polars as pl

from hygge.core.context import Context
from hygge.core.drift import target
from hygge.core.fields import Schema
from hygge.core.load import Load, LoadRequest, Writer, check_kept
from hygge.core.state import Mode, State
from hygge.core.steps import reached
from hygge.core.telling import telling
from hygge.core.terms import check_vanished
from hygge.files.fold import Fold
from hygge.files.format import Format
from hygge.files.manifest import Held
from hygge.files.merge import KEYS, Merge
from hygge.files.parts import Part, PartWriter
from hygge.files.rewrite import Sizes, coalesce, needs_compacting, widened
from hygge.files.windows import is_within
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
    @property
    def folder(self) -> Path: ...
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
    def waits(self) -> bool:
        """Whether rows wait in the stage until they are brought in by their keys."""
        request = self.request
        if request.mode == "replace":
            return bool(request.terms.latest) or request.sifts
        by_window = request.mode == "delete_insert" and request.terms.window is not None
        return request.mode != "append" and not by_window

    @property
    def staged(self) -> Schema:
        """The fields of the parts that are staged."""
        if not self.waits:
            return self._fields
        return Schema(self._fields.get(f.name) or f for f in self.request.fields)

    @property
    def ticket(self) -> Ticket:
        waits = self.waits
        return Ticket(
            folder=self._stage.incoming if waits else self._stage.new,
            stem=self._stem, form=SPILL if waits else self._format, sizes=self._sizes,
            coming=self.request.fields, fields=self.staged,
            keys=self.request.keys if waits else (),
            entity=self.request.entity, place=self._place,
        )  # fmt: skip

    def key_writer(self) -> Writer:
        """See Load. The keys wait in a folder of their own."""
        folder = self._stage.folder / KEYS
        with telling(self._place):
            folder.mkdir(exist_ok=True)
            for left in list(folder.iterdir()):
                left.unlink()
        ticket = replace(
            self.ticket, folder=folder, form=SPILL, coming=self._key_fields,
            fields=self._key_fields,
        )  # fmt: skip
        return FileWriter(ticket, 0, self._context)

    def staged_keys(self) -> int:
        folder = self._stage.folder / KEYS
        with telling(self._place):
            return sum(SPILL.rows(p, self._key_fields) for p in sorted(folder.iterdir()))

    @property
    def _key_fields(self) -> Schema:
        return Schema(self.staged[key] for key in self.request.keys)

    @property
    def _stem(self) -> str:
        return f"part-{self.request.generation + 1:06d}-{self.request.load_id[:8]}"

    def writer(self, chunk: int) -> Writer:
        return FileWriter(self.ticket, chunk, self._context)

    def _assemble(self, coming: tuple[Part, ...]) -> tuple[list[Part], dict[str, object] | None]:
        """Complete the new generation's folder; the parts it then has, and their buckets."""
        mode, held, stage = self.request.mode, self._held, self._stage
        if self.waits:
            merge = Merge(
                stage, held if mode != "replace" else Held(None, ()), self._format,
                Fold(self.request, self._fields), self.staged, self._sizes, self._context.cancel,
                stem=self._stem,
            )  # fmt: skip
            parts, layout = merge.run(coming)
            if mode == "replace":
                rows = sum(p.rows for p in parts)
                check_kept(self.request.entity, rows, held.state, self.request.terms)
            return parts, layout
        if mode == "replace":
            link_parts(stage, ())
            return list(coming), None
        old = held.state.fields if held.state else self._fields
        rewrite = old.physical != self._fields.physical
        kept = list(held.parts)
        to_join = self._to_join(coming)
        if mode == "delete_insert":
            kept = self._outside(held.parts, to_join)
            there = sum(p.rows for p in held.parts)
            gone = there - sum(p.rows for p in (*kept, *coming))
            check_vanished(self.request.entity, gone, there, self.request.terms)
        elif rewrite or to_join:
            kept = self.joined(held.parts if rewrite else to_join)
        link_parts(stage, _unwritten(kept, held.parts))
        return [*kept, *coming], None

    def _to_join(self, coming: Sequence[Part]) -> list[Part]:
        """The small parts held, where joining them is due or there are many; else none."""
        held = self._held.parts
        small = [p for p in held if self._sizes.small(p)]
        self._compact = self._compact and len(small) > 1
        many = needs_compacting((*held, *coming), self._sizes)
        return small if self._compact or many else []

    def _outside(self, parts: Sequence[Part], to_join: Sequence[Part]) -> list[Part]:
        """The parts held, those with rows in the window, and those to join, rewritten without
        rows in the window."""
        window, held, entity = self.request.terms.window, self._held, self.request.entity
        assert window is not None  # without one, rows wait
        old = held.state.fields if held.state else self._fields
        window = replace(window, type=self._fields[window.column].type)

        def shape(frame: pl.DataFrame) -> pl.DataFrame:
            whole = widened(frame, self._fields, entity)
            return whole.filter(~is_within(whole, window, self._fields, entity))

        def which(part: Part) -> bool:
            if old.physical != self._fields.physical:
                return True
            path = self._stage.destination / part.name
            pieces = self._format.read(path, old)
            return any(is_within(p, window, self._fields, entity).any() for p in pieces)

        rewritten = [p for p in parts if p in to_join or which(p)]
        return self._coalesced(rewritten, shape)

    def joined(self, which: Sequence[Part]) -> list[Part]:
        """The parts held, some of them rewritten into full ones with the fields to be."""
        return self._coalesced(
            which, lambda frame: widened(frame, self._fields, self.request.entity)
        )

    def _coalesced(
        self, which: Sequence[Part], shape: Callable[[pl.DataFrame], pl.DataFrame]
    ) -> list[Part]:
        held, stage = self._held, self._stage
        writer = PartWriter(
            stage.new, f"{self._stem}-kept", self._format,
            part_rows=self._sizes.rows, part_bytes=self._sizes.bytes,
        )  # fmt: skip
        return coalesce(
            stage.destination, held.parts, self._format,
            held.state.fields if held.state else self._fields, writer, shape,
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
