"""A load into a Delta table: files first, then an immutable state, then the commit that names both.

The commit's application transaction carries the number of the state. Two loads at once conflict in
it; and an error whose meaning is not known is settled by reading it back before anything else. What
a commit names that may yet come is not removed.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import polars as pl
from deltalake import DeltaTable
from deltalake.exceptions import DeltaProtocolError, SchemaMismatchError

from hygge.core.context import Context
from hygge.core.drift import target
from hygge.core.errors import HyggeError
from hygge.core.fields import Schema
from hygge.core.load import Commit, LoadRequest
from hygge.core.state import Receipt, State
from hygge.core.steps import reached
from hygge.core.terms import check_vanished
from hygge.lake.delta import merge
from hygge.lake.delta.commit import Change, Target, is_overtaken
from hygge.lake.delta.facts import PARTS
from hygge.lake.delta.shape import DeltaTicket, drift
from hygge.lake.delta.table import (
    FOLDER,
    columns_of,
    forget_states,
    make_log_durable,
    next_number,
    number_of,
    opened,
    read_state,
    row_count,
    scanned,
    sizes_of,
    state_name,
    telling,
)  # fmt: skip
from hygge.lake.delta.types import CARRIER
from hygge.lake.delta.upkeep import DeltaUpkeep
from hygge.lake.folding import Bounds
from hygge.lake.gone import Inside
from hygge.lake.load import LakeLoad
from hygge.lake.once import Coming
from hygge.lake.partition import parted_by
from hygge.lake.parts import Datafile, Shape
from hygge.lake.place import Place
from hygge.lake.writer import files_of

STEPS = (
    "delta.begun", "lake.file_written", "delta.state_written", "delta.committed", "delta.cleaned",
)  # fmt: skip
"""The commit protocol, in order. What was committed is what `delta.committed` has seen."""


class DeltaLoad(LakeLoad):
    """See Load.

    Parameters
    ----------
    request: what is to be loaded.
    place, shape: of the table.
    table, held: as the session found them; None for what is not there.
    upkeep: what is to be done when the load is.
    context: of the attempt.
    """

    CARRIER = CARRIER
    DENIED = (DeltaProtocolError, SchemaMismatchError)

    def __init__(
        self,
        request: LoadRequest,
        place: Place,
        shape: Shape,
        table: DeltaTable | None,
        held: State | None,
        upkeep: DeltaUpkeep,
        context: Context,
    ) -> None:
        self.request, self._place, self._context = request, place, context
        self._table, self._held, self._upkeep = table, held, upkeep
        if (held.generation if held else 0) != request.generation:
            raise self._conflict()
        self._seen, self._version = number_of(table), table.version() if table is not None else -1
        self._number = next_number(request.generation + 1)
        keeps = table is not None and request.mode != "replace"
        self._fields = target(
            held.fields if held is not None and keeps else None, request.stored, str(place)
        )
        self._lying = CARRIER.schema(self._fields, str(place))
        parts = list(table.metadata().partition_columns) if table is not None else None
        self._shape = replace(
            shape, partition=parted_by(shape.partition, parts, self._lying, PARTS, str(place))
        )
        self._keeps = keeps and bool(table and table.get_add_actions().num_rows)
        self._added, self._anew = drift(
            table if keeps else None, self._lying, str(place), owned=held is not None,
            moves=self._folds,
        )  # fmt: skip
        if (inside := self._inside()) is not None and inside.window.lower is None:
            self._anew = True  # rows without a position go, too, and no value tells them
        if not self._keeps:  # rows need to wait only where a key may come twice
            once = request.mode == "merge" and bool(self._shape.partition)
            self._straight = not (once or self._folds)
        else:
            self._straight = request.mode == "append" and not (self._added or self._anew)
        mark = f"{request.generation + 1:06d}-{request.load_id[:8]}-{secrets.token_hex(3)}"
        self._folder, self._waiting = f"data-{mark}", f"{FOLDER}/stage-{mark}"
        self._stage = self._folder if self._straight else self._waiting
        self._shelf = place.shelf()
        if table is not None and self._keeps:
            self._check_there(sizes_of(table))
        self._time = datetime.now(UTC)
        reached("delta.begun")

    @property
    def ticket(self) -> DeltaTicket:
        ticket = self._ticket(self._stage, self._coming_fields, waits=not self._straight)
        return replace(ticket, keys=self._keys_needed)

    def _ticket(self, folder: str, fields: Schema, *, waits: bool) -> DeltaTicket:
        return DeltaTicket(
            folder, fields, CARRIER.schema(fields, str(self._place)), (), self.request.entity,
            self._place, self._shape, waits,
        )  # fmt: skip

    def _telling(self) -> AbstractContextManager[None]:
        return telling(self._place)

    def _where(self) -> str:
        return str(self._place)

    # Committing -----------------------------------------------------------------------------------

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        self._context.cancel.check()
        with telling(self._place):
            files = files_of(receipts)
            self._check_files(files)
            files, change = self._changes(files)
            if change is not None and (self._anew or not self._keeps):
                files, change = self._written_anew(change.coming), None
            state = self._completed(state, files)
            self._shelf.write(state_name(self._number), state.to_json().encode())
        reached("delta.state_written")
        self._publish(files, change)
        self._over = True
        make_log_durable(self._place.local, self._version)
        reached("delta.committed")
        stored = self._cleaned(state)
        reached("delta.cleaned")
        self._upkeep.run(self._due, self._place, self._shelf, self._context)
        return Commit(
            state=stored, rows=stored.rows, bytes=sum(r.bytes for r in receipts),
            files=tuple(f.name for f in files if f.name.startswith(self._folder)),
            place=str(self._place),
        )  # fmt: skip

    def _changes(self, files: list[Datafile]) -> tuple[list[Datafile], Change | None]:
        """The files of the rows to add, and how, where they may not be published as they lie.
        Raises DataError for a key of rows that differ, GuardError where too many rows would be
        gone."""
        mode, keys, inside = self.request.mode, list(self.request.keys), self._inside()
        if self._folds:
            waits = self._keeps
            folder = f"{self._waiting}/changes" if waits else self._folder
            added, gone = self._folded(files, self._ticket(folder, self._fields, waits=waits))
            return added, self._by_keys(added, keys, gone) if waits else None
        if inside is not None:
            return files, self._by_window(files, inside)
        if self._straight and mode != "merge":
            return files, None
        coming = self._coming(files, keys if mode != "append" else (), once=mode == "merge")
        if self._straight and coming.is_unique:
            return files, None
        if mode == "append":
            return files, Change("append", coming)
        how: Any = "merge" if mode == "merge" else "delete_insert"
        return files, Change(how, coming, keys, merge.bounds_of(files, keys, self._lying))

    def _by_keys(
        self, files: Sequence[Datafile], keys: Sequence[str], gone: Sequence[Datafile]
    ) -> Change:
        """How rows are brought in where the keys whose rows go lie apart."""
        going = [f.name for f in gone], sum(f.rows for f in gone)
        coming = self._coming(files, keys, going=going, ends=self._ends)
        if not gone:
            return Change("append", coming)
        bounds = merge.bounds_of(gone, keys, self._lying)
        if self._ends:
            bounds.append(f"t.{merge.quoted(self._ends)} IS NULL")
        return Change("delete_insert", coming, keys, bounds)

    def _by_window(self, files: Sequence[Datafile], inside: Inside) -> Change:
        """How rows are brought in where those of a window go: they are told by the values that its
        column has in it. Raises GuardError where too many rows would be gone."""
        column = inside.window.column
        fields = Schema([self._fields[column]])
        filler = self._ticket(f"{self._waiting}/gone", fields, waits=True).filler("gone")
        going = 0
        for frame in self._frames([column], inside.bounds):
            self._context.cancel.check()
            found = frame.filter(inside.among(frame))
            going += found.height
            filler.add(found.unique())
        filler.flush()
        vanished = going - sum(f.rows for f in files)
        if vanished > 0:
            check_vanished(self.request.entity, vanished, self._count(), self.request.terms)
        if self._anew:
            return Change("delete_insert", self._coming(files, (), window=inside))
        return self._by_keys(files, [column], filler.files)

    def _frames(self, columns: Sequence[str] | None, bounds: Bounds) -> Iterator[pl.DataFrame]:
        conditions = merge.within(bounds)
        if self._table is not None and self._ends in columns_of(self._table):
            conditions.append(f"{merge.quoted(self._ends)} IS NULL")
        yield from self._scanned(columns, " AND ".join(conditions))

    def _scanned(self, columns: Sequence[str] | None, condition: str) -> Iterator[pl.DataFrame]:
        """The rows that are there and meet a condition, as they are to lie."""
        assert self._table is not None  # it has rows
        for frame in scanned(self._table, columns or self._lying.names, condition):
            yield self._as_lying(frame, columns)

    def _row_count(self) -> int | None:
        return None if self._table is None else row_count(self._table)

    def _written_anew(self, coming: Coming) -> list[Datafile]:
        """All rows the table is to have, as files of their own."""
        filler = self._ticket(self._folder, self._fields, waits=False).filler("all")
        for going in coming.gone() if self._keeps else ():
            for rows in self._scanned(None, ""):
                self._context.cancel.check()
                filler.add(going.stay(rows))
        for rows in coming.frames():
            self._context.cancel.check()
            filler.add(rows.select(self._lying.names))
        filler.flush()
        return filler.files

    def _completed(self, state: State, files: Sequence[Datafile]) -> State:
        rows: int | None = sum(f.rows for f in files)
        if self._keeps and not self._anew:
            before = self._held.rows if self._held else None
            counted = self.request.mode == "append" and before is not None and rows is not None
            rows = before + rows if counted else None  # type: ignore[operator]
        return self._noted(state, rows, self._upkeep, self._time)

    def _publish(self, files: Sequence[Datafile], change: Change | None) -> None:
        """Commit. An error is looked into before it is raised."""
        self._named = True
        try:
            self._commit(files, change)
        except HyggeError:  # of the rows, or of a look at the table: before it commits
            self._named = False
            raise
        except Exception as error:  # noqa: BLE001 - few of its answers are certain
            self._settle(error)

    def _commit(self, files: Sequence[Datafile], change: Change | None) -> None:
        to = Target(self._lying, self._shape.partition, self._number, self._shape.compression)
        table = self._table
        if table is None:
            to.create(self._place, files)
            return
        if to.allow_naive_times(table) and number_of(table) != self._seen:
            raise self._conflict()
        if not self._keeps or self._anew:
            to.exchange(table, files)
        elif change is None:
            to.append(table, files)
        else:
            to.bring_in(table, change, self._context.cancel, widens=self._added)

    def _now(self) -> Literal["before", "ours", "others"]:
        now = number_of(opened(self._place))
        if now == self._number:
            return "ours"
        return "before" if now == self._seen else "others"

    def _is_overtaken(self, error: Exception) -> bool:
        return is_overtaken(error)

    def _cleaned(self, state: State) -> State:
        """The state as it now lies, what only this load needed having been removed."""
        with suppress(HyggeError), telling(self._place):
            self._shelf.remove_folder(self._waiting)
            forget_states(self._shelf, self._number)
        with suppress(HyggeError, FileNotFoundError):
            table = opened(self._place)
            if table is not None and number_of(table) == self._number:
                return read_state(table, self._shelf, self._place) or state
        return state

    def _dropped(self) -> None:
        super()._dropped()
        if not self._named:
            self._shelf.remove([state_name(self._number)])
