"""An Iceberg table's state, its folder, and its files as the library describes them."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from pyarrow import fs
from pyiceberg.catalog import Catalog
from pyiceberg.exceptions import ValidationError
from pyiceberg.expressions import (
    AlwaysTrue,
    And,
    BooleanExpression,
    GreaterThanOrEqual,
    IsNull,
    LessThanOrEqual,
)  # fmt: skip
from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO, parquet_file_to_data_file
from pyiceberg.manifest import DataFile
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import FileScanTask, Table, Transaction
from pyiceberg.table.metadata import TableMetadata

from hygge.core.state import State
from hygge.lake.iceberg.io import ConnectedIO
from hygge.lake.shelf import Data, Entry, Folder, Shelf

STATE = "hygge.state"
"""The table property that holds the state."""
_METRICS = "write.metadata.metrics"
METADATA = ".metadata.json"
"""What the names of a table's metadata end with, in its folder `metadata`."""


def state_of(table: Table | None, place: object) -> State | None:
    """What a table holds; None for nothing of hygge's. Raises StateError where it is damaged."""
    text = None if table is None else table.properties.get(STATE)
    return None if text is None else State.from_json(text, place=str(place))


def shelf_of(location: str, io: FileIO) -> Shelf:
    """A table's folder."""
    if isinstance(io, ConnectedIO):
        return io.shelf(location)
    scheme, netloc, path = PyArrowFileIO.parse_location(location)
    if scheme == "file":
        return Folder(Path(path))
    mine = io if isinstance(io, PyArrowFileIO) else PyArrowFileIO(io.properties)
    return Mounted(fs.SubTreeFileSystem(path, mine.fs_by_scheme(scheme, netloc)))


class Mounted(Shelf):
    """A folder of a file system of Arrow's."""

    def __init__(self, system: fs.FileSystem) -> None:
        self._system = system

    def write(self, name: str, data: Data) -> None:
        with self._system.open_output_stream(name) as file:
            file.write(data)

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            return file.read()  # type: ignore[no-any-return]

    def open(self, name: str) -> Any:
        return self._system.open_input_file(name)

    def entries(self, folder: str = "", *, deep: bool = False) -> list[Entry]:
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=deep)
        found = (i for i in self._system.get_file_info(selector) if i.is_file)
        return sorted(
            (Entry(i.path.lstrip("/"), int(i.size), (i.mtime or datetime.now(UTC)).astimezone(UTC))
             for i in found),
            key=lambda entry: entry.name,
        )  # fmt: skip

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            try:
                self._system.delete_file(name)
            except OSError:
                continue  # what cannot be removed stays


def making(
    catalog: Catalog, identifier: tuple[str, ...], schema: Schema, spec: PartitionSpec
) -> Transaction:
    """A transaction that makes a table, in a folder in which no other's metadata is: catalogs that
    share a warehouse choose the same folder for tables of one name."""
    make = partial(
        catalog.create_table_transaction, identifier, schema,
        partition_spec=spec, properties={"format-version": "2"},
    )  # fmt: skip
    made = make()
    location, io = made.table_metadata.location, made._table.io
    if any(e.name.endswith(METADATA) for e in shelf_of(location, io).entries("metadata")):
        return make(location=f"{location}-{secrets.token_hex(4)}")
    return made


def is_of(metadata: TableMetadata, io: FileIO, name: str) -> bool:
    """Whether a file of metadata in a table's folder tells of that table; not where it cannot be
    read."""
    try:
        there = FromInputFile.table_metadata(io.new_input(f"{metadata.location}/{name}"))
    except (ValidationError, ValueError, FileNotFoundError):
        return False
    return there.table_uuid == metadata.table_uuid


def forget(metadata: TableMetadata, io: FileIO) -> None:
    """Remove the metadata of a table that was not made, since another of its name was made first:
    it lies in that one's folder, and vacuum removes nothing where a strange table's metadata is."""
    shelf = shelf_of(metadata.location, io)
    names = [entry.name for entry in shelf.entries("metadata")]
    shelf.remove([n for n in names if n.endswith(METADATA) and is_of(metadata, io, n)])


def tasks_of(table: Table, row_filter: BooleanExpression | None = None) -> list[FileScanTask]:
    """The files of a table's newest snapshot; those that may have rows which meet a condition."""
    if table.current_snapshot() is None:
        return []
    return list(table.scan(row_filter=row_filter or AlwaysTrue()).plan_files())


def within(location: str, paths: Iterable[str]) -> set[str]:
    """Files as they are called within a table's folder; those elsewhere are passed over."""
    root = f"{_bare(location)}/"
    return {bare.removeprefix(root) for bare in map(_bare, paths) if bare.startswith(root)}


def _bare(location: str) -> str:
    """A location without its scheme, of which some have two names (s3, s3a)."""
    _, netloc, path = PyArrowFileIO.parse_location(location.rstrip("/"))
    return path if path.startswith(netloc) else f"{netloc}{path}"


def sizes_of(location: str, tasks: Iterable[FileScanTask]) -> dict[str, int]:
    """The bytes of some files, and of those of rows deleted from them, by their names within a
    table's folder."""
    files = (file for task in tasks for file in (task.file, *task.delete_files))
    sizes = {file.file_path: file.file_size_in_bytes for file in files}
    return {name: size for path, size in sizes.items() for name in within(location, [path])}


def row_count(tasks: Iterable[FileScanTask]) -> int | None:
    """The rows of some files; None where not all of a file's rows count."""
    files = list(tasks)
    if any(task.delete_files for task in files):
        return None
    return sum(task.file.record_count for task in files)


def near(bounds: Mapping[str, tuple[int, int]], empty: str) -> BooleanExpression:
    """The condition for columns of whole numbers to be within bounds, and for one to be NULL.

    Parameters
    ----------
    empty: that column; "" for none.
    """
    condition: BooleanExpression = IsNull(term=empty) if empty else AlwaysTrue()
    for name, (low, high) in bounds.items():
        above, below = (
            GreaterThanOrEqual(term=name, value=low),
            LessThanOrEqual(term=name, value=high),
        )
        condition = And(And(condition, above), below)
    return condition


def exchange(
    transaction: Transaction, added: Sequence[str], removed: Sequence[FileScanTask]
) -> None:
    """Write a snapshot's manifests, and put it into a transaction; nothing refers to them yet.

    Parameters
    ----------
    added: files that lie in the table's folder.
    removed: files of the table's.
    """
    metadata, io = transaction.table_metadata, transaction._table.io
    update = transaction.update_snapshot()
    # Though it may add nothing there is a snapshot, by which another load is noticed.
    with update.overwrite() if removed else update.merge_append() as snapshot:
        for task in removed:
            snapshot.delete_data_file(task.file)
        for name in added:
            path = f"{metadata.location}/{name}"
            snapshot.append_data_file(_described(io, metadata, path))


def _described(io: FileIO, metadata: TableMetadata, path: str) -> DataFile:
    """A file as manifests have it, with its columns' bounds.

    PyIceberg cuts a text's upper bound and counts its last character up, which U+D7FF is not made
    for: what follows it no UTF-8 has. Then the bounds of this file are whole.
    """
    try:
        return parquet_file_to_data_file(io, metadata, path)
    except UnicodeEncodeError:
        said = metadata.properties.items()
        whole = {name: value for name, value in said if not name.startswith(_METRICS)}
        properties = {**whole, f"{_METRICS}.default": "full"}
        return parquet_file_to_data_file(
            io, metadata.model_copy(update={"properties": properties}), path
        )
