"""One load into a folder elsewhere: upload, create the manifest, tidy up."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from hygge.core.context import Context
from hygge.core.errors import HyggeError, VerifyError
from hygge.core.fields import Schema
from hygge.core.load import Commit, LoadRequest
from hygge.core.state import Receipt, State, with_store_facts
from hygge.core.steps import reached
from hygge.files.assembly import PartsLoad, target_fields
from hygge.files.format import Format
from hygge.files.manifest import Held, extra_of
from hygge.files.parts import Part, PartWriter
from hygge.files.remote.manifest import Unknown, check_created_once, commit_id, publish
from hygge.files.remote.stage import RemoteStage
from hygge.files.remote.upkeep import vacuum
from hygge.files.rewrite import Sizes
from hygge.files.swap import conflict
from hygge.files.writer import SPILL
from hygge.storage.path import RemotePath


class RemoteLoad(PartsLoad):
    """A load into one folder elsewhere. Made by the session, which has looked at the folder.

    Parameters
    ----------
    vacuum_after: the age at which what no manifest needs is removed.
    """

    def __init__(
        self,
        request: LoadRequest,
        destination: RemotePath,
        held: Held,
        form: Format,
        sizes: Sizes,
        context: Context,
        *,
        compact: bool,
        vacuum_after: timedelta,
    ) -> None:
        place = str(destination)
        if held.generation != request.generation:
            raise conflict(place)
        self.request, self._compact, self._vacuum_after = request, compact, vacuum_after
        self._held, self._format, self._sizes, self._context = held, form, sizes, context
        self._place = place
        self._fields = target_fields(request.mode, request.stored, held, place)
        form.check(self._fields, place)
        if held.state is None:
            check_created_once(destination)
        self._commit_id = uuid.uuid4().hex
        self._stage: RemoteStage = RemoteStage(destination, self._stem)
        self._ended = False
        if self.waits:
            self._stage.incoming.mkdir(exist_ok=True)
        reached("objects.begun")

    @property
    def _stem(self) -> str:
        # Another load of the same rows has names of its own: neither removes the other's parts.
        return f"{super()._stem}-{self._commit_id[:12]}"

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        coming = [Part.from_json(f) for r in receipts for f in r.files]
        if self.waits:
            folder = self._stage.incoming
            return sum(SPILL.rows(p, self.staged) for p in sorted(folder.iterdir()))
        self._check_lying(coming)
        if not self._format.counted:
            return sum(p.rows for p in coming)  # counted in the file itself when it was uploaded
        return sum(self._format.rows(self._there(p), self._fields) for p in coming)

    def _there(self, part: Part) -> RemotePath:
        at = self._stage.destination
        return RemotePath(at.connection, at.address.join(part.name), part.bytes, part.digest)

    def _check_lying(self, coming: Sequence[Part]) -> None:
        if self._stage.lying() != {p.name: p.bytes for p in coming}:
            raise VerifyError(
                f"{self._place}: the receipts and the staged files differ; nothing was published"
            )

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        self._context.cancel.check()
        coming = tuple(Part.from_json(f) for r in receipts for f in r.files)
        if not self.waits:
            self._check_lying(coming)
        try:
            parts, layout = self._assemble(coming)
        except FileNotFoundError as error:
            raise conflict(self._place) from error  # a kept part is gone: others have loaded
        if not parts:
            parts = self._empty(state)
        return self.settle(state, self._fields, parts, layout)

    def _empty(self, state: State) -> list[Part]:
        """A part without rows, by which every reader knows the columns."""
        writer = PartWriter(self._stage.new, f"{self._stem}-empty", self._format,
                            part_rows=1, part_bytes=1)  # fmt: skip
        writer.flush(empty=self._fields.empty())
        return writer.parts

    def settle(
        self, state: State, fields: Schema, parts: Sequence[Part], layout: dict[str, Any] | None
    ) -> Commit:
        """Publish a state and its parts, and tidy up.

        Parameters
        ----------
        state: without the store's own facts.
        fields: of the destination.
        parts, layout: what the state is to list.
        """
        rows = sum(p.rows for p in parts)
        own = {"commit": self._commit_id, "parent": commit_id(self._held.state)}
        extra = extra_of(parts, layout) | self.compacted(state) | own
        state = with_store_facts(replace(state, fields=fields), rows=rows, extra=extra)
        reached("objects.staged")
        self._context.cancel.check()
        folder = self._stage.destination
        try:
            publish(folder, state, self._context.cancel)
        except Unknown:
            self._ended = True  # what was uploaded may be published yet: it stays
            raise
        self._ended = True
        reached("objects.checked")
        self._stage.let_go()
        try:
            vacuum(folder, state, self._vacuum_after)
        except HyggeError as error:
            self._context.note(f"what is old was not tidied away: {error.message}", "warning")
        reached("objects.cleaned")
        old = {p.name for p in self._held.parts}
        new = [p for p in parts if p.name not in old]
        return Commit(
            state=state, rows=rows, bytes=sum(p.bytes for p in new),
            files=tuple(p.name for p in new), place=self._place,
        )  # fmt: skip

    def abort(self) -> None:
        if self._ended:
            self._stage.let_go()
            return
        self._ended = True
        self._stage.remove()
