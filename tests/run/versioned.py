"""A Home on a folder that keeps every version of a table, as a database keeps snapshots.

Sessions see the version that was current when they were opened, or the one whose name is shared
with them, in whatever process. Chunks are ranges of `id`, open at both ends.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
from tests.run.support import inside

from hygge import Home, HomeConfig
from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.core.reading import HomeSession
from hygge.core.watermark import Position


class VersionedHome(Home, type="test_versioned"):
    """A table in a folder.

    Parameters
    ----------
    path: the folder.
    shares: whether sessions can share a snapshot.
    proves: whether it tells which versions of rows a chunk holds.
    bytes: the size it says it has; None for unknown.
    connections: further sessions that it gives at once.
    """

    class Config(HomeConfig):
        path: str
        shares: bool = True
        proves: bool = True
        settled: bool = True
        bytes: int | None = None
        connections: int = 8

    config: Config
    incremental = True

    @property
    def folder(self) -> Path:
        return Path(self.config.path)

    def put(self, frame: pl.DataFrame) -> None:
        """Make another version the current one."""
        self.folder.mkdir(parents=True, exist_ok=True)
        name = f"{len(list(self.folder.glob('*.arrow'))):06d}.arrow"
        frame.write_ipc(self.folder / name)
        (self.folder / "next").write_text(name)
        os.replace(self.folder / "next", self.folder / "current")

    @property
    def frame(self) -> pl.DataFrame:
        """The rows of the current version."""
        name = (self.folder / "current").read_text()
        return pl.read_ipc(self.folder / name)

    def identity(self) -> dict[str, Any]:
        return {"type": self.type}

    def open(self, context: Context) -> HomeSession:
        return VersionedSession(self)

    def beside(self, session: HomeSession, most: int, context: Context) -> list[HomeSession]:
        return [self.open(context) for _ in range(min(most, self.config.connections))]


class VersionedSession(HomeSession):
    consistency = "one snapshot"

    def __init__(self, home: VersionedHome) -> None:
        self._home, self._version = home, (home.folder / "current").read_text()
        self._begun = False
        self.settled_clock = home.config.settled

    def _table(self, snapshot: str = "") -> pl.DataFrame:
        if not self._begun:
            self._begun = True
            self._version = snapshot or self._version
        assert snapshot in ("", self._version), "a session has one snapshot"
        return pl.read_ipc(self._home.folder / self._version)

    def schema(self) -> Schema:
        return Schema.of(self._table())

    def _rows(self, request: ReadRequest, chunk: Chunk) -> pl.DataFrame:
        rows = self._table(request.snapshot)
        if request.window is not None:
            rows = rows.filter(inside(request.window))
        if (low := chunk.bounds.get("from")) is not None:
            rows = rows.filter(pl.col("id") >= low)
        if (high := chunk.bounds.get("below")) is not None:
            rows = rows.filter(pl.col("id") < high)
        return rows

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        rows = self._rows(request, chunk)
        for start in range(0, max(rows.height, 1), request.batch_rows):
            yield rows.slice(start, request.batch_rows)

    def estimate(self, request: ReadRequest) -> Estimate:
        return Estimate(bytes=self._home.config.bytes)

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        ids = self._rows(request, WHOLE)["id"].sort()
        if ids.len() < parts:
            return (WHOLE,)
        cuts = [int(ids[ids.len() * at // parts]) for at in range(1, parts)]
        return [
            Chunk(at, f"id from {low} below {high}", {"from": low, "below": high}, lasting=True)
            for at, (low, high) in enumerate(zip([None, *cuts], [*cuts, None], strict=True))
        ]

    def count(self, request: ReadRequest, chunk: Chunk) -> int:
        return self._rows(request, chunk).height

    def fingerprint(self, request: ReadRequest, chunk: Chunk) -> str | None:
        if not self._home.config.proves:
            return None
        rows = self._rows(request, chunk).sort("id")
        return hashlib.blake2b(rows.write_csv().encode(), digest_size=16).hexdigest()

    def share(self) -> str:
        return self._version if self._home.config.shares else ""

    def maximum(self, column: str) -> Position | None:
        found: Any = self._table()[column].max()
        return found

    def clock(self) -> datetime:
        return datetime.now(UTC)
