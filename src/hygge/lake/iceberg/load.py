"""A load into an Iceberg table: files first, then one transaction of the catalog's with the state.

The transaction asks that the table's newest snapshot is still the one that the load began with, so
that of two loads at once one fails. An error whose meaning is not known is settled by reading the
table's state back; nothing is removed that may have been published, or may be yet.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal

import polars as pl
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    BadRequestError,
    CommitFailedException,
    ForbiddenError,
    TableAlreadyExistsError,
    UnauthorizedError,
)  # fmt: skip
from pyiceberg.table import FileScanTask, Table, Transaction

from hygge.core.context import Context
from hygge.core.drift import target
from hygge.core.fields import Schema
from hygge.core.load import Commit, LoadRequest
from hygge.core.secrets import redact
from hygge.core.state import Receipt, State
from hygge.core.steps import reached
from hygge.core.terms import check_vanished
from hygge.lake.folding import Bounds
from hygge.lake.iceberg.catalog import Place, found, make_namespace, telling
from hygge.lake.iceberg.scan import frames_of
from hygge.lake.iceberg.shape import PARTS, IcebergTicket, columns_of, drift, evolve, spec_of
from hygge.lake.iceberg.table import (
    STATE,
    exchange,
    forget,
    making,
    near,
    row_count,
    shelf_of,
    sizes_of,
    state_of,
    tasks_of,
)  # fmt: skip
from hygge.lake.iceberg.types import CARRIER, arrow_schema, logical_schema, native_schema
from hygge.lake.iceberg.upkeep import Tidy
from hygge.lake.load import KEYED, LakeLoad
from hygge.lake.once import Coming
from hygge.lake.partition import parted_by
from hygge.lake.parts import Datafile, Shape
from hygge.lake.writer import files_of

STEPS = (
    "iceberg.begun", "lake.file_written", "iceberg.staged", "iceberg.committed", "iceberg.cleaned",
)  # fmt: skip
"""The commit protocol, in order. What was committed is what `iceberg.committed` has seen."""
OVERTAKEN = (CommitFailedException, TableAlreadyExistsError)
"""A catalog's answer that others have committed meanwhile, and that this commit has not."""


class IcebergLoad(LakeLoad):
    """See Load.

    Parameters
    ----------
    request: what is to be loaded.
    catalog, place, shape: of the table.
    table, held: as the session found them; None for what is not there.
    tidy: what is to be done when the load is.
    context: of the attempt.
    """

    CARRIER = CARRIER
    DENIED = (BadRequestError, UnauthorizedError, ForbiddenError)
    """After any error but these and OVERTAKEN nobody knows."""

    def __init__(
        self,
        request: LoadRequest,
        catalog: Catalog,
        place: Place,
        shape: Shape,
        table: Table | None,
        held: State | None,
        tidy: Tidy,
        context: Context,
    ) -> None:
        self.request, self._catalog, self._place = request, catalog, place
        self._table, self._held, self._tidy, self._context = table, held, tidy, context
        if (held.generation if held else 0) != request.generation:
            raise self._conflict()
        keeps = table is not None and request.mode != "replace"
        self._fields = target(
            held.fields if held is not None and keeps else None, request.stored, str(place)
        )
        self._lying = CARRIER.schema(self._fields, str(place))
        self._tasks = tasks_of(table) if table is not None else []
        self._keeps = keeps and bool(self._tasks)
        self._anew = False
        """Whether rows that stay need to be written anew, in other types."""
        with telling(place):
            self._transaction = self._begun(shape)
        metadata = self._transaction.table_metadata
        self._shape = replace(
            shape, partition=columns_of(metadata.spec(), metadata.schema(), str(place))
        )
        mark = f"{request.generation + 1:06d}-{request.load_id[:8]}-{secrets.token_hex(3)}"
        self._folder, self._waiting = f"data/{mark}", f"data/{mark}/waiting"
        self._shelf = shelf_of(metadata.location, self._io)
        if self._keeps:
            self._check_there(sizes_of(metadata.location, self._tasks))
        reached("iceberg.begun")

    @property
    def _io(self) -> Any:
        return self._transaction._table.io

    def _begun(self, shape: Shape) -> Transaction:
        """A transaction in which the table has the columns that come."""
        place, table = str(self._place), self._table
        if table is None:
            parted_by(shape.partition, None, self._lying, PARTS, place)
            make_namespace(self._catalog, self._place)
            schema = native_schema(self._lying)
            spec = spec_of(shape.partition, schema)
            return making(self._catalog, self._place.identifier, schema, spec)
        there = logical_schema(table.schema(), place)
        parted = columns_of(table.spec(), table.schema(), place)
        parted_by(shape.partition, parted, self._lying, PARTS, place)
        if self.request.mode != "replace":
            moves = self._keeps and self.request.mode != "append"
            drift(there, self._lying, place, owned=self._held is not None, moves=moves)
        transaction = table.transaction()
        drop = self.request.mode == "replace"
        anew = evolve(transaction, there, self._lying, drop=drop, parted=parted, place=place)
        self._anew = anew and self._keeps
        return transaction

    @property
    def ticket(self) -> IcebergTicket:
        waits = self._folds
        folder = self._waiting if waits else self._folder
        ticket = self._ticket(folder, self._coming_fields, waits=waits)
        return replace(ticket, keys=self._keys_needed)

    def _ticket(self, folder: str, fields: Schema, *, waits: bool) -> IcebergTicket:
        metadata, lying = self._transaction.table_metadata, CARRIER.schema(fields, self._where())
        schema = None if waits else arrow_schema(metadata.schema(), lying.names)
        return IcebergTicket(
            folder, fields, lying, (), self.request.entity, metadata.location, self._io,
            self._shape, schema,
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
            added, removed = self._exchanged(files)
            state = self._completed(state, added, removed)
            self._transaction.set_properties({STATE: state.to_json()})
            exchange(self._transaction, [f.name for f in added], removed)
        reached("iceberg.staged")
        self._publish(state.to_json())
        self._over = True
        reached("iceberg.committed")
        self._shelf.remove(sorted({f.name for f in files} - {f.name for f in added}))
        self._shelf.remove_folder(self._waiting)
        reached("iceberg.cleaned")
        self._tidy.run(self._due, self._catalog, self._place, self._context)
        return Commit(
            state=state, rows=state.rows, bytes=sum(f.bytes for f in added),
            files=tuple(f.name for f in added), place=str(self._place),
        )  # fmt: skip

    def _exchanged(self, files: list[Datafile]) -> tuple[list[Datafile], list[FileScanTask]]:
        """The files to add, and those to remove. Raises DataError for a key of rows that differ,
        GuardError where too many rows would be gone."""
        mode, keys = self.request.mode, self.request.keys
        inside = self._inside()
        if self._folds:
            added, gone = self._folded(files, self._ticket(self._folder, self._fields, waits=False))
            going = [f.name for f in gone], sum(f.rows for f in gone)
            coming = self._coming((), keys, going=going, ends=self._ends)
        elif inside is not None:
            added, coming = files, self._coming((), (), window=inside)
        else:
            keyed = keys if mode in KEYED and self.request.terms.window is None else ()
            coming = self._coming(files, keyed, once=mode == "merge")
            added = files if coming.is_unique else self._filled("once", coming.frames())
        if mode == "replace":
            return added, self._tasks
        if not self._keeps:
            return added, []
        away = self._tasks if self._anew else self._touched(coming)
        kept = self._filled("kept", self._kept(away, coming))
        if inside is not None:
            rows = sum(f.rows for f in (*added, *kept))
            vanished = self._count_of(away) - rows
            if vanished > 0:
                check_vanished(self.request.entity, vanished, self._count(), self.request.terms)
        return [*added, *kept], away

    def _touched(self, coming: Coming) -> list[FileScanTask]:
        """The files that have rows which go."""
        found = dict[str, FileScanTask]()
        for going in coming.gone():
            if going.none:
                continue
            for task in self._near(going.bounds):
                if task.file.file_path not in found and any(
                    going.meets(frame) for frame in self._rows_of([task], going.columns)
                ):
                    found[task.file.file_path] = task
        return list(found.values())

    def _near(self, bounds: Bounds) -> list[FileScanTask]:
        """The files that may have rows that matter, as far as their bounds tell."""
        assert self._table is not None  # it has rows
        held = self._table.schema().column_names
        return tasks_of(self._table, near(bounds, self._ends if self._ends in held else ""))

    def _kept(self, tasks: Sequence[FileScanTask], coming: Coming) -> Iterator[pl.DataFrame]:
        """The rows of some files that stay; the files are read for each part of those that go."""
        for going in coming.gone() if tasks else ():
            for rows in self._rows_of(tasks):
                yield going.stay(rows)

    def _frames(self, columns: Sequence[str] | None, bounds: Bounds) -> Iterator[pl.DataFrame]:
        yield from self._rows_of(self._near(bounds), columns)

    def _rows_of(
        self, tasks: Iterable[FileScanTask], columns: Sequence[str] | None = None
    ) -> Iterator[pl.DataFrame]:
        """The rows of some files, as they are to lie, with some columns or all."""
        assert self._table is not None
        schema = self._table.schema()
        names = [n for n in columns or self._lying.names if n in schema.column_names]
        for frame in frames_of(self._table, tasks, schema.select(*names)):
            yield self._as_lying(frame, columns)

    def _row_count(self) -> int | None:
        return row_count(self._tasks)

    def _count_of(self, tasks: Sequence[FileScanTask]) -> int:
        known = row_count(tasks)
        if known is not None:
            return known
        return sum(f.height for f in self._rows_of(tasks, self._lying.names[:1]))

    def _filled(self, stem: str, frames: Iterator[pl.DataFrame]) -> list[Datafile]:
        filler = self._ticket(self._folder, self._fields, waits=False).filler(stem)
        for frame in frames:
            self._context.cancel.check()
            filler.add(frame.select(self._lying.names))
        filler.flush()
        return filler.files

    def _completed(
        self, state: State, added: Sequence[Datafile], removed: Sequence[FileScanTask]
    ) -> State:
        away = {task.file.file_path for task in removed}
        stay = [t for t in self._tasks if t.file.file_path not in away]
        before = row_count(stay)
        rows = None if before is None else before + sum(f.rows for f in added)
        return self._noted(state, rows, self._tidy.upkeep, datetime.now(UTC))

    def _publish(self, ours: str) -> None:
        """Commit. An error is looked into before it is raised."""
        # The library would commit again on top of whatever is there, and remove what it wrote where
        # it takes a commit for failed: both are decided here, by what is read back.
        self._transaction._snapshot_producers = []
        self._ours, self._named = ours, True
        try:
            self._transaction.commit_transaction()
        except Exception as error:  # noqa: BLE001 - few of its answers are certain
            self._settle(error)

    def _now(self) -> Literal["before", "ours", "others"]:
        table = found(self._catalog, self._place)
        if table is not None and table.properties.get(STATE) == self._ours:
            return "ours"
        return "before" if state_of(table, self._place) == self._held else "others"

    def _is_overtaken(self, error: Exception) -> bool:
        return isinstance(error, OVERTAKEN)

    def _dropped(self) -> None:
        super()._dropped()
        if self._table is None and not self._named:
            try:
                forget(self._transaction.table_metadata, self._io)
            except Exception as error:  # noqa: BLE001 - of any store; what led here is to be told
                why = redact(str(error))
                self._context.note(f"{self._place}: a file of no table is left: {why}", "warning")
