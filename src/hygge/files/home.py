"""What every file Home does: its settings, where its files are, and which entities there are."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field as Setting

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError, ConnectError
from hygge.core.home import Home, Table
from hygge.core.settings import HomeConfig
from hygge.files.paths import (
    Input,
    PathText,
    default_path,
    entity_path,
    expand,
    resolve,
    shown,
    tables_in,
)

if TYPE_CHECKING:
    from hygge.files.session import FileSession


class FileHomeConfig(HomeConfig):
    """Settings every file Home has."""

    path: PathText = Setting(
        default="",
        description="A file, a folder or a glob; `data/<name>` without it. With entities it is "
        "the parent of theirs",
        examples=["data/source", "exports/2024-*.csv"],
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
    extensions: ClassVar[tuple[str, ...]] = ()
    """File name endings of the format, the usual one first."""
    carrier: ClassVar[str | None] = None
    """The file without rows that tells the fields of an empty table that hygge wrote."""
    target: Path | None = None
    """What the path names, once bound."""
    root: Path | None = None

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        placed = dict(settings)
        if shared:
            placed["path"] = entity_path(settings.get("path") or "data", entity)
        return placed

    def bind(self, around: Surroundings) -> Self:
        path = self.config.path or default_path(self.name, "Home")
        return self.copy_with(target=resolve(path, around.root), root=around.root)

    def place(self) -> str:
        if self.target is None or self.root is None:
            return str(self.config.path or default_path(self.name, "Home"))
        return shown(self.target, self.root)

    def identity(self) -> Mapping[str, Any]:
        return {"type": self.type, "path": self.config.path or default_path(self.name, "Home")}

    def tables(self, context: Context) -> Sequence[Table]:
        if self.target is None:
            raise ConfigError(f"{self!r} is not bound to a folder")
        found = tables_in(self.target, self.extensions, self.place(), self.carrier)
        return [Table("", name) for name in found]

    def inputs(self) -> list[Input]:
        """The files it reads, sorted. Raises ConnectError where there are none."""
        if self.target is None:
            raise ConfigError(f"{self!r} is not bound to a folder")
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

    @abstractmethod
    def open(self, context: Context) -> FileSession:
        """A session over files of the format; see `Home.open`."""
