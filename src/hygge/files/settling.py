"""One attempt at a destination folder here."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

from hygge.core.context import Context
from hygge.core.errors import ConnectError, StateError
from hygge.core.fields import Schema
from hygge.core.ledger import Ledger
from hygge.core.load import Load, LoadRequest
from hygge.core.settling import StoreSession
from hygge.core.state import Mode, State, next_generation
from hygge.core.store import Store
from hygge.core.telling import telling
from hygge.files.assembly import COMPACTED_AT, link_parts, target_fields
from hygge.files.load import FileLoad, ledger_facts, publish
from hygge.files.manifest import Held, look
from hygge.files.manner import Manner
from hygge.files.parts import PartWriter
from hygge.files.rewrite import coalesce, valued
from hygge.files.stage import Stage, recover, unchanging


class FileStoreSession(StoreSession):
    """One attempt at one destination folder.

    Parameters
    ----------
    store, folder: bound.
    manner: how it settles.
    context: of the attempt.
    """

    def __init__(self, store: Store, folder: Path, manner: Manner, context: Context) -> None:
        self._store, self._manner, self._context = store, manner, context
        # A destination that is a link is loaded where the link leads; the link stays.
        self._folder = Path(os.path.realpath(folder))
        self._format = manner.form
        self._held: Held | None = None
        self._load: Load | None = None
        self._left: tuple[Stage, Ledger] | None = None
        above = self._folder.parent
        while not above.exists() and above != above.parent:
            above = above.parent
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise ConnectError(
                f"{store.place()}: {above} is no folder that can be written to",
                hint="give hygge's user the right to write there, or choose another path",
            )

    def _look(self) -> Held:
        if self._held is None:
            with telling(self._store.place()):
                recover(self._folder, self._context.cancel)
                try:
                    self._held = look(self._folder, self._format)
                except (StateError, FileNotFoundError):
                    # Another load may just have changed it under our eyes: look where none can.
                    with unchanging(self._folder, self._context.cancel):
                        self._held = look(self._folder, self._format)
        return self._held

    def state(self) -> State | None:
        return self._look().state

    def valued(self, column: str) -> int:
        return valued(self._folder, self._look(), self._format, column)

    def begin(self, request: LoadRequest) -> Load:
        if self._left is not None:
            self._left[0].remove()
            self._left = None
        return self._begun(request)

    def unfinished(self, mode: Mode, fields: Schema) -> Ledger | None:
        place = self._store.place()
        with telling(place):
            self._left = Stage.adopt(self._folder, self._context.cancel, self._damaged)
        if self._left is None:
            return None
        ledger, target = self._left[1], target_fields(mode, fields, self._look(), place)
        fits = ledger.head.store == ledger_facts(self._format, target)
        return ledger if fits else replace(ledger, obstacle="its files are to be written otherwise")

    def _damaged(self, why: str) -> None:
        self._context.note(f"the ledger of an unfinished load is not used: {why}", "info")

    def resume(self, request: LoadRequest) -> Load:
        left, self._left = self._left, None
        try:
            return self._begun(request, left)
        except BaseException:
            if left is not None:
                left[0].let_go()
            raise

    def _begun(self, request: LoadRequest, left: tuple[Stage, Ledger] | None = None) -> Load:
        self._store.check(request.mode, request.keys, request.terms.wanted)
        self._load = FileLoad(
            request, self._folder, self._look(), self._format, self._manner.sizes, self._context,
            place=self._store.place(), compact=self._manner.compaction_due(self._look()), left=left,
        )  # fmt: skip
        self._held = None
        return self._load

    def compact(self) -> tuple[int, int]:
        """See `FileStore.compact`."""
        held, sizes, place = self._look(), self._manner.sizes, self._store.place()
        if held.state is None:
            raise StateError(f"{place} holds nothing that hygge loaded", hint="load it first")
        small = [p for p in held.parts if p.bucket is None and sizes.small(p)]
        if len(small) < 2:
            return len(held.parts), len(held.parts)
        state = next_generation(held.state)
        with telling(place):
            stage = Stage.begin(self._folder, "compact", self._context.cancel)
            try:
                writer = PartWriter(
                    stage.new, f"part-{state.generation:06d}-compact", self._format,
                    part_rows=sizes.rows, part_bytes=sizes.bytes,
                )  # fmt: skip
                parts = coalesce(
                    self._folder, held.parts, self._format, state.fields, writer, lambda f: f,
                    which=lambda part: part in small, cancel=self._context.cancel,
                )  # fmt: skip
                link_parts(stage, (p for p in parts if p in held.parts))
                publish(
                    stage, self._format, state, state.fields, parts, None, held, self._context,
                    place=place, more={COMPACTED_AT: state.committed_at},
                )  # fmt: skip
            finally:
                stage.remove()
                self._held = None
        return len(held.parts), len(parts)

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()
            self._load = None
        if self._left is not None:
            self._left[0].let_go()
            self._left = None
