"""Files beside a table's own: written whole, durable, read back, listed, removed."""

from __future__ import annotations

import hashlib
import posixpath
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl
import pyarrow.parquet as pq

from hygge.core.errors import HyggeError, TransientError
from hygge.files import local
from hygge.storage.address import Address
from hygge.storage.tree import Taken, Tree

READ_ROWS = 16_384
"""Rows of a Parquet file that are decoded in one go, by one thread: Arrow's allocator keeps what
each thread has freed. Reading rows of 440 bytes so peaked at 212 instead of 362 MB (65,536 by two),
in half of the processor's time."""

Data: TypeAlias = bytes | memoryview


@dataclass(frozen=True, slots=True)
class Entry:
    """A file that lies on a shelf: its name there, bytes, and when it was written (UTC)."""

    name: str
    bytes: int
    at: datetime


class Shelf(ABC):
    """A folder of this machine or of an object store, in which names may have slashes."""

    @abstractmethod
    def write(self, name: str, data: Data) -> None:
        """Write a file whole, under a name nobody else writes; it is durable when this returns."""

    @abstractmethod
    def read(self, name: str) -> bytes:
        """A file's bytes. Raises FileNotFoundError."""

    @abstractmethod
    def open(self, name: str) -> Any:
        """A file to read from, as a binary file object. Raises FileNotFoundError."""

    @abstractmethod
    def entries(self, folder: str = "", *, deep: bool = False) -> list[Entry]:
        """The files of a folder, by name; with `deep`, those of the folders in it as well."""

    @abstractmethod
    def remove(self, names: Sequence[str]) -> None:
        """Remove files; what is not there is not missed, and what cannot be removed stays."""

    def amiss(self, sizes: Mapping[str, int]) -> dict[str, int | None]:
        """Those of some files that are not there, or not as long as they should be, in order.

        Parameters
        ----------
        sizes: the bytes that each should have.

        Returns
        -------
        The bytes that each has; None for one that is not there.
        """
        if not sizes:
            return {}
        above = posixpath.commonpath([posixpath.dirname(name) for name in sizes])
        there = {entry.name: entry.bytes for entry in self.entries(above, deep=True)}
        return _amiss(sizes, there.get)

    def remove_folder(self, folder: str) -> None:
        """Remove a folder and all in it; what cannot be removed stays."""
        self.remove([entry.name for entry in self.entries(folder, deep=True)])

    def rows(self, name: str) -> int:
        """How many rows a Parquet file has, from its footer. Raises FileNotFoundError."""
        with self.open(name) as file:
            return int(pq.read_metadata(file).num_rows)

    def frames(self, name: str, columns: Sequence[str] | None = None) -> Iterator[pl.DataFrame]:
        """A Parquet file's rows in pieces; of all columns, or of some."""
        with self.open(name) as source, pq.ParquetFile(source, pre_buffer=False) as file:
            for batch in file.iter_batches(READ_ROWS, columns=columns, use_threads=False):
                yield pl.DataFrame(batch)


class Folder(Shelf):
    """A folder of this machine, which need not exist yet."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def write(self, name: str, data: Data) -> None:
        path = self._path / name
        local.make_folder(path.parent)
        with path.open("xb") as file:
            file.write(data)
        local.sync(path)
        local.sync(path.parent)

    def read(self, name: str) -> bytes:
        return (self._path / name).read_bytes()

    def open(self, name: str) -> Any:
        return (self._path / name).open("rb")

    def entries(self, folder: str = "", *, deep: bool = False) -> list[Entry]:
        found = (self._path / folder).glob("**/*" if deep else "*")
        return [_lying(path, self._path) for path in sorted(found) if path.is_file()]

    def amiss(self, sizes: Mapping[str, int]) -> dict[str, int | None]:
        return _amiss(sizes, self._size)

    def _size(self, name: str) -> int | None:
        try:
            return (self._path / name).stat().st_size
        except (FileNotFoundError, NotADirectoryError):
            return None

    def remove(self, names: Sequence[str]) -> None:
        for name in names:
            with suppress(OSError):
                (self._path / name).unlink()

    def remove_folder(self, folder: str) -> None:
        local.remove_folder(self._path / folder)


def _amiss(sizes: Mapping[str, int], size_of: Callable[[str], int | None]) -> dict[str, int | None]:
    there = {name: size_of(name) for name in sorted(sizes)}
    return {name: size for name, size in there.items() if size != sizes[name]}


def _lying(path: Path, root: Path) -> Entry:
    told = path.stat()
    at = datetime.fromtimestamp(told.st_mtime, UTC)
    return Entry(path.relative_to(root).as_posix(), told.st_size, at)


class Branch(Shelf):
    """A folder of an object store."""

    def __init__(self, tree: Tree, address: Address) -> None:
        self._tree, self._root = tree, f"{address.key}/" if address.key else ""

    def write(self, name: str, data: Data) -> None:
        key = self._root + name
        try:
            self._tree.create(key, bytes(data))
        except Taken:  # by a try of this very request, whose answer was lost
            if self._tree.read(key) != data:
                raise TransientError(f"{key} was written by another") from None

    def read(self, name: str) -> bytes:
        return self._tree.read(self._root + name)

    def open(self, name: str) -> Any:
        return self._tree.open(self._root + name)

    def entries(self, folder: str = "", *, deep: bool = False) -> list[Entry]:
        return [
            Entry(found.key.removeprefix(self._root), found.size,
                  datetime.fromtimestamp(found.changed / 1e9, UTC))
            for found in self._tree.below((self._root + folder).rstrip("/"), deep=deep)
        ]  # fmt: skip

    def remove(self, names: Sequence[str]) -> None:
        with suppress(HyggeError):
            self._tree.delete([self._root + name for name in names])


def digest_of(data: Data) -> str:
    """blake2b-128 of a file's bytes, hex, as receipts have it."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()
