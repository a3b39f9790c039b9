"""Arrow IPC files as a Home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from hygge.core.chunk import Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.core.watermark import Window
from hygge.files.agreed import unified
from hygge.files.home import FileHome, FileHomeConfig
from hygge.files.ipc import IPCFormat, batch_count, batches, row_count, schema_of
from hygge.files.paths import Input
from hygge.files.session import FileSession, Span


class IPCHomeConfig(FileHomeConfig):
    """Settings of an Arrow IPC Home."""


class IPCHome(FileHome):
    """Reads Arrow IPC (Feather 2) files: `IPCHome("users", path="data/users")`."""

    Config = IPCHomeConfig
    config: IPCHomeConfig
    extensions = ("arrow", "ipc", "feather")
    carrier = IPCFormat.carrier

    def open(self, context: Context) -> IPCSession:
        return IPCSession(self, context)


class IPCSession(FileSession):
    """Fields and counts from the footers; rows a record batch at a time."""

    def _fields(self) -> Schema:
        found = []
        for source in self._inputs:
            with self._naming(source):
                found.append((source.path, schema_of(source.path)))
        return unified(found, self._home.config.declared())

    def _frames(
        self, source: Input, span: Span | None, columns: Sequence[str], window: Window | None
    ) -> Iterator[pl.DataFrame]:
        there = schema_of(source.path).names
        present = [c for c in columns if c in there] or there[:1]
        yield from batches(source.path, present, span)

    def _units(self, source: Input) -> list[tuple[int | None, int]]:
        with self._naming(source):
            number = batch_count(source.path)
        return [(None, source.size // max(1, number))] * number

    def estimate(self, request: ReadRequest) -> Estimate:
        size = sum(i.size for i in self._inputs)
        if request.window is not None:
            return Estimate(bytes=size)
        total = 0
        for source in self._inputs:
            with self._naming(source):
                total += row_count(source.path)
        return Estimate(rows=total, bytes=size, exact=True)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        if request.window is not None:
            return None
        total = 0
        for source, span in self._spans(chunk):
            with self._naming(source):
                total += row_count(source.path, span)
        return total
