"""A load into an Iceberg table: files first, then one transaction of the catalog's with the state.

The transaction asks that the table's newest snapshot is still the one that the load began with, so
that of two loads at once one fails. An error whose meaning is not known is settled by reading the
table's state back; nothing is removed that may have been published, or may be yet.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from typing import Any

import polars as pl
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import (
    BadRequestError,
    CommitFailedException,
    ForbiddenError,
    TableAlreadyExistsError,
    UnauthorizedError,
)  # fmt: skip
from pyiceberg.expressions import (
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    LessThanOrEqual,
)  # fmt: skip
from pyiceberg.io.pyarrow import parquet_file_to_data_file
from pyiceberg.table import FileScanTask, Table, Transaction

from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.drift import target
from hygge.core.errors import HyggeError, SchemaDrift
from hygge.core.load import Commit, LoadRequest, Receipt, State, with_store_facts
from hygge.core.steps import reached
from hygge.lake.gone import Gone
from hygge.lake.iceberg.catalog import Place, found, make_namespace, telling
from hygge.lake.iceberg.scan import frames_of
from hygge.lake.iceberg.shape import PARTS, IcebergTicket, columns_of, evolve, spec_of
from hygge.lake.iceberg.table import (
    STATE,
    row_count,
    shelf_of,
    state_of,
    tasks_of,
)  # fmt: skip
from hygge.lake.iceberg.types import CARRIER, arrow_schema, logical_schema, native_schema
from hygge.lake.load import LakeLoad
from hygge.lake.once import Coming
from hygge.lake.partition import parted_by
from hygge.lake.parts import Datafile, Filler, Shape
from hygge.lake.writer import files_of

STEPS = (
    "iceberg.begun", "lake.file_written", "iceberg.staged", "iceberg.committed", "iceberg.cleaned",
)  # fmt: skip
"""The commit protocol, in order. What was committed is what `iceberg.committed` has seen."""
KEYED = ("merge", "delete_insert")
OVERTAKEN = (CommitFailedException, TableAlreadyExistsError)
"""A catalog's answer that others have committed meanwhile, and that this commit has not."""
DENIED = (BadRequestError, UnauthorizedError, ForbiddenError)
"""Its answer that it does not commit this at all. After any other error nobody knows."""


class IcebergLoad(LakeLoad):
    """See Load.

    Parameters
    ----------
    request: what is to be loaded.
    catalog, place, shape: of the table.
    table, held: as the session found them; None for what is not there.
    context: of the attempt.
    """

    def __init__(
        self,
        request: LoadRequest,
        catalog: Catalog,
        place: Place,
        shape: Shape,
        table: Table | None,
        held: State | None,
        context: Context,
    ) -> None:
        self.request, self._catalog, self._place = request, catalog, place
        self._table, self._held, self._context = table, held, context
        if (held.generation if held else 0) != request.generation:
            raise self._conflict()
        keeps = table is not None and request.mode != "replace"
        self._fields = target(
            held.fields if held is not None and keeps else None, request.fields, str(place)
        )
        self._lying = CARRIER.schema(self._fields, str(place))
        self._there = tasks_of(table) if table is not None else []
        self._keeps = keeps and bool(self._there)
        """Whether there are rows that stay, at least some of them."""
        self._anew = False
        """Whether those need to be written anew, in other types."""
        with telling(place):
            self._transaction = self._begun(shape)
        metadata = self._transaction.table_metadata
        self._shape = replace(
            shape, partition=columns_of(metadata.spec(), metadata.schema(), str(place))
        )
        self._mark = f"{request.generation + 1:06d}-{request.load_id[:8]}-{secrets.token_hex(3)}"
        self._shelf = shelf_of(metadata.location, self._io)
        self._over = False
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
            return self._catalog.create_table_transaction(
                self._place.identifier, schema, partition_spec=spec_of(shape.partition, schema),
                properties={"format-version": "2"},
            )  # fmt: skip
        there = logical_schema(table.schema(), place)
        parted = columns_of(table.spec(), table.schema(), place)
        parted_by(shape.partition, parted, self._lying, PARTS, place)
        strange = [name for name in there.names if name not in self._lying]
        if self.request.mode != "replace" and self._held is None:
            wrong = [f.name for f in self._lying if there.get(f.name) is None
                     or there[f.name].type != f.type]  # fmt: skip
            if wrong or strange:
                raise SchemaDrift(
                    f"{place} is a table that hygge has not loaded, of other columns: "
                    f"{', '.join([*wrong, *strange])}",
                    hint="choose another table, or `mode: replace`",
                )
        transaction = table.transaction()
        drop = self.request.mode == "replace"
        anew = evolve(transaction, there, self._lying, drop=drop, parted=parted, place=place)
        self._anew = anew and self._keeps
        return transaction

    @property
    def ticket(self) -> IcebergTicket:
        metadata = self._transaction.table_metadata
        return IcebergTicket(
            f"data/{self._mark}", self._fields, self._lying,
            self.request.keys if self.request.mode in KEYED else (), self.request.entity,
            metadata.location, self._io, self._shape,
            arrow_schema(metadata.schema(), self._lying.names),
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
            self._stage(added, removed, state)
        reached("iceberg.staged")
        self._publish(state.to_json())
        reached("iceberg.committed")
        unused = {f.name for f in files} - {f.name for f in added}
        self._shelf.remove(sorted(unused))
        reached("iceberg.cleaned")
        return Commit(
            state=state, rows=state.rows, bytes=sum(f.bytes for f in added),
            files=tuple(f.name for f in added), place=str(self._place),
        )  # fmt: skip

    def _exchanged(self, files: list[Datafile]) -> tuple[list[Datafile], list[FileScanTask]]:
        """The files to add, and those to remove. Raises DataError for a key of rows that differ."""
        mode, keys = self.request.mode, self.request.keys
        coming = Coming(
            self._shelf, [f.name for f in files], sum(f.rows for f in files),
            keys if mode in KEYED else (), once=mode == "merge", entity=self.request.entity,
        )  # fmt: skip
        added = files
        if not coming.is_unique:
            added = self._filled("once", coming.frames())
        if mode == "replace":
            return added, self._there
        if not self._keeps:
            return added, []
        away = self._there if self._anew else self._touched(coming)
        return [*added, *self._filled("kept", self._kept(away, coming))], away

    def _touched(self, coming: Coming) -> list[FileScanTask]:
        """The files that have rows which go."""
        found = dict[str, FileScanTask]()
        for gone in coming.gone():
            for task in self._near(gone.keys) if not gone.keys.is_empty() else ():
                if task.file.file_path not in found and self._touches(task, gone):
                    found[task.file.file_path] = task
        return list(found.values())

    def _near(self, gone: pl.DataFrame) -> list[FileScanTask]:
        """The files that may have one of some keys, as far as their bounds tell."""
        assert self._table is not None  # it has rows
        condition: BooleanExpression | None = None
        for key in gone.columns:
            if gone[key].dtype.is_integer():
                low, high = int(gone[key].min()), int(gone[key].max())  # type: ignore[arg-type]
                inside = And(
                    GreaterThanOrEqual(term=key, value=low), LessThanOrEqual(term=key, value=high)
                )
                condition = inside if condition is None else And(condition, inside)
        return tasks_of(self._table, condition)

    def _touches(self, task: FileScanTask, gone: Gone) -> bool:
        assert self._table is not None
        kinds = gone.keys.schema
        schema = self._table.schema().select(*kinds)
        return any(
            gone.meets(frame.cast(kinds)) for frame in frames_of(self._table, [task], schema)
        )

    def _kept(self, tasks: Sequence[FileScanTask], coming: Coming) -> Iterator[pl.DataFrame]:
        """The rows of some files that stay; the files are read for each part of the keys."""
        for gone in coming.gone() if tasks else ():
            for rows in self._rows_of(tasks):
                yield gone.stay(rows)

    def _rows_of(self, tasks: Sequence[FileScanTask]) -> Iterator[pl.DataFrame]:
        """The rows of some files, as they are to lie."""
        assert self._table is not None
        for frame in frames_of(self._table, tasks, self._table.schema()):
            lacking = [
                pl.lit(None, dtype=f.type.physical).alias(f.name)
                for f in self._lying
                if f.name not in frame.columns
            ]
            yield conform(
                frame.with_columns(lacking).select(self._lying.names), self._lying,
                entity=self.request.entity,
            )  # fmt: skip

    def _filled(self, stem: str, frames: Iterator[pl.DataFrame]) -> list[Datafile]:
        filler: Filler = self.ticket.filler(stem)
        for frame in frames:
            self._context.cancel.check()
            filler.add(frame.select(self._lying.names))
        filler.flush()
        return filler.files

    def _completed(
        self, state: State, added: Sequence[Datafile], removed: Sequence[FileScanTask]
    ) -> State:
        away = {task.file.file_path for task in removed}
        stay = [t for t in self._there if t.file.file_path not in away]
        before = row_count(stay)
        rows = None if before is None else before + sum(f.rows for f in added)
        return with_store_facts(replace(state, fields=self._fields), rows=rows, extra={})

    def _stage(
        self, added: Sequence[Datafile], removed: Sequence[FileScanTask], state: State
    ) -> None:
        """Write the snapshot's manifests; nothing refers to them yet."""
        transaction, io = self._transaction, self._io
        transaction.set_properties({STATE: state.to_json()})
        metadata = transaction.table_metadata
        update = transaction.update_snapshot()
        # Though it may add nothing there is a snapshot, by which another load is noticed.
        with update.overwrite() if removed else update.merge_append() as snapshot:
            for task in removed:
                snapshot.delete_data_file(task.file)
            for file in added:
                path = f"{metadata.location}/{file.name}"
                snapshot.append_data_file(parquet_file_to_data_file(io, metadata, path))

    def _publish(self, ours: str) -> None:
        """Commit. An error is looked into before it is raised: the answer may have been lost, or
        the commit may still be on its way."""
        # The library would commit again on top of whatever is there, and remove what it wrote where
        # it takes a commit for failed: both are decided here, by what is read back.
        self._transaction._snapshot_producers = []
        self._over = True  # from here on: what may be published must not be removed
        try:
            self._transaction.commit_transaction()
            return
        except Exception as error:  # noqa: BLE001 - few of its answers are certain
            cause = error
        try:
            table = found(self._catalog, self._place)
        except HyggeError:
            raise self._unknown(cause) from cause
        if table is not None and table.properties.get(STATE) == ours:
            return
        if isinstance(cause, OVERTAKEN) or state_of(table, self._place) != self._held:
            self._over = False
            raise self._conflict() from cause
        if isinstance(cause, DENIED):
            self._over = False
            with telling(self._place):
                raise cause
        raise self._unknown(cause) from cause

    def abort(self) -> None:
        if self._over:
            return
        self._over = True
        with suppress(HyggeError), telling(self._place):
            self._shelf.remove_folder(self.ticket.folder)
