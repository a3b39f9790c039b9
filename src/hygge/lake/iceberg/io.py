"""Files of Iceberg's library in an object store, by way of hygge's own connections to those."""

from __future__ import annotations

import io
from typing import Any

from pyiceberg.io import FileIO, InputFile, InputStream, OutputFile, OutputStream
from pyiceberg.typedef import EMPTY_DICT, Properties

from hygge.lake.shelf import Branch, Shelf
from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection, tree_of

IMPLEMENTATION = "py-io-impl"
"""The property that names a class of files; https://py.iceberg.apache.org/configuration/#fileio"""
CONNECTION = "hygge.connection"
"""The property that holds a connection itself; it stays in this process."""


def by(connection: StorageConnection) -> dict[str, Any]:
    """The properties of a catalog whose tables are reached by a connection."""
    return {IMPLEMENTATION: f"{__name__}.{ConnectedIO.__name__}", CONNECTION: connection}


class ConnectedIO(FileIO):
    """Files reached by the connection that the property CONNECTION holds. It pickles."""

    def __init__(self, properties: Properties = EMPTY_DICT) -> None:
        super().__init__(properties)
        self._connection: StorageConnection = properties[CONNECTION]

    def shelf(self, location: str) -> Shelf:
        """A folder."""
        address = Address.parse(location)
        return Branch(tree_of(self._connection, address.at("")), address)

    def new_input(self, location: str) -> ConnectedFile:
        return ConnectedFile(self, location)

    def new_output(self, location: str) -> ConnectedFile:
        return ConnectedFile(self, location)

    def delete(self, location: str | InputFile | OutputFile) -> None:
        told = location if isinstance(location, str) else location.location
        folder, _, name = told.rpartition("/")
        self.shelf(folder).remove([name])


class ConnectedFile(InputFile, OutputFile):
    """One file. What is written is there once it is closed, whole; names are never used twice."""

    def __init__(self, source: ConnectedIO, location: str) -> None:
        super().__init__(location)
        folder, _, self._name = location.rpartition("/")
        self._shelf = source.shelf(folder)

    def __len__(self) -> int:
        with self._shelf.open(self._name) as file:
            return int(file.seek(0, io.SEEK_END))

    def exists(self) -> bool:
        try:
            self._shelf.open(self._name).close()
        except FileNotFoundError:
            return False
        return True

    def open(self, seekable: bool = True) -> InputStream:
        opened: InputStream = self._shelf.open(self._name)
        return opened

    def to_input_file(self) -> InputFile:
        return self

    def create(self, overwrite: bool = False) -> OutputStream:
        return _Written(self._shelf, self._name)


class _Written(io.BytesIO):
    def __init__(self, shelf: Shelf, name: str) -> None:
        super().__init__()
        self._shelf, self._name, self._done = shelf, name, False

    def __exit__(self, kind: Any, *exc: Any) -> None:
        self._done = self._done or kind is not None  # what failed half-way is not written
        super().__exit__(kind, *exc)

    def close(self) -> None:
        if not self._done:
            self._done = True
            self._shelf.write(self._name, self.getvalue())
        super().close()
