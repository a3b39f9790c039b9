"""Sessions for custom connectors of one method: `read_batches()` or `write()`."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.drift import unify
from hygge.core.errors import ConfigError, DataError, SchemaDrift
from hygge.core.fields import Field, Schema, from_polars, parse_type
from hygge.core.home import Home, HomeSession, empty_read
from hygge.core.load import Commit, Load, LoadRequest, Writer
from hygge.core.scratch import Scratch
from hygge.core.state import Receipt, State

if TYPE_CHECKING:
    from hygge.core.store import Store


def declared_schema(fields: Schema | Mapping[str, Any] | None) -> Schema | None:
    """A custom Home's `fields()` as a Schema. Raises ConfigError for what is no type."""
    if fields is None or isinstance(fields, Schema):
        return fields
    try:
        return Schema(
            Field(name, parse_type(kind) if isinstance(kind, str) else _from_dtype(kind))
            for name, kind in fields.items()
        )
    except (ValueError, DataError) as error:
        raise ConfigError(f"fields(): {error}") from None


def _from_dtype(kind: Any) -> Any:
    return from_polars(kind() if isinstance(kind, type) else kind)


class BatchesSession(HomeSession):
    """A session over `read_batches()`, whatever its body is.

    Without declared fields the whole input is first spooled to a temporary folder, since the
    schema must be known before the first row is handed on and one batch cannot tell it.
    """

    consistency = "as the Home reads it"

    def __init__(self, home: Home, context: Context) -> None:
        self._home, self._context = home, context
        declared = declared_schema(home.fields())
        self._schema = declared
        self.inferred = declared is None
        self._spool: Scratch | None = None
        self._files: list[Path] = []
        self._rows = 0

    def schema(self) -> Schema:
        if self._schema is None:
            self._schema = self._infer()
        return self._schema

    def _infer(self) -> Schema:
        self._spool = Scratch()
        folder, schemas = self._spool.path, list[Schema]()
        for number, batch in enumerate(self._batches()):
            path = folder / f"{number:06d}.arrow"
            batch.write_ipc(path)
            self._files.append(path)
            self._rows += batch.height
            schema = Schema.of(batch)
            if schemas and set(schema.names) != set(schemas[0].names):
                conform(batch, schemas[0], entity=self._home.name or self._home.type)
            if schema not in schemas:
                schemas.append(schema)
        merged, clash = unify(schemas)
        if clash:
            raise SchemaDrift(
                f"{self._home.name or self._home.type}: {clash}",
                hint="declare the fields: `def fields(self): return {'column': 'decimal(10,2)'}`",
            )
        return merged.changed(self._home.config.declared())

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        if self._schema is None or self._files:
            self.schema()
            batches: Iterator[pl.DataFrame] = (pl.read_ipc(path) for path in self._files)
        else:
            batches = self._batches()
        for batch in batches:
            yield batch.select(request.columns) if request.columns else batch

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        return self._rows if self._files else None

    @property
    def _gave(self) -> str:
        return f"{type(self._home).__name__}.read_batches() gave"

    def _batches(self) -> Iterator[pl.DataFrame]:
        given = False
        produced = self._home.read_batches()
        if inspect.isawaitable(produced):
            produced = self._context.wait_for(produced)
        if produced is None:
            raise empty_read(self._home)
        if _is_frame(produced):
            produced = [produced]
        if hasattr(produced, "__aiter__"):
            source: Iterator[Any] = self._context.drain(aiter(produced))
        elif hasattr(produced, "__iter__"):
            source = iter(produced)
        else:
            raise _no_frame(produced, self._gave)
        try:
            for batch in source:
                given = True
                self._context.cancel.check()
                yield frame_of(batch, self._gave)
        finally:
            close = getattr(source, "close", None)
            if close is not None:
                close()
        if not given and self._schema is None:
            raise empty_read(self._home)

    def close(self) -> None:
        if self._spool is not None:
            self._spool.remove()
            self._spool = None
            self._files = []


def _is_frame(value: Any) -> bool:
    """Whether a value is rows itself, not an iterable of them: Polars', or what speaks Arrow."""
    return isinstance(value, pl.DataFrame | pl.LazyFrame) or (
        hasattr(value, "__arrow_c_stream__") or hasattr(value, "__arrow_c_array__")
    )


class SpeaksArrow(Protocol):
    """What exports itself as a stream of Arrow data: pyarrow's tables and record batches, and those
    of most other libraries (https://arrow.apache.org/docs/format/CDataInterface/PyCapsuleInterface)
    """

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object: ...


Frame: TypeAlias = "pl.DataFrame | pl.LazyFrame | SpeaksArrow"
"""What can be given as rows."""


def frame_of(batch: Any, gave: str) -> pl.DataFrame:
    """Rows as a frame. Raises DataError, beginning with who `gave` it, for what is no `Frame`."""
    if isinstance(batch, pl.LazyFrame):
        return batch.collect()
    if isinstance(batch, pl.DataFrame):
        return batch
    if _is_frame(batch) and not isinstance(batch, pl.Series):
        try:
            return pl.DataFrame(batch)
        except pl.exceptions.PolarsError:  # one Arrow column, not a table
            pass
    raise _no_frame(batch, gave)


def _no_frame(value: Any, gave: str) -> DataError:
    said = "None" if value is None else f"a {type(value).__name__}"
    return DataError(f"{gave} {said}", hint="give Polars DataFrames (or Arrow tables)")


class WriteOnlyLoad(Load):
    """A load over a custom Store's `write(df)`: append, at least once, nothing to take back."""

    def __init__(self, store: Store, request: LoadRequest, context: Context) -> None:
        self._store, self.request, self._context = store, request, context
        self._written = 0

    def writer(self, chunk: int) -> Writer:
        return _WriteOnlyWriter(self, chunk)

    @property
    def ticket(self) -> Any:
        return self.request

    def write(self, batch: pl.DataFrame) -> None:
        """Hand one batch to the Store, on the caller's loop if `write` is a coroutine."""
        result: Any = self._store.write(batch)
        if inspect.isawaitable(result):
            self._context.wait_for(result)
        self._written += batch.height

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        return self._written

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        return Commit(
            state=None, rows=None, bytes=sum(r.bytes for r in receipts), place=self._store.place()
        )

    def abort(self) -> None:
        """Nothing can be taken back: what was written stays, and is written again next time."""


class _WriteOnlyWriter(Writer):
    def __init__(self, load: WriteOnlyLoad, chunk: int) -> None:
        self._load, self._chunk = load, chunk
        self._rows = self._bytes = 0

    def write(self, batch: pl.DataFrame) -> None:
        self._load.write(batch)
        self._rows += batch.height
        self._bytes += int(batch.estimated_size())

    def finish(self) -> Receipt:
        return Receipt(chunk=self._chunk, rows=self._rows, bytes=self._bytes)

    def abort(self) -> None:
        pass
