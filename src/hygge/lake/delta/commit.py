"""The commit of a load into a Delta table, as the library makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, Literal

import polars as pl
from deltalake import DeltaTable, TableFeatures, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError
from deltalake.transaction import AddAction, create_table_with_add_actions

from hygge.core.context import CancelToken
from hygge.core.fields import Schema
from hygge.lake.delta import merge
from hygge.lake.delta.table import number_of, properties, writing
from hygge.lake.delta.types import has_naive_times, native_schema
from hygge.lake.once import COMES, Coming
from hygge.lake.parts import Datafile
from hygge.lake.place import Place

APPEND_RETRIES = 15
"""How often an append is tried anew where others than hygge commit at the same moment."""


@dataclass(frozen=True)
class Change:
    """What is brought into a table that has rows.

    Parameters
    ----------
    how: `append` adds all that comes; `merge` replaces rows under the same key; `delete_insert`
        takes out the rows whose keys go, and adds all that comes.
    coming: what comes, and the keys that go.
    keys: the columns by which rows go.
    bounds: conditions that all of these keys meet; see merge.
    """

    how: Literal["append", "merge", "delete_insert"]
    coming: Coming
    keys: Sequence[str] = ()
    bounds: Sequence[str] = ()


@dataclass(frozen=True)
class Target:
    """What a table is to be.

    Parameters
    ----------
    lying: its fields as they are to lie.
    partition: the columns it is parted by.
    number: of the state that the commit is to point at.
    compression: of files that the library writes.
    """

    lying: Schema
    partition: Sequence[str]
    number: int
    compression: str

    @property
    def _schema(self) -> Any:
        return native_schema(self.lying)

    @property
    def _once(self) -> Any:
        return properties(self.number, retries=0)

    def create(self, place: Place, files: Sequence[Datafile]) -> None:
        """A table that is not there yet."""
        create_table_with_add_actions(
            place.address, self._schema, _added(files), mode="error",
            partition_by=list(self.partition), storage_options=place.revealed(),
            commit_properties=self._once,
        )  # fmt: skip

    def exchange(self, table: DeltaTable, files: Sequence[Datafile]) -> None:
        """All files for others."""
        self._write(table, files, "overwrite", self._once)

    def append(self, table: DeltaTable, files: Sequence[Datafile]) -> None:
        """Files, on top of what others commit meanwhile."""
        self._write(table, files, "append", properties(self.number, retries=APPEND_RETRIES))

    def _write(self, table: DeltaTable, files: Sequence[Datafile], mode: Any, how: Any) -> None:
        table.create_write_transaction(
            _added(files), mode, self._schema, list(self.partition), commit_properties=how
        )

    def bring_in(
        self, table: DeltaTable, change: Change, cancel: CancelToken, *, widens: bool
    ) -> None:
        """Rows into those that are there.

        Parameters
        ----------
        cancel: checked between pieces.
        widens: whether columns come that the table does not have.
        """
        frames, physical = change.coming.frames, self.lying.physical
        if change.how == "delete_insert":
            frames = partial(change.coming.with_keys, self.lying)
            physical = pl.Schema({**physical, COMES: pl.Boolean()})
        stream = merge.Stream(physical, frames, cancel)
        how = writing(self.compression)
        try:
            if change.how == "append":
                write_deltalake(
                    table, stream.reader(), mode="append", schema_mode="merge",
                    writer_properties=how, commit_properties=self._once,
                )  # fmt: skip
            else:
                bring = merge.merge if change.how == "merge" else merge.delete_insert
                given = merge.How(self._once, how, widens=widens)
                bring(table, stream, self.lying.names, change.keys, change.bounds, given)
        except DeltaError:
            if stream.error is not None:
                raise stream.error from None
            raise
        if number_of(table) != self.number:  # what changes nothing is not committed by itself
            self._write(table, (), "append", self._once)

    def allow_naive_times(self, table: DeltaTable) -> bool:
        """Turn on the table's feature for times without a zone, in a commit of its own, where it is
        needed: to have it changes nothing. Returns whether there was a commit."""
        if not has_naive_times(self.lying):
            return False
        if "timestampNtz" in (table.protocol().writer_features or ()):
            return False
        table.alter.add_feature(
            TableFeatures.TimestampWithoutTimezone, allow_protocol_versions_increase=True
        )
        return True


def is_overtaken(error: Exception) -> bool:
    """Whether others have committed meanwhile and this has not: the library's error for a conflict
    is also its error for a log store (DynamoDB) that gave no answer; delta-rs, TransactionError."""
    return isinstance(error, CommitFailedError) and not str(error).startswith("Transaction failed")


def _added(files: Sequence[Datafile]) -> list[Any]:
    now = int(datetime.now(UTC).timestamp() * 1000)
    return [
        AddAction(f.name, f.bytes, f.facts["partition"], now, True, f.facts["stats"]) for f in files
    ]
