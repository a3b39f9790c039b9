"""Housekeeping of an Iceberg table: small files are joined, old snapshots and their files removed.

The library has a way to take snapshots out of a table's metadata; joining files and removing those
that nothing names is done here.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import polars as pl
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import CommitFailedException
from pyiceberg.table import FileScanTask, Table

from hygge.core.context import CancelToken, Context
from hygge.core.errors import ConflictError, StateError
from hygge.core.fields import Schema
from hygge.lake.iceberg.catalog import Place, found, telling
from hygge.lake.iceberg.scan import frames_of
from hygge.lake.iceberg.shape import IcebergTicket, columns_of
from hygge.lake.iceberg.table import METADATA, exchange, is_of, shelf_of, tasks_of, within
from hygge.lake.iceberg.types import arrow_schema, logical_schema
from hygge.lake.parts import Shape
from hygge.lake.upkeep import Upkeep, tidying

SMALL = 4
"""A file is small if it has less than a quarter of a full one's rows ..."""
PACKED = 16
"""... and so much less than its bytes in memory: more than rows are packed in a file."""
OURS = {"data": (".parquet",), "metadata": (".avro", METADATA)}
"""The folders of a table, and the endings of the files in them, that are ever removed."""


@dataclass(frozen=True)
class Tidy:
    """Keeps one table tidy.

    Parameters
    ----------
    upkeep: what is done, and how often.
    shape: of the table's files.
    """

    upkeep: Upkeep
    shape: Shape

    def run(self, due: Set[str], catalog: Catalog, place: Place, context: Context) -> None:
        """Do what is due. The load stands whatever comes of it: what fails is told."""
        if not due:
            return
        with tidying(place, context, CommitFailedException), telling(place):
            table = found(catalog, place)
            if table is not None and "compact" in due:
                join_files(table, self.shape, place, context.cancel)
                table.refresh()
            if table is not None and "vacuum" in due and self.upkeep.vacuum is not None:
                remove_old(table, place, datetime.now(UTC) - self.upkeep.vacuum)


def join_files(table: Table, shape: Shape, place: Place, cancel: CancelToken) -> tuple[int, int]:
    """Rewrite small files into full ones, in one commit.

    Returns how many files there were, and how many there are now. Raises ConflictError where
    another has committed meanwhile.
    """
    metadata, every = table.metadata, tasks_of(table)
    partition = columns_of(metadata.spec(), metadata.schema(), str(place))
    groups = dict[Any, list[FileScanTask]]()
    for task in every:
        if _is_small(task, shape):
            groups.setdefault((task.file.spec_id, repr(task.file.partition)), []).append(task)
    small = [task for group in groups.values() if len(group) > 1 for task in group]
    if not small:
        return len(every), len(every)
    fields = logical_schema(metadata.schema(), str(place))
    # Under the names that loads have, so that vacuum removes what is left of a join that died.
    folder = f"data/join-{secrets.token_hex(8)}"
    shape = Shape(shape.sizes, shape.compression, partition)
    filler = IcebergTicket(
        folder, fields, fields, (), str(place), metadata.location, table.io, shape,
        arrow_schema(metadata.schema(), fields.names),
    ).filler("joined")  # fmt: skip
    try:
        for rows in _rows_of(table, small, fields):
            cancel.check()
            filler.add(rows)
        filler.flush()
        transaction = table.transaction()
        exchange(transaction, [file.name for file in filler.files], small)
        transaction._snapshot_producers = []  # see IcebergLoad: the library does not commit again
        transaction.commit_transaction()
    except CommitFailedException as error:
        filler.discard()
        raise ConflictError(
            f"{place} was changed while its files were joined; it is as the other left it",
            hint="run it again",
        ) from error
    return len(every), len(every) - len(small) + len(filler.files)


def _is_small(task: FileScanTask, shape: Shape) -> bool:
    file, full = task.file, shape.sizes
    return file.record_count * SMALL < full.rows and file.file_size_in_bytes * PACKED < full.bytes


def _rows_of(table: Table, tasks: Iterable[FileScanTask], fields: Schema) -> Iterator[pl.DataFrame]:
    for frame in frames_of(table, tasks, table.schema()):
        yield frame.select(fields.names)


def remove_old(table: Table, place: Place, before: datetime) -> list[str]:
    """Take snapshots out that are older, but for those of branches and tags, and remove files that
    are older and that nothing names then.

    Returns the names of the files within the table's folder. Raises StateError where the files
    that are named cannot be told from others, or may be another table's, in which case none is
    removed.
    """
    if str(table.properties.get("gc.enabled", "true")).lower() == "false":
        return []
    heads = {ref.snapshot_id for ref in table.metadata.refs.values()}
    limit = before.timestamp() * 1000
    if any(s.timestamp_ms < limit and s.snapshot_id not in heads for s in table.snapshots()):
        table.maintenance.expire_snapshots().older_than(before).commit()
        table.refresh()
    shelf = shelf_of(table.location(), table.io)
    needed, told = _named(table)
    lying = {e.name: e for folder in OURS for e in shelf.entries(folder, deep=True)}
    if missing := {name for name in needed if name.split("/")[0] in OURS} - set(lying):
        raise StateError(
            f"{place}: {min(missing)} is named by the table and not found in its folder; nothing "
            "was removed",
            hint="look whether the table was moved",
        )
    others = (n for n in lying if n.endswith(METADATA) and n not in needed and n not in told)
    if name := next((name for name in others if not is_of(table.metadata, table.io, name)), None):
        raise StateError(
            f"{place}: {name} in its folder is of another table; nothing was removed",
            hint="is the warehouse shared with another catalog? Load one of the two into another; "
            f"if no catalog has that table, remove the file from {table.location()}",
        )
    dead = [
        name
        for name, entry in lying.items()
        if name not in needed
        and name not in told
        and entry.at < before
        and name.endswith(OURS[name.split("/")[0]])
    ]
    shelf.remove(dead)
    return dead


def _named(table: Table) -> tuple[set[str], set[str]]:
    """The files, as they are called within a table's folder, that its snapshots need, and those
    that are named beside them and may be gone."""
    metadata, io = table.metadata, table.io
    beside = {entry.metadata_file for entry in metadata.metadata_log}
    beside |= {file.statistics_path for file in metadata.statistics}
    beside |= {file.statistics_path for file in metadata.partition_statistics}
    needed, read = {table.metadata_location}, set[str]()
    for snapshot in metadata.snapshots:
        needed.add(snapshot.manifest_list)
        for manifest in snapshot.manifests(io):
            needed.add(manifest.manifest_path)
            if manifest.manifest_path not in read:
                read.add(manifest.manifest_path)
                entries = manifest.fetch_manifest_entry(io, discard_deleted=True)
                needed |= {entry.data_file.file_path for entry in entries}
    own, others = (within(metadata.location, paths) for paths in (needed, beside))
    return own, others
