"""What every file Store does: settle an entity into a folder of parts, with its state."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.core.load import Writer
from hygge.core.settings import StoreConfig
from hygge.core.settling import StoreSession
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.core.upkeep import Optimize
from hygge.files import local
from hygge.files.format import Format
from hygge.files.manner import Manner
from hygge.files.paths import PathText, entity_path, path_of, shown, written_path
from hygge.files.rewrite import Sizes
from hygge.files.settling import FileStoreSession
from hygge.files.writer import FileWriter, Ticket
from hygge.storage.connection import is_remote
from hygge.storage.path import AnyPath, RemotePath


class FileStoreConfig(StoreConfig):
    """Settings every file Store has."""

    path: PathText = Field(
        default="",
        description="The folder to settle into, here or as a URL like `s3://bucket/folder`; "
        "`data/<name>` without it. With entities it is the parent of theirs",
        examples=["data/users"],
    )
    connection: str | None = Field(
        default=None,
        description="A connection of type s3, gcs, azure or sftp; `path` is then below its `url`",
        examples=["lake"],
    )
    optimize: Optimize = Field(
        default=Optimize(),
        description="Upkeep by the loads themselves: `compact` has an append, or the replacing of "
        "a window, join small files when that is due; `vacuum` is how long object storage keeps "
        "what is replaced (24h if left out), while a folder here keeps nothing",
        examples=[{"compact": "24h", "vacuum": "7d"}],
    )
    part_rows: int = Field(
        default=250_000, ge=1, description="Rows of a full file, however small the batches are"
    )
    part_bytes: int = Field(
        default=128 << 20,
        ge=1 << 16,
        description="Bytes in memory at which a file is full, whatever its rows",
    )


class FileStore(Store, ABC):
    """Settles an entity into a folder of files, one generation exchanged for the next."""

    Config = FileStoreConfig
    config: Any
    keeps_state = True
    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append")
    extensions: ClassVar[tuple[str, ...]] = ()
    """File name endings of the format; a path that has one names a file."""
    folder: AnyPath | None = None
    """The destination once bound."""
    root: Path | None = None

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        placed = dict(settings)
        if shared:
            parent = settings.get("path") or ("" if settings.get("connection") else "data")
            placed["path"] = entity_path(parent, entity)
        return placed

    def bind(self, around: Surroundings) -> Self:
        if self.config.connection is not None and self.folder is not None:
            return self  # its connection has been found; another project may not have it
        path = self._path()
        folder = path_of(path, around, self.config.connection, owner=f"Store '{self.name}'")
        if isinstance(folder, RemotePath) and not folder.key:
            raise ConfigError(
                f"{folder} is a whole bucket, and a Store settles into a folder of it",
                hint=f"e.g. `path: {folder}/{self.name or 'users'}`",
            )
        here = isinstance(folder, Path) and folder.is_dir()
        ending = folder.name.rpartition(".")[2].lower() if "." in folder.name else ""
        if ending in self.extensions and not here:
            raise ConfigError(
                f"the path '{path}' names a file, and a Store of type '{self.type}' settles into "
                "a folder",
                hint=f"use `path: {Path(path).with_suffix('')}`",
            )
        return self.copy_with(folder=folder, root=around.root)

    def _path(self) -> str:
        return written_path(self.config.path, self.name, "Store", self.config.connection)

    def place(self) -> str:
        if self.folder is None or self.root is None:
            return self._path()
        return shown(self.folder, self.root)

    def identity(self) -> Mapping[str, Any]:
        path, connection = self._path(), self.config.connection
        if is_remote(path, connection):
            by = {"connection": connection} if connection else {}
            return {"type": self.type, "path": path.rstrip("/"), **by}
        return {"type": self.type, "path": os.path.normpath(path)}

    def readers(self, mode: Mode) -> str:
        if isinstance(self.folder, RemotePath):
            return (
                "not atomic; use delta: a glob sees files as they are uploaded, before and after "
                "they count; Homes of hygge read the manifest, and so whole loads"
            )
        folder = self.folder
        while folder is not None and not folder.is_dir() and folder != folder.parent:
            folder = folder.parent
        if folder is not None and not local.can_exchange(folder):
            return (
                "the old rows, for a moment no folder, then the new rows "
                "(no exchange on this file system)"
            )
        return "the old rows, then all the new ones: one exchange"

    @abstractmethod
    def form(self) -> Format:
        """The format with this Store's settings."""

    def manner(self) -> Manner:
        """How it settles."""
        sizes = Sizes(self.config.part_rows, self.config.part_bytes)
        return Manner(self.form(), sizes, self.config.optimize)

    def open(self, context: Context) -> StoreSession:
        if self.folder is None:
            raise ConfigError(f"{self!r} is not bound to a folder")
        if isinstance(self.folder, RemotePath):
            from hygge.files.remote.session import RemoteSession

            return RemoteSession(self, self.folder, self.manner(), context)
        return FileStoreSession(self, self.folder, self.manner(), context)

    def writer(self, ticket: Ticket, chunk: int, context: Context) -> Writer:
        return FileWriter(ticket, chunk, context)

    def compact(self, context: Context) -> tuple[int, int]:
        """Put small files together, as a new generation with the same rows and position.

        Returns
        -------
        How many files there were, and how many there are now.

        Raises
        ------
        StateError: nothing of hygge's lies there. ConflictError: a load was quicker.
        """
        with self.open(context) as session:
            result: tuple[int, int] = session.compact()  # type: ignore[attr-defined]
            return result
