"""A load into a Delta table: files first, then an immutable state, then the commit that names both.

The commit's application transaction carries the number of the state. Two loads at once conflict in
it; and an error whose meaning is not known is settled by reading it back before anything else. What
a commit names that may yet come is not removed.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
from deltalake import DeltaTable, TableFeatures, write_deltalake
from deltalake.exceptions import (
    CommitFailedError,
    DeltaError,
    DeltaProtocolError,
    SchemaMismatchError,
)  # fmt: skip
from deltalake.transaction import AddAction, create_table_with_add_actions

from hygge.core.context import Context
from hygge.core.drift import target
from hygge.core.errors import HyggeError, SchemaDrift
from hygge.core.load import Commit, LoadRequest, Receipt, State, with_store_facts
from hygge.core.steps import reached
from hygge.lake.delta import merge
from hygge.lake.delta.facts import PARTS
from hygge.lake.delta.shape import DeltaTicket
from hygge.lake.delta.table import (
    FOLDER,
    forget_states,
    make_log_durable,
    next_number,
    number_of,
    opened,
    properties,
    read_state,
    state_name,
    telling,
)  # fmt: skip
from hygge.lake.delta.types import CARRIER, has_naive_times, logical_schema, native_schema
from hygge.lake.delta.upkeep import Upkeep
from hygge.lake.load import LakeLoad
from hygge.lake.once import COMES, Coming
from hygge.lake.partition import parted_by
from hygge.lake.parts import Datafile, Shape
from hygge.lake.place import Place
from hygge.lake.writer import files_of

STEPS = (
    "delta.begun", "lake.file_written", "delta.state_written", "delta.committed", "delta.cleaned",
)  # fmt: skip
"""The commit protocol, in order. What was committed is what `delta.committed` has seen."""
DENIED = (DeltaProtocolError, SchemaMismatchError)
"""The library's answer that it does not commit this at all."""
APPEND_RETRIES = 15
"""How often an append is tried anew where others than hygge commit at the same moment."""


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

    def __init__(
        self,
        request: LoadRequest,
        place: Place,
        shape: Shape,
        table: DeltaTable | None,
        held: State | None,
        upkeep: Upkeep,
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
            held.fields if held is not None and keeps else None, request.fields, str(place)
        )
        self._lying = CARRIER.schema(self._fields, str(place))
        parts = list(table.metadata().partition_columns) if table is not None else None
        self._shape = replace(
            shape, partition=parted_by(shape.partition, parts, self._lying, PARTS, str(place))
        )
        self._added, self._changed = self._drift() if keeps else (False, False)
        self._keeps = keeps and bool(table and table.get_add_actions().num_rows)
        """Whether there are rows that stay, at least some of them."""
        if not self._keeps:  # rows need to wait only where a key may come twice
            self._straight = request.mode != "merge" or not self._shape.partition
        else:
            self._straight = request.mode == "append" and not (self._added or self._changed)
        mark = f"{request.generation + 1:06d}-{request.load_id[:8]}-{secrets.token_hex(3)}"
        self._folder = f"data-{mark}"
        self._stage = self._folder if self._straight else f"{FOLDER}/stage-{mark}"
        self._shelf = place.shelf()
        self._now, self._due = datetime.now(UTC), frozenset[str]()
        self._over = self._named = False
        """Whether it is at its end; whether a commit names its files that has come or may come."""
        reached("delta.begun")

    def _drift(self) -> tuple[bool, bool]:
        """Whether columns come that the table does not have, and whether some get another type.

        Raises SchemaDrift for a table that hygge has not made, of other columns.
        """
        assert self._table is not None  # asked only of one that is there
        there = logical_schema(self._table.schema(), str(self._place))
        added = [f.name for f in self._lying if f.name not in there]
        changed = [f.name for f in self._lying if f.name in there and there[f.name].type != f.type]
        strange = [name for name in there.names if name not in self._lying]
        if self._held is None and (added or changed or strange):
            raise SchemaDrift(
                f"{self._place} is a table that hygge has not loaded, of other columns: "
                f"{', '.join([*added, *changed, *strange])}",
                hint="choose another path, or `mode: replace`",
            )
        if changed and strange:
            raise SchemaDrift(
                f"{self._place}: '{changed[0]}' needs a wider type, and the table has columns "
                f"that hygge did not make: {', '.join(strange)}",
                hint="drop those columns, or widen the type there",
            )
        return bool(added), bool(changed)

    @property
    def ticket(self) -> DeltaTicket:
        keyed = self.request.mode in ("merge", "delete_insert")
        return DeltaTicket(
            self._stage, self._fields, self._lying, self.request.keys if keyed else (),
            self.request.entity, self._place, self._shape, not self._straight,
        )  # fmt: skip

    def _telling(self) -> AbstractContextManager[None]:
        return telling(self._place)

    def _where(self) -> str:
        return str(self._place)

    # Committing -----------------------------------------------------------------------------------

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        self._context.cancel.check()
        files = files_of(receipts)
        with telling(self._place):
            self._check_files(files)
            coming = self._coming(files)
            if coming is not None and (self._changed or not self._keeps):
                files = self._written_anew(coming)
            state = self._completed(state, files)
            self._shelf.write(state_name(self._number), state.to_json().encode())
        reached("delta.state_written")
        self._publish(files, coming)
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

    def _coming(self, files: Sequence[Datafile]) -> Coming | None:
        """The rows that wait, where they may not be published as they lie. Raises DataError."""
        mode, keys = self.request.mode, self.request.keys
        if self._straight and mode != "merge":
            return None
        coming = Coming(
            self._shelf, [f.name for f in files], sum(f.rows for f in files),
            keys if mode != "append" else (), once=mode == "merge", entity=self.request.entity,
        )  # fmt: skip
        return None if self._straight and coming.is_unique else coming

    def _written_anew(self, coming: Coming) -> list[Datafile]:
        """All rows the table is to have, as files of their own."""
        filler = replace(self.ticket, folder=self._folder, staged=False).filler("all")
        table = self._table if self._keeps else None
        merge.rewrite(
            table, self._lying, coming.gone, coming.frames(), filler,
            self._context.cancel, self.request.entity,
        )  # fmt: skip
        return filler.files

    def _completed(self, state: State, files: Sequence[Datafile]) -> State:
        rows: int | None = sum(f.rows for f in files)
        if self._keeps and not self._changed:
            before = self._held.rows if self._held else None
            counted = self.request.mode == "append" and before is not None and rows is not None
            rows = before + rows if counted else None  # type: ignore[operator]
        before_this = self._held.extra if self._held else {}
        self._due = self._upkeep.due(before_this, self._now)
        extra = self._upkeep.noted(before_this, self._due, self._now)
        return with_store_facts(replace(state, fields=self._fields), rows=rows, extra=extra)

    def _publish(self, files: Sequence[Datafile], coming: Coming | None) -> None:
        """Commit. An error is looked into before it is raised: the answer may have been lost, or
        the commit may still be on its way."""
        self._named = True
        try:
            self._commit(files, coming)
            return
        except HyggeError:  # of the rows, or of a look at the table: before it commits
            self._named = False
            raise
        except Exception as error:  # noqa: BLE001 - few of its answers are certain
            cause = error
        try:
            now = number_of(opened(self._place))
        except HyggeError:
            raise self._unknown(cause) from cause
        if now == self._number:
            return
        if now != self._seen or _is_overtaken(cause):
            self._named = False
            raise self._conflict() from cause
        if isinstance(cause, DENIED):
            self._named = False
            with telling(self._place):
                raise cause
        raise self._unknown(cause) from cause

    def _commit(self, files: Sequence[Datafile], coming: Coming | None) -> None:
        schema, parts = native_schema(self._lying), list(self._shape.partition)
        once = properties(self._number, retries=0)
        table = self._table
        if table is None:
            create_table_with_add_actions(
                self._place.address, schema, _added(files), mode="error", partition_by=parts,
                storage_options=self._place.revealed(), commit_properties=once,
            )  # fmt: skip
            return
        self._allow_naive_times(table)
        if not self._keeps or self._changed:
            table.create_write_transaction(
                _added(files), "overwrite", schema, parts, commit_properties=once
            )
        elif coming is not None:
            self._bring_in(table, coming, files)
            if number_of(table) != self._number:  # what changes nothing is not committed by itself
                table.create_write_transaction([], "append", schema, parts, commit_properties=once)
        else:
            table.create_write_transaction(
                _added(files), "append", schema, parts,
                commit_properties=properties(self._number, retries=APPEND_RETRIES),
            )  # fmt: skip

    def _bring_in(self, table: DeltaTable, coming: Coming, files: Sequence[Datafile]) -> None:
        mode, keys, once = self.request.mode, self.request.keys, properties(self._number, retries=0)
        names, physical = self._lying.names, self._lying.physical
        cancel = self._context.cancel
        whole = [k for k in keys if self._lying[k].type.is_integer]
        bounds = merge.bounds_of([json.loads(f.facts["stats"]) for f in files], keys, whole)
        if mode == "delete_insert":
            physical = pl.Schema({**physical, COMES: pl.Boolean()})
            stream = merge.Stream(physical, coming.with_keys, cancel)
        else:
            stream = merge.Stream(physical, coming.frames, cancel)
        try:
            if mode == "append":
                write_deltalake(
                    table, stream.reader(), mode="append", schema_mode="merge",
                    commit_properties=once,
                )  # fmt: skip
            elif mode == "merge":
                merge.merge(table, stream, names, keys, bounds, once, widens=self._added)
            else:
                merge.delete_insert(table, stream, names, keys, bounds, once)
        except DeltaError:
            if stream.error is not None:
                raise stream.error from None
            raise

    def _allow_naive_times(self, table: DeltaTable) -> None:
        """Turn on the table's feature for times without a zone, in a commit of its own: to have it
        changes nothing. Raises ConflictError where that shows another load's commit."""
        if not has_naive_times(self._lying):
            return
        if "timestampNtz" in (table.protocol().writer_features or ()):
            return
        table.alter.add_feature(
            TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True
        )
        if number_of(table) != self._seen:
            raise self._conflict()

    def _cleaned(self, state: State) -> State:
        """The state as it now lies, what only this load needed having been removed."""
        with suppress(HyggeError), telling(self._place):
            if self._stage != self._folder:
                self._shelf.remove_folder(self._stage)
            forget_states(self._shelf, self._number)
        with suppress(HyggeError, FileNotFoundError):
            table = opened(self._place)
            if table is not None and number_of(table) == self._number:
                return read_state(table, self._shelf, self._place) or state
        return state

    def abort(self) -> None:
        if self._over:
            return
        self._over = True
        with suppress(HyggeError), telling(self._place):
            if self._stage != self._folder:
                self._shelf.remove_folder(self._stage)
            if not self._named:
                self._shelf.remove_folder(self._folder)
                self._shelf.remove([state_name(self._number)])


def _is_overtaken(error: Exception) -> bool:
    """Whether others have committed meanwhile and this has not: the library's error for a conflict
    is also its error for a log store (DynamoDB) that gave no answer; delta-rs, TransactionError."""
    return isinstance(error, CommitFailedError) and not str(error).startswith("Transaction failed")


def _added(files: Sequence[Datafile]) -> list[Any]:
    now = int(datetime.now(UTC).timestamp() * 1000)
    return [
        AddAction(f.name, f.bytes, f.facts["partition"], now, True, f.facts["stats"]) for f in files
    ]
