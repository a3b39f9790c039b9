"""A load into a landing zone: files wait beside it, a state commits them, they are published.

The state's name has the generation, and is created only where it is free: that is the commit, and
of two loads at once one fails in it. What it says is published from then on, if need be by the next
who comes.
"""

from __future__ import annotations

import io
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import BinaryIO

import polars as pl

from hygge.core.drift import target
from hygge.core.errors import (
    FULL_REFRESH,
    ConflictError,
    ConnectError,
    SchemaDrift,
    TransientError,
    VerifyError,
)  # fmt: skip
from hygge.core.fields import Schema
from hygge.core.load import Commit, Load, LoadRequest, check_kept
from hygge.core.state import Receipt, State, with_store_facts  # fmt: skip
from hygge.core.steps import reached
from hygge.lake.mirror.marks import INSERT, UPSERT, Marks
from hygge.lake.mirror.plan import Kept, Plan, state_name
from hygge.lake.mirror.publish import Publisher, check_keys
from hygge.lake.mirror.types import CARRIER
from hygge.lake.mirror.zone import Zone, file_name
from hygge.lake.once import Coming
from hygge.lake.parts import Datafile, Filler, Sizes, no_facts, write_parquet
from hygge.lake.shelf import digest_of
from hygge.lake.writer import LakeWriter, Ticket
from hygge.storage.tree import Taken

STEPS = (
    "mirror.begun", "lake.file_written", "mirror.committed", "mirror.dropped", "mirror.described",
    "mirror.file_published", "mirror.published", "mirror.tidied",
)  # fmt: skip
"""The commit protocol, in order; a load that keeps the table's folder drops nothing."""


@dataclass(frozen=True)
class MirrorTicket(Ticket):
    """See Ticket.

    Parameters
    ----------
    zone: of the table.
    sizes, compression: of a file.
    marks: of its rows.
    """

    zone: Zone
    sizes: Sizes
    compression: str
    marks: Marks

    def encode(self, rows: pl.DataFrame, out: BinaryIO) -> None:
        """Rows as a file."""
        write_parquet(self.marks.on(rows), out, self.compression)

    def filler(self, stem: str) -> Filler:
        return Filler(
            self.zone.shelf(), f"{self.folder}/{stem}", self.sizes, self.compression, no_facts,
            encode=self.encode,
        )  # fmt: skip


class MirrorLoad(Load):
    """See Load.

    Parameters
    ----------
    request: what is to be loaded.
    publisher: of the table.
    held: what its state says; None for none.
    sizes, compression: of a file.
    """

    def __init__(
        self,
        request: LoadRequest,
        publisher: Publisher,
        held: State | None,
        sizes: Sizes,
        compression: str,
    ) -> None:
        self.request, self._publisher, self._held = request, publisher, held
        self._zone, self._context = publisher.zone, publisher.context
        self._place = str(self._zone)
        if (held.generation if held else 0) != request.generation:
            raise self._conflict()
        before = Plan.of(held, self._place) if held is not None else Plan(1)
        self._reload = request.mode == "replace"
        keeps = held is not None and not self._reload
        self._fields = target(
            held.fields if held is not None and keeps else None, request.stored, self._place
        )
        self._lying = CARRIER.schema(self._fields, self._place)
        if held is not None and keeps:
            _refuse_other_types(CARRIER.schema(held.fields, self._place), self._lying, self._place)
        keys = () if self._reload else request.keys
        if not self._reload:
            check_keys(before.keys or self._zone.keys() or (), keys, self._place)
        self._marks = _marks_of(request, marked=keeps and before.marked)
        self._plan = Plan(
            1 if self._reload else before.last + 1,
            reload=self._reload,
            marked=self._marks.default is not None or (keeps and before.marked),
            keys=keys or (before.keys if keeps else ()),
        )
        mark = f"{request.generation + 1:06d}-{request.load_id[:8]}-{secrets.token_hex(3)}"
        self._stage = f"stage-{mark}"
        self._sizes, self._compression = sizes, compression
        self._shelf = self._zone.shelf()
        self._over = False
        reached("mirror.begun")

    @property
    def ticket(self) -> MirrorTicket:
        fields, lying = self._fields, self._lying
        if deleted := self._marks.deleted:
            mark = self.request.fields[deleted]
            fields, lying = Schema([*fields, mark]), Schema([*lying, mark])
        keys = self.request.keys if self.request.mode == "merge" else ()
        return MirrorTicket(
            self._stage, fields, lying, keys, self.request.entity, self._zone, self._sizes,
            self._compression, self._marks,
        )  # fmt: skip

    def writer(self, chunk: int) -> LakeWriter:
        return LakeWriter(self.ticket, chunk, self._context)

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        """What the footers say of the files that lie there."""
        return sum(self._shelf.rows(file.name) for file in _files(receipts))

    # Committing -----------------------------------------------------------------------------------

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        self._context.cancel.check()
        files = _files(receipts)
        lying = {e.name: e.bytes for e in self._shelf.entries(self._stage)}
        if lying != {file.name: file.bytes for file in files}:
            raise VerifyError(
                f"{self._place}: the receipts and the staged files differ; nothing was published"
            )
        if self.request.mode == "merge":
            Coming(  # which raises where rows that differ have one key
                self._shelf, [f.name for f in files], sum(f.rows for f in files),
                self.request.keys, once=True, entity=self.request.entity,
            )  # fmt: skip
        if self._reload and self._marks.deleted:
            files = self._sifted(files)
            kept = sum(file.rows for file in files)
            check_kept(self.request.entity, kept, self._held, self.request.terms)
        if self._reload and not files:
            files = [self._empty()]
        plan = replace(self._plan, files=tuple(files))
        state = with_store_facts(
            replace(state, fields=self._fields),
            rows=self._rows_after(sum(file.rows for file in files)),
            extra=plan.to_json(),
        )
        self._record(state)
        reached("mirror.committed")
        self._publisher.complete(state, plan, Kept.of(self._shelf.entries()))
        self._publisher.tidy()
        reached("mirror.tidied")
        return Commit(
            state=state, rows=state.rows, bytes=sum(f.bytes for f in files),
            files=tuple(file_name(n) for n, _ in enumerate(files, plan.first)), place=self._place,
        )  # fmt: skip

    def _sifted(self, files: Sequence[Datafile]) -> list[Datafile]:
        """The rows of a full reload that do not say they are gone: it has nothing to delete."""
        deleted = self._marks.deleted
        ticket = replace(self.ticket, marks=Marks())
        filler = ticket.filler("kept")
        for file in files:
            for frame in self._shelf.frames(file.name):
                self._context.cancel.check()
                filler.add(frame.filter(pl.col(deleted).is_null()).drop(deleted))
        filler.flush()
        self._shelf.remove([file.name for file in files])
        return filler.files

    def _empty(self) -> Datafile:
        """A file without rows, which tells the columns; PRACTICES, "Plan for recovery"."""
        out = io.BytesIO()
        write_parquet(self._lying.empty(), out, self._compression)
        data = out.getvalue()
        file = Datafile(f"{self._stage}/empty.parquet", 0, len(data), digest_of(data), {})
        self._shelf.write(file.name, data)
        return file

    def _rows_after(self, rows: int) -> int | None:
        if self._reload or self._held is None:
            return None if self.request.mode == "merge" else rows
        known = self._held.rows
        return None if known is None or self.request.mode == "merge" else known + rows

    def _record(self, state: State) -> None:
        """Commit. An error is looked into before it is raised: the answer may have been lost, or
        the state may still be on its way."""
        name, text = state_name(state.generation), state.to_json().encode()
        key = self._zone.own.join(name).key
        self._over = True  # from here on: what may be published must not be removed
        try:
            self._zone.tree.create(key, text)
        except (Taken, TransientError, ConnectError) as error:
            try:
                there = self._shelf.read(name)
            except FileNotFoundError:
                if isinstance(error, Taken):
                    raise TransientError(f"{self._place}: {name} is being written") from None
                raise error from None
            if there != text:
                self._over = False
                raise self._conflict() from None
        if Kept.of(self._shelf.entries()).newest != state.generation:
            # So late that others have loaded since, and removed the state this one went by.
            self._shelf.remove([name])
            self._over = False
            raise self._conflict()

    def _conflict(self) -> ConflictError:
        return ConflictError(
            f"{self._place}: another run has loaded it meanwhile; nothing was published",
            hint="run it again",
        )

    def abort(self) -> None:
        if not self._over:
            self._over = True
            self._shelf.remove_folder(self._stage)
            self._shelf.remove([self._stage])  # which OneLake has by itself


def _files(receipts: Sequence[Receipt]) -> list[Datafile]:
    ordered = sorted(receipts, key=lambda receipt: receipt.chunk)
    return [Datafile.from_json(raw) for receipt in ordered for raw in receipt.files]


def _marks_of(request: LoadRequest, *, marked: bool) -> Marks:
    """How a load's rows are marked; `marked` says whether rows before them are."""
    deletes = request.terms.deletes
    hard = deletes is not None and deletes.hard and deletes.marked
    deleted = deletes.column if deletes is not None and hard else ""
    if request.mode == "merge":
        return Marks(UPSERT, deleted)
    return Marks(INSERT if marked else None, deleted)


def _refuse_other_types(held: Schema, coming: Schema, place: str) -> None:
    """Raise SchemaDrift where a column's type changes; FORMAT, "Change column type"."""
    for field in coming:
        old = held.get(field.name)
        if old is not None and old.type != field.type:
            raise SchemaDrift(
                f"{place}: '{field.name}' is {old.type} there and needs {field.type}: Fabric stops "
                "to mirror a table of which a column's type changes",
                hint=f"`cast` it to {old.type}, or run with {FULL_REFRESH}",
            )
