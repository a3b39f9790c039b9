"""A path to a file or folder elsewhere, with as much of `pathlib.Path` as readers of files use."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection, tree_of
from hygge.storage.tree import Entry, RangedFile, Tree

BUFFER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class RemotePath:
    """A file or folder elsewhere. It pickles; the way in is opened where it is used.

    Parameters
    ----------
    connection, address: where it is.
    size, tag: of a file that was listed, its size in bytes and its version; else None and "".
    """

    connection: StorageConnection
    address: Address
    size: int | None = None
    tag: str = ""

    @property
    def tree(self) -> Tree:
        """The way in to its bucket or server."""
        return tree_of(self.connection, self.address.at(""))

    @property
    def key(self) -> str:
        """Its whole name in the bucket or on the server."""
        return self.address.key

    @property
    def name(self) -> str:
        """The last part of its key."""
        return self.key.rpartition("/")[2]

    @property
    def parent(self) -> Self:
        """The folder it lies in."""
        return type(self)(self.connection, self.address.at(self.key.rpartition("/")[0]))

    def __truediv__(self, name: str) -> Self:
        return type(self)(self.connection, self.address.join(name))

    def __str__(self) -> str:
        return str(self.address)

    def listed(self, entry: Entry) -> Self:
        """A file of the same bucket, as it was listed."""
        return type(self)(self.connection, self.address.at(entry.key), entry.size, entry.tag)

    def raw(self) -> RangedFile:
        """The file to read from, without a buffer. Raises FileNotFoundError."""
        return self.tree.open(self.key, self.size)

    def open(self, mode: str = "rb") -> io.BufferedReader:
        """The file to read from. Raises FileNotFoundError."""
        assert mode == "rb"  # nothing else is asked for
        return io.BufferedReader(self.raw(), BUFFER_BYTES)

    def unlink(self, missing_ok: bool = True) -> None:
        """Remove the file; one that is not there is not missed."""
        self.tree.delete([self.key])


AnyPath = Path | RemotePath
"""Where a file lies: here, or elsewhere."""


def size_of(path: AnyPath) -> int:
    """A file's size in bytes. Raises FileNotFoundError."""
    if isinstance(path, Path):
        return path.stat().st_size
    return path.tree.entry(path.key).size if path.size is None else path.size
