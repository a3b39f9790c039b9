"""What makes custom connectors of one method whole: a session over `read_batches()`, and one that
hands all to `write()`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import polars as pl

from hygge.core.chunk import Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.drift import unify
from hygge.core.errors import ConfigError, DataError, SchemaDrift
from hygge.core.fields import Field, LogicalType, Schema, from_polars, parse_type
from hygge.core.frames import frame_of, is_frame, no_frame
from hygge.core.load import Commit, Load, LoadRequest, Writer
from hygge.core.reading import HomeSession
from hygge.core.scratch import Scratch
from hygge.core.settling import StoreSession
from hygge.core.state import Receipt, State


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

    Parameters
    ----------
    produce: the Home's `read_batches`.
    fields: what its `fields()` declares.
    types: what its setting `types` declares.
    owner, entity: the Home's class, and its name or type, for errors.
    context: of the attempt.
    """

    consistency = "as the Home reads it"

    def __init__(
        self, produce: Callable[[], Any], fields: Schema | Mapping[str, Any] | None,
        types: Mapping[str, LogicalType], *, owner: str, entity: str, context: Context,
    ) -> None:  # fmt: skip
        self._produce, self._types, self._context = produce, types, context
        self._owner, self._entity = owner, entity
        self._schema = declared_schema(fields)
        self.inferred = self._schema is None
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
                conform(batch, schemas[0], entity=self._entity)
            if schema not in schemas:
                schemas.append(schema)
        merged, clash = unify(schemas)
        if clash:
            raise SchemaDrift(
                f"{self._entity}: {clash}",
                hint="declare the fields: `def fields(self): return {'column': 'decimal(10,2)'}`",
            )
        return merged.changed(self._types)

    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        if self._schema is None or self._files:
            self.schema()
            batches: Iterator[pl.DataFrame] = (
                pl.scan_ipc(path, glob=False).collect() for path in self._files
            )
        else:
            batches = self._batches()
        for batch in batches:
            yield batch.select(request.columns) if request.columns else batch

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        return self._rows if self._files else None

    @property
    def _gave(self) -> str:
        return f"{self._owner}.read_batches() gave"

    def _batches(self) -> Iterator[pl.DataFrame]:
        given = False
        produced = self._produce()
        if inspect.isawaitable(produced):
            produced = self._context.wait_for(produced)
        if produced is None:
            raise self._empty()
        if is_frame(produced):
            produced = [produced]
        if hasattr(produced, "__aiter__"):
            source: Iterator[Any] = self._context.drain(aiter(produced))
        elif hasattr(produced, "__iter__"):
            source = iter(produced)
        else:
            raise no_frame(produced, self._gave)
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
            raise self._empty()

    def _empty(self) -> DataError:
        """The error for a body that yields nothing and returns nothing."""
        return DataError(
            f"{self._gave} no batches",
            hint="`yield` at least one DataFrame; for no rows, yield one with columns and height 0",
        )

    def close(self) -> None:
        if self._spool is not None:
            self._spool.remove()
            self._spool = None
            self._files = []


class WriteOnlyLoad(Load):
    """A load over a custom Store's `write(df)`: append, at least once, nothing to take back.

    Parameters
    ----------
    write, place: the Store's method, and where it settles.
    request, context: of the load.
    """

    def __init__(
        self, write: Callable[[Any], Any], place: str, request: LoadRequest, context: Context
    ) -> None:
        self._write, self._place = write, place
        self.request, self._context = request, context
        self._written = 0

    def writer(self, chunk: int) -> Writer:
        return _WriteOnlyWriter(self, chunk)

    @property
    def ticket(self) -> Any:
        return self.request

    def write(self, batch: pl.DataFrame) -> None:
        """Hand one batch to the Store, on the caller's loop if `write` is a coroutine."""
        result = self._write(batch)
        if inspect.isawaitable(result):
            self._context.wait_for(result)
        self._written += batch.height

    def staged_rows(self, receipts: Sequence[Receipt]) -> int:
        return self._written

    def commit(self, receipts: Sequence[Receipt], state: State) -> Commit:
        return Commit(
            state=None, rows=None, bytes=sum(r.bytes for r in receipts), place=self._place
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


class WriteOnlySession(StoreSession):
    """A session over a custom Store's `write(df)`, which keeps no state; see WriteOnlyLoad."""

    def __init__(self, write: Callable[[Any], Any], place: str, context: Context) -> None:
        self._write, self._place, self._context = write, place, context

    def state(self) -> State | None:
        return None

    def begin(self, request: LoadRequest) -> Load:
        return WriteOnlyLoad(self._write, self._place, request, self._context)
