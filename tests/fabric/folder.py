"""A landing zone in a local folder, by the interface to files elsewhere; and one that loses
answers."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from hygge.core.errors import ConnectError, TransientError
from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection
from hygge.storage.tree import Entry, Taken, Tree, in_order


class FolderTree(Tree):
    """Files below a folder. What is being written lies beside it, where no list shows it."""

    def __init__(self, root: Path) -> None:
        self._root, self._beside = root, root.with_name(f"{root.name}.writing")
        root.mkdir(parents=True, exist_ok=True)
        self._beside.mkdir(exist_ok=True)

    def _entry(self, path: Path) -> Entry:
        told = path.stat()
        key = path.relative_to(self._root).as_posix()
        return Entry(key, told.st_size, told.st_mtime_ns, str(told.st_ino))

    def below(self, folder: str, *, deep: bool = False) -> list[Entry]:
        found = list[Entry]()
        for path in (self._root / folder).glob("**/*" if deep else "*"):
            try:
                if path.is_file():
                    found.append(self._entry(path))
            except FileNotFoundError:  # gone meanwhile
                continue
        return in_order(found)

    def folders(self, folder: str) -> list[str]:
        return sorted(p.name for p in (self._root / folder).glob("*") if p.is_dir())

    def entry(self, key: str) -> Entry:
        return self._entry(self._root / key)

    def fetch(self, key: str, start: int, stop: int) -> bytes:
        with (self._root / key).open("rb") as file:
            file.seek(start)
            return file.read(stop - start)

    def upload(self, source: Path, key: str) -> None:
        path = self._root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.read_bytes())

    def create(self, key: str, data: bytes) -> None:
        path, written = self._root / key, self._beside / uuid.uuid4().hex
        path.parent.mkdir(parents=True, exist_ok=True)
        written.write_bytes(data)
        try:
            os.link(written, path)
        except FileExistsError:
            raise Taken(key) from None
        finally:
            written.unlink()

    def delete(self, keys: Sequence[str]) -> None:
        for key in keys:
            path = self._root / key
            if path.is_dir():
                try:
                    path.rmdir()
                except OSError as error:
                    raise ConnectError(f"{key}: {error.strerror}") from None
            else:
                path.unlink(missing_ok=True)


class FolderConnection(StorageConnection):
    """Of landing zones below a folder: `folder:///somewhere`."""

    kind: ClassVar[str] = "folder"
    schemes: ClassVar[tuple[str, ...]] = ("folder",)
    root: Path

    def connect(self, address: Address) -> Tree:
        return FolderTree(self.root / address.authority)


class Watched(FolderConnection):
    """One whose creations are listed, or fail."""

    made: ClassVar[list[str]] = []
    fails: ClassVar[Callable[[int, str], str]] = lambda number, key: ""

    def connect(self, address: Address) -> Tree:
        return WatchedTree(self.root / address.authority)


class WatchedTree(FolderTree):
    def create(self, key: str, data: bytes) -> None:
        Watched.made.append(key.rpartition("LandingZone/")[2])
        how = Watched.fails(len(Watched.made), key)
        if how == "before":
            raise TransientError("the line was cut")
        super().create(key, data)
        if how == "after":
            raise TransientError("the answer was lost")
