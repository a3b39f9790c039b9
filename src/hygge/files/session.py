"""Reading files: their fields, their columns put together, windows, chunks, bounded pieces."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import polars as pl

from hygge.core.arrivals import Arrivals, Version, arrivals
from hygge.core.chunk import Chunk, Estimate, InFile, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import (
    ConnectError,
    DataError,
    HyggeError,
    NothingThere,
    TransientError,
    UnsupportedError,
)
from hygge.core.fields import Field, Schema
from hygge.core.watermark import Window
from hygge.files.home import FileHome
from hygge.files.infer import infer_types
from hygge.files.paths import Input, shown, unchanged
from hygge.files.reading import ReadThrough, as_declared, first_line
from hygge.files.remote import inputs as elsewhere
from hygge.files.splitting import Unit, chunks_of
from hygge.files.windows import within
from hygge.storage.path import RemotePath

Span = tuple[int, int]
"""Units of a file (row groups, record batches): the first one, and the one to stop before."""


class FileSession(ReadThrough, ABC):
    """One attempt's reading of the files that were there when it was opened."""

    consistency = "the files as listed at the start"

    def __init__(self, home: FileHome, context: Context) -> None:
        super().__init__(home, context)
        self._home: FileHome = home
        self._empty: NothingThere | None = None
        try:
            self._inputs = home.inputs()
        except NothingThere as error:
            # Where new files are read, that there are none any more is no error: see `arrivals`.
            self._inputs, self._empty = [], error
        self._by_path = {str(i.path): i for i in self._inputs}
        self._lenient = False

    @abstractmethod
    def _fields(self) -> Schema:
        """The fields in the files, without those of their folders' names."""

    @abstractmethod
    def _frames(
        self, source: Input, span: Span | None, columns: Sequence[str], window: Window | None
    ) -> Iterator[pl.DataFrame]:
        """A file's rows, at least those in the window; columns it lacks may be missing."""

    @abstractmethod
    def _units(self, source: Input) -> list[tuple[int | None, int]]:
        """What a file can be split into: rows and bytes of each unit; rows None where unknown."""

    def arrivals(self, memo: str | None, *, again: bool) -> Arrivals:
        if self._empty is not None and memo is None:
            raise self._empty
        if self._home.loaded_by_hygge():
            raise UnsupportedError(
                f"{self._home.place()} was loaded by hygge, which joins and rewrites files there: "
                "a new file need not have new rows",
                hint="set `incremental: {column: ...}`",
            )
        lying = {self._home.name_of(i): _version(i) for i in self._inputs}
        found = arrivals(memo, lying, again=again)
        self._only(found.files)
        return found

    def _only(self, files: Mapping[str, Version]) -> None:
        """Read these files and no others from now on. Raises TransientError where one is gone, or
        is another: a session beside the one that chose them has listed them later."""
        self._inputs = [i for i in self._inputs if self._home.name_of(i) in files]
        for source in self._inputs:
            if not _version(source).same(files[self._home.name_of(source)]):
                raise _changed(source.path)
        if len(self._inputs) < len(files):
            raise TransientError(
                f"files of {self._home.place()} were there when the load began and are gone",
                hint="run it again",
            )

    def schema(self) -> Schema:
        if self._empty is not None:
            raise self._empty
        if self._schema is None:
            hive = self._hive_fields()
            fields = [f for f in self._fields() if f.name not in hive.names]
            found = Schema([*fields, *hive])
            self._schema = as_declared(found, self._home.config, self._home.place())
        return self._schema

    def _hive_fields(self) -> Schema:
        names = [name for name, _ in self._inputs[0].partition]
        for source in self._inputs:
            if [name for name, _ in source.partition] != names:
                raise DataError(
                    f"{source.path}: its folders do not name the same columns as those of "
                    f"{self._inputs[0].path}",
                    hint="keep one set of column=value folders below one path",
                )
        values = pl.DataFrame(
            [dict(i.partition) for i in self._inputs], schema=dict.fromkeys(names, pl.String)
        )
        kinds = infer_types([values] if names else [], names)
        return Schema(Field(n, kinds[n], origin="folder name") for n in names)

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        if request.files is not None:
            self._only(request.files)
        schema = self.schema()
        wanted = list(request.columns or schema.names)
        self._lenient = request.lenient
        window = request.window
        asked = wanted if window is None or window.column in wanted else [*wanted, window.column]
        for source, span in self._spans(chunk):
            folder = dict(source.partition)
            inside = [c for c in asked if c not in folder]
            name, before = self._shown(source), self._before(source, span)
            with self._naming(source):
                for frame in self._frames(source, span, inside, window):
                    self._check()
                    whole = self._completed(frame, folder, asked, schema)
                    if window is not None:
                        whole = within(whole, window, schema, self._home.name).select(wanted)
                        before = None  # some of its rows may be left out
                    for piece in whole.iter_slices(request.batch_rows):
                        self.at = InFile(name, before)
                        yield piece
                        before = None if before is None else before + piece.height
                _check_unchanged(source)

    def _shown(self, source: Input) -> str:
        """A file's name, for people."""
        return shown(source.path, self._home.root) if self._home.root else str(source.path)

    def _before(self, source: Input, span: Span | None) -> int | None:
        """How many of a file's rows come before a span of it; None where that is not known."""
        start = span[0] if span is not None else 0
        rows = [rows for rows, _ in self._units(source)[:start]] if start else []
        return None if None in rows else sum(row for row in rows if row is not None)

    def _completed(
        self, frame: pl.DataFrame, folder: Mapping[str, str | None], asked: list[str],
        schema: Schema,
    ) -> pl.DataFrame:  # fmt: skip
        """A frame with its folder's columns, and NULLs for columns that only other files have."""
        lacking = [
            pl.lit(folder.get(name), dtype=pl.String).alias(name)
            if name in folder
            else pl.lit(None, dtype=schema[name].type.physical).alias(name)
            for name in asked
            if name not in frame.columns
        ]
        return frame.with_columns(lacking).select(asked) if lacking else frame.select(asked)

    def _spans(self, chunk: Chunk) -> Iterator[tuple[Input, Span | None]]:
        if "files" not in chunk.bounds:
            yield from ((source, None) for source in self._inputs)
            return
        for path, start, stop in chunk.bounds["files"]:
            if path not in self._by_path:
                raise TransientError(
                    f"{path} was there when the load began and is gone", hint="run it again"
                )
            source = self._by_path[path]
            if source.version != tuple(chunk.bounds["versions"][path]):
                raise _changed(path)
            yield source, (start, stop)

    def inputs(self, chunk: Chunk) -> Sequence[str]:
        return [str(source.path) for source, _ in self._spans(chunk)]

    def estimate(self, request: ReadRequest) -> Estimate:
        return Estimate(bytes=sum(i.size for i in self._inputs))

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        units = [
            Unit(str(source.path), number, rows, size)
            for source in self._inputs
            for number, (rows, size) in enumerate(self._units(source))
        ]
        versions = {path: list(source.version) for path, source in self._by_path.items()}
        return chunks_of(units, parts, versions)

    @contextmanager
    def _naming(self, source: Input) -> Iterator[None]:
        """Let errors from a file name it; what is wrong with one that was changed says nothing."""
        try:
            yield
        except DataError as error:
            _check_unchanged(source, error)
            raise
        except HyggeError:
            raise
        except FileNotFoundError as error:
            raise TransientError(
                f"{source.path} was there when the load began and is gone", hint="run it again"
            ) from error
        except PermissionError as error:
            raise ConnectError(f"{source.path} cannot be read: {error.strerror}") from error
        except (pl.exceptions.PolarsError, OSError, ValueError) as error:
            # pyarrow's ArrowInvalid is a ValueError
            _check_unchanged(source, error)
            raise DataError(f"{source.path} cannot be read: {first_line(error)}") from error


def _version(source: Input) -> Version:
    return Version(source.size, source.tag, source.changed)


def _check_unchanged(source: Input, cause: Exception | None = None) -> None:
    """Raise TransientError where a file is not the one that was listed, or not as it was then."""
    try:
        there = isinstance(source.path, RemotePath)
        same = elsewhere.unchanged(source) if there else unchanged(source)
    except OSError:
        if cause is not None:
            return
        raise
    if not same:
        raise _changed(source.path) from cause


def _changed(path: object) -> TransientError:
    return TransientError(
        f"{path} was changed while it was read; nothing was published",
        hint="run again when whoever writes it is done; a file put in place whole, by renaming, "
        "is never read half-written",
    )
