"""One load into a folder of parts: write, link what stays, commit."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from hygge.core.context import Context
from hygge.core.errors import VerifyError
from hygge.core.fields import Schema
from hygge.core.ledger import Done, Head, Ledger
from hygge.core.load import Commit, LoadRequest
from hygge.core.state import Receipt, State, with_store_facts  # fmt: skip
from hygge.core.steps import reached
from hygge.core.telling import telling
from hygge.files import local
from hygge.files.assembly import PartsLoad, target_fields
from hygge.files.format import Format
from hygge.files.ledger import NAME as LEDGER
from hygge.files.ledger import LedgerFile
from hygge.files.manifest import Held, extra_of, look
from hygge.files.parts import Part, PartWriter
from hygge.files.rewrite import Sizes
from hygge.files.stage import Stage
from hygge.files.swap import conflict
from hygge.files.writer import SPILL


class FileLoad(PartsLoad):
    """A load into one destination folder. Made by the session, which has looked at the folder."""

    def __init__(
        self,
        request: LoadRequest,
        destination: Path,
        held: Held,
        form: Format,
        sizes: Sizes,
        context: Context,
        *,
        place: str,
        compact: bool = False,
        left: tuple[Stage, Ledger] | None = None,
    ) -> None:
        if held.generation != request.generation:
            raise conflict(place)
        self.request = request
        self._stage: Stage
        self._held, self._format, self._sizes, self._context = held, form, sizes, context
        self._place = place
        self._compact = compact
        self._fields = target_fields(request.mode, request.stored, held, place)
        self._ledger: LedgerFile | None = None
        form.check(self._fields, place)
        with telling(place):
            if left is None:
                self._stage = Stage.begin(destination, request.load_id, context.cancel)
            else:
                self._stage = left[0]
                self._go_on(left[1])
            if self.waits:
                self._stage.incoming.mkdir(exist_ok=True)

    def _go_on(self, ledger: Ledger) -> None:
        """Keep of what another load has left what its ledger lists, and write on in that."""
        stage = self._stage
        names = {f["name"] for done in ledger.done.values() for f in done.receipt.files}
        stage.prune(self._here, names)
        self._ledger = LedgerFile.go_on(stage.folder / LEDGER)

    @property
    def _written(self) -> Schema:
        """The fields to be, but for those that the mode adds."""
        request = self.request
        return target_fields(request.mode, request.fields, self._held, self._place)

    @property
    def _here(self) -> Path:
        """Where this load's writers put their parts."""
        return self._stage.incoming if self.waits else self._stage.new

    def keep(self, head: Head) -> bool:
        with telling(self._place):
            head = replace(head, store=ledger_facts(self._format, self._written))
            self._ledger = LedgerFile.begin(self._stage.folder / LEDGER, head)
        reached("files.ledger_begun")
        return True

    def finished(self, done: Done) -> None:
        assert self._ledger is not None  # `keep` was called
        with telling(self._place):
            local.sync(self._here)
            self._ledger.add(done)
        reached("files.chunk_kept")

    def leave(self) -> int:
        folder = self._here
        done = self._ledger.done.values() if self._ledger else ()
        kept = sum(all((folder / f["name"]).exists() for f in d.receipt.files) for d in done)
        if kept:
            self._stage.let_go()
        self.abort()
        return kept

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        form = self.ticket.form
        with telling(self._place):
            return sum(form.rows(p, self.staged) for p in sorted(self._here.iterdir()))

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        self._context.cancel.check()
        stage = self._stage
        coming = tuple(Part.from_json(f) for r in receipts for f in r.files)
        lying = {p.name for p in self._here.iterdir()}
        if lying != {p.name for p in coming}:
            raise VerifyError(
                f"{self._place}: the receipts and the staged files differ; nothing was published"
            )
        with telling(self._place):
            try:
                parts, layout = self._assemble(coming)
            except (OSError, pl.exceptions.PolarsError) as error:
                # A kept part that is gone has been replaced by another load.
                if look(stage.destination, self._format).generation != self._held.generation:
                    raise conflict(self._place) from error
                raise
            return publish(
                stage, self._format, state, self._fields, parts, layout, self._held,
                self._context, place=self._place, more=self.compacted(state),
            )  # fmt: skip

    def abort(self) -> None:
        self._stage.remove()


def ledger_facts(form: Format, fields: Schema) -> str:
    """How a load's parts are written, as its ledger notes it: parts written otherwise do not fit.

    Parameters
    ----------
    form: of the destination.
    fields: that the destination will have.
    """
    return json.dumps([repr(form), repr(SPILL), fields.to_json()])


def publish(
    stage: Stage,
    form: Format,
    state: State,
    fields: Schema,
    parts: Sequence[Part],
    layout: dict[str, object] | None,
    held: Held,
    context: Context,
    *,
    place: str,
    more: Mapping[str, str],
) -> Commit:
    """Write the state beside the parts, make all durable, and exchange.

    Parameters
    ----------
    stage: its `new` folder holds the parts.
    state: without the store's own facts.
    fields: of the destination.
    parts, layout: what the state is to list.
    held: what is replaced.
    more: what else the state is to keep for the Store.
    """
    all_parts = list(parts)
    if not all_parts and form.needs_part:
        empty = PartWriter(stage.new, f"part-{state.generation:06d}-empty", form,
                           part_rows=1, part_bytes=1)  # fmt: skip
        empty.flush(empty=fields.empty())
        all_parts = empty.parts
    rows = sum(p.rows for p in all_parts)
    state = with_store_facts(
        replace(state, fields=fields),
        rows=rows,
        extra=extra_of(all_parts, layout) | dict(more),
    )
    for guest in held.guests:
        local.carry(stage.destination / guest, stage.new / guest)
    form.write_state(stage.new, state)
    reached("files.state_written")
    local.sync(stage.new / form.carrier)
    local.sync(stage.new)
    reached("files.synced")
    old = {p.name for p in held.parts}
    stage.publish(held.generation, lambda folder: look(folder, form).generation, context.cancel)
    return Commit(
        state=state, rows=rows, bytes=sum(p.bytes for p in all_parts if p.name not in old),
        files=tuple(p.name for p in all_parts if p.name not in old), place=place,
    )  # fmt: skip
