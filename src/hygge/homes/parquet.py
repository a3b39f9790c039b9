"""Parquet files as a Home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from hygge.core.chunk import Chunk, Estimate, ReadRequest
from hygge.core.context import Context
from hygge.core.fields import Schema
from hygge.core.watermark import Window
from hygge.files.agreed import unified
from hygge.files.home import FileHome, FileHomeConfig
from hygge.files.parquet import (
    ParquetFormat,
    RowGroup,
    overlaps,
    read_group,
    row_groups,
    schema_of,
)
from hygge.files.paths import Input
from hygge.files.session import FileSession, Span


class ParquetHomeConfig(FileHomeConfig):
    """Settings of a Parquet Home."""


class ParquetHome(FileHome):
    """Reads Parquet files: `ParquetHome("users", path="data/users")`."""

    Config = ParquetHomeConfig
    config: ParquetHomeConfig
    extensions = ("parquet", "pq")
    carrier = ParquetFormat.carrier

    def open(self, context: Context) -> ParquetSession:
        return ParquetSession(self, context)


class ParquetSession(FileSession):
    """Fields, counts and bounds from the footers; rows a piece of a row group at a time."""

    def __init__(self, home: ParquetHome, context: Context) -> None:
        super().__init__(home, context)
        self._groups: dict[tuple[str, str | None], list[RowGroup]] = {}

    def _row_groups(self, source: Input, column: str | None = None) -> list[RowGroup]:
        key = (str(source.path), column)
        if key not in self._groups:
            with self._naming(source):
                self._groups[key] = row_groups(source.path, column)
        return self._groups[key]

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
        column = window.column if window is not None and window.column in there else None
        groups = self._row_groups(source, column)
        for number in range(*(span or (0, len(groups)))):
            if window is None or overlaps(groups[number], window):
                yield from read_group(source.path, number, groups[number], present)

    def _units(self, source: Input) -> list[tuple[int | None, int]]:
        return [(g.rows, g.bytes) for g in self._row_groups(source)]

    def estimate(self, request: ReadRequest) -> Estimate:
        size = sum(i.size for i in self._inputs)
        if request.window is not None:
            return Estimate(bytes=size)
        rows = sum(g.rows for i in self._inputs for g in self._row_groups(i))
        return Estimate(rows=rows, bytes=size, exact=True)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        if request.window is not None:
            return None
        total = 0
        for source, span in self._spans(chunk):
            groups = self._row_groups(source)
            total += sum(g.rows for g in (groups[slice(*span)] if span else groups))
        return total
