"""Home: where data starts its journey. One source of one entity.

A Home is an immutable description. `open()` makes a session for one attempt; a custom Home needs
only `read_batches()`, from which the rest is derived.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
import threading
import weakref
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

import polars as pl

from hygge.core import registry
from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context, Surroundings, surroundings
from hygge.core.errors import Cancelled, ConfigError, DataError, UnsupportedError
from hygge.core.fields import Schema
from hygge.core.settings import HomeConfig, build
from hygge.core.watermark import Position


@dataclass(frozen=True, slots=True)
class Table:
    """One table or dataset that a source offers: its schema ("" where there is none) and name."""

    schema: str
    name: str
    rows: int | None = None

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


class HomeSession(ABC):
    """One attempt's reading. Used by one thread, but for `cancel()`, which any may call.

    Everything asked of one session is answered from one snapshot where `consistency` says so.
    """

    consistency: str = "as read"
    """What the rows of one read are consistent with, in words for the plan."""
    settled_clock: bool = False
    """Whether `clock()` is held below what open transactions may still write. Where it is not, an
    incremental read by time needs a lag, and so a key to merge on."""
    inferred: bool = False
    """Whether `schema()` was found by looking at the data, there being no catalogue."""

    @abstractmethod
    def schema(self) -> Schema:
        """All fields of the entity, known before any row is handed on."""

    @abstractmethod
    def read(self, request: ReadRequest, chunk: Chunk) -> Iterator[pl.DataFrame]:
        """The rows of a chunk, as batches that have at least the columns asked for.

        Batches need not have the declared dtypes, only values that fit them: they are conformed.
        """

    def estimate(self, request: ReadRequest) -> Estimate:
        """How much is to be read, without reading it."""
        return Estimate()

    def split(self, request: ReadRequest, parts: int) -> Sequence[Chunk]:
        """Up to `parts` disjoint chunks that together are the whole; one if it cannot be split."""
        return (WHOLE,)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count a chunk's rows at the source, independently of reading them; None: it cannot."""
        return None

    def maximum(self, column: str) -> Position | None:
        """The largest value of a column that can carry a watermark; None where it has no rows."""
        raise UnsupportedError(
            f"{type(self).__name__} cannot read incrementally",
            hint="take `incremental` out, or choose a Home that can",
        )

    def nulls(self, column: str) -> int | None:
        """How many rows have no value in a column; None where that is not known."""
        return None

    def clock(self) -> datetime | None:
        """The source's own clock, aware; None where it has none, which is for numbers only."""
        return None

    def cancel(self) -> None:
        """Stop what is under way, from any thread. Safe at any time."""

    def close(self) -> None:
        """Give back what is held. Safe more than once."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class Home:
    """Where data starts its journey.

    Parameters
    ----------
    name: the entity's name; what it means beyond that (a table, a folder) each Home says.
    options: settings as a mapping; the same as giving them as keywords.
    settings: the fields of the Home's `Config`.

    Raises
    ------
    ConfigError: a setting is unknown, wrong, or given twice; all are reported at once.
    """

    Config: ClassVar[type[HomeConfig]] = HomeConfig
    type: ClassVar[str] = ""
    local: bool = False
    """Whether this description holds a live object and so cannot leave the process."""
    incremental: ClassVar[bool] = False
    """Whether sessions can read a window of a column."""

    config: Any
    name: str

    def __init_subclass__(cls, *, type: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if inspect.isabstract(cls) or cls.__name__.startswith("_"):
            return
        cls.type = type or registry.type_name(cls.__name__, "home")
        registry.register("home", cls.type, cls)

    def __init__(
        self, name: str = "", *, options: Mapping[str, Any] | None = None, **settings: Any
    ) -> None:
        self.name = name
        self.config = build(self.Config, type(self).__name__, options, settings)

    @classmethod
    def from_config(cls, name: str, config: HomeConfig) -> Self:
        """Make a Home from settings that have been validated already."""
        self = cls.__new__(cls)
        self.name = name
        self.config = config
        return self

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """The settings of one entity, given those of its flow, before they are validated.

        Parameters
        ----------
        settings: as merged from project, flow and entity, templates filled in.
        entity: the entity's name.
        shared: whether the flow has entities, so that a path is the parent of several.
        """
        return dict(settings)

    def bind(self, around: Surroundings) -> Self:
        """This description with relative paths and connection names resolved."""
        return self

    def copy_with(self, **changes: Any) -> Self:
        """A copy whose attributes differ; the Home itself never changes."""
        clone = copy.copy(self)
        clone.__dict__.update(changes)
        return clone

    def place(self) -> str:
        """Where the data lies, for people; never a secret."""
        return f"{self.type}:{self.name}" if self.name else self.type

    def identity(self) -> Mapping[str, Any]:
        """What the data is, whatever the route to it: no host, user or secret."""
        return {"type": self.type, "place": self.place()}

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table or dataset the source offers. Raises UnsupportedError if none is listed."""
        raise UnsupportedError(
            f"a Home of type '{self.type}' cannot list its tables",
            hint="name the entities instead of using `tables:`",
        )

    def open(self, context: Context) -> HomeSession:
        """A session for one attempt. Raises ConnectError where the source cannot be reached."""
        from hygge.core.custom import BatchesSession

        return BatchesSession(self, context)

    def read_batches(self) -> Any:
        """What a custom Home implements: an (async) generator of Polars DataFrames."""
        raise ConfigError(
            f"{type(self).__name__} has no read_batches()",
            hint="define `async def read_batches(self): yield pl.DataFrame(...)`",
        )

    def fields(self) -> Schema | Mapping[str, Any] | None:
        """What a custom Home may declare: a Schema, or name to type text or Polars dtype.

        None: the fields are inferred once, over the whole input.
        """
        return None

    def read(self) -> BatchStream:
        """All batches, checked against the Home's fields: `async for df in home.read()`.

        Leaving the loop early closes the session. Raises what the source raises, BadValue,
        and SchemaDrift where batches differ.
        """
        return BatchStream(self)

    def read_sync(self) -> Iterator[pl.DataFrame]:
        """`read()` for code without an event loop."""
        yield from _batches(self, Context())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.place()})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]


def _batches(home: Home, context: Context) -> Iterator[pl.DataFrame]:
    bound = home.bind(surroundings())
    size = bound.config.batch_size
    with bound.open(context) as session:
        forget = context.cancel.add(session.cancel)
        try:
            schema, offset = session.schema(), 0
            for batch in session.read(ReadRequest(batch_rows=size), WHOLE):
                checked = conform(batch, schema, entity=home.name or home.type, offset=offset)
                offset += checked.height
                for start in range(0, checked.height, size):
                    yield checked.slice(start, size)
        finally:
            forget()


class BatchStream(AsyncIterator[pl.DataFrame]):
    """An asynchronous iterator over batches, read in a worker thread.

    It closes itself at the end, on an error, when dropped, and as an `async with` block ends.
    """

    def __init__(self, home: Home) -> None:
        self._home = home
        self._context = Context()
        self._open: list[Iterator[pl.DataFrame]] = []
        self._begun = False
        self._step: asyncio.Future[pl.DataFrame | None] | None = None
        self._finalizer = weakref.finalize(self, _leave, self._context, self._open)
        self._finalizer.atexit = False

    def __aiter__(self) -> BatchStream:
        return self

    async def __anext__(self) -> pl.DataFrame:
        if not self._begun:
            self._begun = True
            self._context.loop = asyncio.get_running_loop()
            self._open.append(_batches(self._home, self._context))
        if not self._open:
            raise StopAsyncIteration
        # Shielded, since a thread cannot be interrupted: who awaits may go, the step ends.
        self._step = asyncio.ensure_future(asyncio.to_thread(next, self._open[0], None))
        self._step.add_done_callback(lambda step: step.cancelled() or step.exception())
        batch = await asyncio.shield(self._step)
        if batch is None:
            self._open.clear()
            raise StopAsyncIteration
        return batch

    async def aclose(self) -> None:
        """Stop reading and close the session; safe more than once."""
        self._begun = True
        self._context.cancel.cancel("closed")
        if self._step is not None:
            await asyncio.wait([self._step])
        while self._open:
            await asyncio.to_thread(_close, self._open.pop())

    async def __aenter__(self) -> BatchStream:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()


def _leave(context: Context, open_: list[Iterator[pl.DataFrame]]) -> None:
    """Stop and close from a thread of its own: whoever drops a stream must not wait for it."""
    context.cancel.cancel("the loop was left")
    if open_:
        threading.Thread(
            target=_close, args=(open_.pop(),), name="hygge-close", daemon=True
        ).start()


def _close(iterator: Iterator[pl.DataFrame]) -> None:
    close = getattr(iterator, "close", None)
    try:
        if close is not None:
            close()
    except Cancelled:  # what closing asked for
        pass
    except ValueError:  # still being read in a thread, which ends and closes it by itself
        pass


def empty_read(home: Home) -> DataError:
    """The error for a read_batches() whose body yields nothing and returns nothing."""
    return DataError(
        f"{type(home).__name__}.read_batches() gave no batches",
        hint="`yield` at least one DataFrame; for no rows, yield one with columns and height 0",
    )
