"""NDJSON files as a Home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import polars as pl

from hygge.core.conform import exact
from hygge.core.context import Context
from hygge.core.errors import BadValue, DataError
from hygge.core.fields import Field as Column
from hygge.core.fields import Schema
from hygge.core.watermark import Window
from hygge.files.agreed import stored_fields, unified
from hygge.files.home import FileHome, FileHomeConfig
from hygge.files.ndjson import infer, read_lines
from hygge.files.paths import Input
from hygge.files.session import FileSession, Span


class NDJSONHomeConfig(FileHomeConfig):
    """Settings of an NDJSON Home."""


class NDJSONHome(FileHome):
    """Reads newline-delimited JSON: `NDJSONHome("events", path="exports/events.ndjson")`.

    JSON tells numbers, truth values and texts apart; dates, times and decimals are texts or
    numbers there, so declare them under `types`. What is not declared is inferred once over the
    whole input.
    """

    Config = NDJSONHomeConfig
    config: NDJSONHomeConfig
    extensions = ("ndjson", "jsonl", "json")

    def open(self, context: Context) -> NDJSONSession:
        return NDJSONSession(self, context)


class NDJSONSession(FileSession):
    """Infers what is not declared, and holds every value to its type, naming the file."""

    def _fields(self) -> Schema:
        stored = stored_fields(self._inputs)
        if stored is not None:
            return stored
        declared = self._home.config.declared()
        self.inferred = True
        found = []
        for source in self._inputs:
            with self._naming(source):
                schema = infer(source.path, declared, self._check)
            if schema:
                found.append((source.path, schema))
        if not found and not declared:
            raise DataError(
                f"{self._home.place()} has no rows, so its columns cannot be known",
                hint="declare them: `types: {id: int64, ...}`",
            )
        whole = unified(found, declared) if found else Schema()
        absent = [Column(n, kind) for n, kind in declared.items() if n not in whole]
        return Schema([*whole, *absent])

    def _frames(
        self, source: Input, span: Span | None, columns: Sequence[str], window: Window | None
    ) -> Iterator[pl.DataFrame]:
        schema, offset = self.schema(), 0
        name = self._shown(source)
        lines = read_lines(source.path, schema, columns or schema.names[:1], lenient=self._lenient)
        for frame in lines:
            held = []
            for column in frame:
                field = schema[column.name]
                try:
                    column = exact(column, field, schema, frame, entity=name, offset=offset)
                except BadValue:
                    if not self._lenient:
                        raise
                held.append(column)
            yield pl.DataFrame(held)
            offset += frame.height

    def _units(self, source: Input) -> list[tuple[int | None, int]]:
        return [(None, source.size)]
