"""What every file Store does: settle an entity into a folder of parts, with its state."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import Field

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError, ConnectError, StateError
from hygge.core.fields import Schema
from hygge.core.ledger import Ledger
from hygge.core.load import Load, LoadRequest, Writer
from hygge.core.settings import StoreConfig
from hygge.core.settling import StoreSession
from hygge.core.state import Mode, State, next_generation
from hygge.core.store import Store
from hygge.core.telling import telling
from hygge.core.upkeep import Optimize, due
from hygge.files import local
from hygge.files.assembly import COMPACTED_AT, link_parts, target_fields
from hygge.files.format import Format
from hygge.files.load import FileLoad, ledger_facts, publish
from hygge.files.manifest import Held, look
from hygge.files.parts import PartWriter
from hygge.files.paths import PathText, entity_path, path_of, shown, written_path
from hygge.files.rewrite import Sizes, coalesce, valued
from hygge.files.stage import Stage, recover, unchanging
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

    @property
    def sizes(self) -> Sizes:
        return Sizes(self.config.part_rows, self.config.part_bytes)

    @property
    def optimize(self) -> Optimize:
        """Its upkeep."""
        found: Optimize = self.config.optimize
        return found

    def compaction_due(self, held: Held) -> bool:
        """Whether the next load that can is to join small parts."""
        last = held.state.extra.get(COMPACTED_AT) if held.state is not None else None
        at = datetime.fromisoformat(last) if last else None
        return due(at, self.optimize.compact_every, datetime.now(UTC))

    def open(self, context: Context) -> StoreSession:
        if isinstance(self.folder, RemotePath):
            from hygge.files.remote.session import RemoteSession

            return RemoteSession(self, self.folder, context)
        return FileStoreSession(self, context)

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


class FileStoreSession(StoreSession):
    """One attempt at one destination folder."""

    def __init__(self, store: FileStore, context: Context) -> None:
        if not isinstance(store.folder, Path):
            raise ConfigError(f"{store!r} is not bound to a folder")
        self._store, self._context = store, context
        # A destination that is a link is loaded where the link leads; the link stays.
        self._folder = Path(os.path.realpath(store.folder))
        self._format = store.form()
        self._held: Held | None = None
        self._load: Load | None = None
        self._left: tuple[Stage, Ledger] | None = None
        above = self._folder.parent
        while not above.exists() and above != above.parent:
            above = above.parent
        if not above.is_dir() or not os.access(above, os.W_OK | os.X_OK):
            raise ConnectError(
                f"{store.place()}: {above} is no folder that can be written to",
                hint="give hygge's user the right to write there, or choose another path",
            )

    def _look(self) -> Held:
        if self._held is None:
            with telling(self._store.place()):
                recover(self._folder, self._context.cancel)
                try:
                    self._held = look(self._folder, self._format)
                except (StateError, FileNotFoundError):
                    # Another load may just have changed it under our eyes: look where none can.
                    with unchanging(self._folder, self._context.cancel):
                        self._held = look(self._folder, self._format)
        return self._held

    def state(self) -> State | None:
        return self._look().state

    def valued(self, column: str) -> int:
        return valued(self._folder, self._look(), self._format, column)

    def begin(self, request: LoadRequest) -> Load:
        if self._left is not None:
            self._left[0].remove()
            self._left = None
        return self._begun(request)

    def unfinished(self, mode: Mode, fields: Schema) -> Ledger | None:
        place = self._store.place()
        with telling(place):
            self._left = Stage.adopt(self._folder, self._context.cancel, self._damaged)
        if self._left is None:
            return None
        ledger, target = self._left[1], target_fields(mode, fields, self._look(), place)
        fits = ledger.head.store == ledger_facts(self._format, target)
        return ledger if fits else replace(ledger, obstacle="its files are to be written otherwise")

    def _damaged(self, why: str) -> None:
        self._context.note(f"the ledger of an unfinished load is not used: {why}", "info")

    def resume(self, request: LoadRequest) -> Load:
        left, self._left = self._left, None
        try:
            return self._begun(request, left)
        except BaseException:
            if left is not None:
                left[0].let_go()
            raise

    def _begun(self, request: LoadRequest, left: tuple[Stage, Ledger] | None = None) -> Load:
        self._store.check(request.mode, request.keys, request.terms.wanted)
        self._load = FileLoad(
            request, self._folder, self._look(), self._format, self._store.sizes, self._context,
            place=self._store.place(), compact=self._store.compaction_due(self._look()), left=left,
        )  # fmt: skip
        self._held = None
        return self._load

    def compact(self) -> tuple[int, int]:
        """See `FileStore.compact`."""
        held, sizes, place = self._look(), self._store.sizes, self._store.place()
        if held.state is None:
            raise StateError(f"{place} holds nothing that hygge loaded", hint="load it first")
        small = [p for p in held.parts if p.bucket is None and sizes.small(p)]
        if len(small) < 2:
            return len(held.parts), len(held.parts)
        state = next_generation(held.state)
        with telling(place):
            stage = Stage.begin(self._folder, "compact", self._context.cancel)
            try:
                writer = PartWriter(
                    stage.new, f"part-{state.generation:06d}-compact", self._format,
                    part_rows=sizes.rows, part_bytes=sizes.bytes,
                )  # fmt: skip
                parts = coalesce(
                    self._folder, held.parts, self._format, state.fields, writer, lambda f: f,
                    which=lambda part: part in small, cancel=self._context.cancel,
                )  # fmt: skip
                link_parts(stage, (p for p in parts if p in held.parts))
                publish(
                    stage, self._format, state, state.fields, parts, None, held, self._context,
                    place=place, more={COMPACTED_AT: state.committed_at},
                )  # fmt: skip
            finally:
                stage.remove()
                self._held = None
        return len(held.parts), len(parts)

    def close(self) -> None:
        if self._load is not None:
            self._load.abort()
            self._load = None
        if self._left is not None:
            self._left[0].let_go()
            self._left = None
