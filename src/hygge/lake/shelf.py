"""Files beside a table's own: written whole, durable, read back, listed, removed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
from pyarrow import fs

from hygge.files import local

READ_ROWS = 65_536
"""Rows of a Parquet file that are decoded in one go."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that lies on a shelf: its name there, bytes, and when it was written (UTC)."""

    name: str
    bytes: int
    at: datetime


class Shelf:
    """A folder of this machine or of an object store, in which names may have slashes.

    Parameters
    ----------
    system: a file system whose root is the folder.
    folder: where it is one of this machine, so that what is written is made durable.
    """

    def __init__(self, system: fs.FileSystem, folder: Path | None = None) -> None:
        self._system, self._folder = system, folder

    @classmethod
    def at(cls, folder: Path) -> Shelf:
        """A folder of this machine, which need not exist yet."""
        return cls(fs.SubTreeFileSystem(str(folder), fs.LocalFileSystem()), folder)

    def write(self, name: str, data: bytes) -> None:
        """Write a file whole; it is durable when this returns."""
        if self._folder is None:
            with self._system.open_output_stream(name) as file:
                file.write(data)
            return
        path = self._folder / name
        local.make_folder(path.parent)
        with path.open("xb") as file:
            file.write(data)
        local.sync(path)
        local.sync(path.parent)

    def read(self, name: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError."""
        with self._system.open_input_file(name) as file:
            return file.read()  # type: ignore[no-any-return]

    def rows(self, name: str) -> int:
        """How many rows a Parquet file has, from its footer. Raises FileNotFoundError."""
        with self._system.open_input_file(name) as file:
            return int(pq.read_metadata(file).num_rows)

    def frames(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """A Parquet file's rows in pieces; of all columns, or of some."""
        with (
            self._system.open_input_file(name) as source,
            pq.ParquetFile(source, pre_buffer=False) as file,
        ):
            for batch in file.iter_batches(READ_ROWS, columns=columns):
                yield pl.DataFrame(batch)

    def entries(self, folder: str = "", *, deep: bool = False) -> list[Entry]:
        """The files of a folder, by name; with `deep`, those of the folders in it as well."""
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=deep)
        found = self._system.get_file_info(selector)
        return sorted(
            (Entry(i.path.lstrip("/"), int(i.size or 0), _when(i)) for i in found if i.is_file),
            key=lambda entry: entry.name,
        )

    def remove(self, names: Sequence[str]) -> None:
        """Remove files; what is not there is not missed, and what cannot be removed stays."""
        for name in names:
            with suppress(OSError):
                self._system.delete_file(name)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder and all in it; what cannot be removed stays."""
        self.remove([entry.name for entry in self.entries(folder, deep=True)])
        if self._folder is not None:
            local.remove_folder(self._folder / folder)


def _when(info: Any) -> datetime:
    at: datetime | None = info.mtime
    return datetime.now(UTC) if at is None else at.astimezone(UTC)


def digest_of(data: bytes) -> str:
    """blake2b-128 of a file's bytes, hex, as receipts have it."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
