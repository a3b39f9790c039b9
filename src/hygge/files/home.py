"""What every file Home does: its settings, where its files are, and which entities there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field as Setting

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError, ConnectError
from hygge.core.home import Home, Table
from hygge.core.reading import HomeSession
from hygge.core.settings import HomeConfig
from hygge.files.format import STATE_FILE
from hygge.files.paths import (
    Input,
    PathText,
    entity_path,
    expand,
    path_of,
    shown,
    tables_in,
    written_path,
)
from hygge.files.remote import inputs as elsewhere
from hygge.files.remote.manifest import generations
from hygge.storage.path import AnyPath, RemotePath


class FileHomeConfig(HomeConfig):
    """Settings every file Home has."""

    path: PathText = Setting(
        default="",
        description="A file, a folder or a glob, here or as a URL like `s3://bucket/folder`; "
        "`data/<name>` without it. With entities it is the parent of theirs",
        examples=["data/source", "exports/2024-*.csv"],
    )
    connection: str | None = Setting(
        default=None,
        description="A connection of type s3, gcs, azure or sftp; `path` is then below its `url`",
        examples=["lake"],
    )
    hive: bool = Setting(
        default=False,
        description="Whether files lie in folders named column=value, which become columns",
    )


class FileHome(Home, ABC):
    """Reads an entity from files of one format."""

    Config = FileHomeConfig
    config: Any
    incremental = True
    by_files = True
    extensions: ClassVar[tuple[str, ...]] = ()
    """File name endings of the format, the usual one first."""
    carrier: ClassVar[str | None] = None
    """The file without rows that tells the fields of an empty table that hygge wrote."""
    target: AnyPath | None = None
    """What the path names, once bound."""
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
        if self.config.connection is not None and self.target is not None:
            return self  # its connection has been found; another project may not have it
        target = path_of(self._path(), around, self.config.connection, owner=f"Home '{self.name}'")
        return self.copy_with(target=target, root=around.root)

    def _path(self) -> str:
        return written_path(self.config.path, self.name, "Home", self.config.connection)

    def place(self) -> str:
        if self.target is None or self.root is None:
            return self._path()
        return shown(self.target, self.root)

    def identity(self) -> Mapping[str, Any]:
        by = {"connection": self.config.connection} if self.config.connection else {}
        return {"type": self.type, "path": self._path(), **by}

    def tables(self, context: Context) -> Sequence[Table]:
        if self.target is None:
            raise ConfigError(f"{self!r} is not bound to a folder")
        if isinstance(self.target, RemotePath):
            return [Table("", n) for n in elsewhere.tables_in(self.target, self.extensions)]
        found = tables_in(self.target, self.extensions, self.place(), self.carrier)
        return [Table("", name) for name in found]

    def inputs(self) -> list[Input]:
        """The files it reads, sorted. Raises ConnectError where there are none."""
        if self.target is None:
            raise ConfigError(f"{self!r} is not bound to a folder")
        if isinstance(self.target, RemotePath):
            return elsewhere.expand(self.target, self.extensions, hive=self.config.hive)
        try:
            return expand(
                self.target, self.extensions, hive=self.config.hive, place=self.place(),
                carrier=self.carrier,
            )  # fmt: skip
        except PermissionError as error:
            raise ConnectError(
                f"{error.filename} cannot be read: {error.strerror}",
                hint="give hygge's user the right to read it",
            ) from error

    def loaded_by_hygge(self) -> bool:
        """Whether the path is a folder that hygge loaded, whose files are its own affair."""
        if isinstance(self.target, RemotePath):
            return bool(generations(self.target))
        carriers = {STATE_FILE, self.carrier or STATE_FILE}
        return self.target is not None and any((self.target / c).is_file() for c in carriers)

    def name_of(self, source: Input) -> str:
        """How a file is remembered: the same on every machine, if the project is."""
        return shown(source.path, self.root or Path())

    @abstractmethod
    def open(self, context: Context) -> HomeSession:
        """A session over files of the format; see `Home.open`."""
