"""CSV files as a Home."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import polars as pl
from pydantic import AfterValidator, Field

from hygge.core.conform import exact
from hygge.core.context import Context
from hygge.core.errors import BadValue
from hygge.core.fields import FLOATS, Schema
from hygge.core.fields import Field as Column
from hygge.core.watermark import Window
from hygge.files.agreed import stored_fields, unified
from hygge.files.delimited import Dialect, check_encoding, columns_of, read_text
from hygge.files.home import FileHome, FileHomeConfig
from hygge.files.infer import infer_types
from hygge.files.paths import Input
from hygge.files.session import FileSession, Span


class CSVHomeConfig(FileHomeConfig):
    """Settings of a CSV Home."""

    encoding: Annotated[str, AfterValidator(check_encoding)] = Field(
        default="utf8", description="The files' encoding", examples=["cp1252"]
    )
    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="Between values", examples=[";"]
    )
    quote: str = Field(
        default='"', max_length=1, description="Around values; empty where there are no quotes"
    )
    decimal: str = Field(
        default=".", pattern=r"^[.,]$", description="The decimal mark: a point or a comma"
    )
    nulls: tuple[str, ...] = Field(
        default=(),
        description="Words that mean NULL where they stand unquoted, beside the empty field",
        examples=[["NA", "NULL"]],
    )
    header: bool = Field(
        default=True,
        description="Whether the first row names the columns; else they are column_1, column_2...",
    )


class CSVHome(FileHome):
    """Reads CSV files: `CSVHome("users", path="exports/users.csv")`.

    Types are declared under `types`, or inferred once over the whole input: only what every value
    of a column can be carried by unaltered, so `00123` stays text.
    """

    Config = CSVHomeConfig
    config: CSVHomeConfig
    extensions = ("csv", "tsv", "txt")

    @property
    def dialect(self) -> Dialect:
        """The settings that say how its files are written."""
        c = self.config
        return Dialect(c.encoding, c.delimiter, c.quote, c.decimal, c.nulls, c.header)

    def open(self, context: Context) -> CSVSession:
        return CSVSession(self, context)


class CSVSession(FileSession):
    """Reads everything as text; declared columns are held to their types here, naming the file."""

    def __init__(self, home: CSVHome, context: Context) -> None:
        super().__init__(home, context)
        self._dialect, self._config = home.dialect, home.config
        self._names: dict[str, list[str]] = {}

    def _columns(self, source: Input) -> list[str]:
        key = str(source.path)
        if key not in self._names:
            with self._naming(source):
                self._names[key] = columns_of(source.path, self._dialect)
        return self._names[key]

    def _text(self, source: Input, columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        return read_text(source.path, self._dialect, columns, self._columns(source))

    def _fields(self) -> Schema:
        text = {s.path: dict.fromkeys(self._columns(s), pl.String) for s in self._inputs}
        names = unified([(p, Schema.of(t)) for p, t in text.items()], {}).names
        stored = stored_fields(self._inputs)
        if stored is not None and stored.names == names:
            return stored
        declared = self._config.declared()
        unknown = [n for n in names if n not in declared]
        if unknown:
            self.inferred = True
        kinds = infer_types(self._texts(unknown), unknown) if unknown else {}
        return Schema(Column(n, declared.get(n) or kinds[n]) for n in names)

    def _texts(self, names: Sequence[str]) -> Iterator[pl.DataFrame]:
        """The whole input as text, for inference."""
        for source in self._inputs:
            present = [n for n in names if n in self._columns(source)]
            with self._naming(source):
                for frame in self._text(source, present) if present else ():
                    self._check()
                    if self._config.decimal == ",":
                        # A point is no decimal mark here: what has one is no number.
                        frame = frame.with_columns(
                            pl.col(present).str.replace(".", " ", literal=True)
                            .str.replace(",", ".", literal=True)
                        )  # fmt: skip
                    yield frame.with_columns(
                        pl.lit(None, dtype=pl.String).alias(n) for n in names if n not in present
                    )

    def _frames(
        self, source: Input, span: Span | None, columns: Sequence[str], window: Window | None
    ) -> Iterator[pl.DataFrame]:
        present = [c for c in columns if c in self._columns(source)]
        if not present:
            present = self._columns(source)[:1]
        declared, schema, offset = self._config.declared(), self.schema(), 0
        name = self._shown(source)
        for frame in self._text(source, present):
            held = []
            for column in frame:
                field = schema[column.name]
                if field.type.kind != "string":
                    column = _plain(column, field, self._config.decimal, name, offset)
                if column.name in declared and not self._lenient:
                    column = exact(column, field, schema, frame, entity=name, offset=offset)
                held.append(column)
            offset += frame.height
            yield pl.DataFrame(held)

    def _units(self, source: Input) -> list[tuple[int | None, int]]:
        return [(None, source.size)]


def _plain(column: pl.Series, field: Column, decimal: str, file: str, offset: int) -> pl.Series:
    """Text of a column that is none: an empty value is NULL, and the decimal mark a point."""
    empty = column == ""
    if empty.any():
        column = column.set(empty, None)
    if decimal == "," and (field.type.kind in FLOATS or field.type.kind == "decimal"):
        pointed = column.str.contains(".", literal=True).fill_null(False)
        if pointed.any():
            row = int(pointed.arg_true()[0])
            raise BadValue(
                entity=file, column=column.name, row=f"row {offset + row + 1}",
                value=column[row], declared=f"{field.type} with a decimal comma",
            )  # fmt: skip
        column = column.str.replace(",", ".", literal=True)
    return column
