"""Home: where data starts its journey. One source of one entity.

A Home is an immutable description. `open()` makes a session for one attempt; a custom Home needs
only `read_batches()`, from which the rest is derived.
"""

from __future__ import annotations

import copy
import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, ClassVar, Self

import polars as pl

from hygge.core import registry
from hygge.core.arrivals import Arrivals
from hygge.core.chunk import WHOLE, Chunk, Estimate, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError, DataError, UnsupportedError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.settings import HomeConfig, build
from hygge.core.slots import Slots
from hygge.core.watermark import Position

if TYPE_CHECKING:
    from hygge.core.stream import BatchStream


@dataclass(frozen=True, slots=True)
class Table:
    """One table or dataset that a source offers.

    Parameters
    ----------
    schema, name: as the source has them; the schema is "" where there is none.
    rows, bytes: about how much it holds; None where the source does not say without counting.
    kind: `table`, `view`, or what else the source calls it.
    fields: its fields, from `Home.catalogue()`; None where they were not asked for. One whose type
        the catalogue does not tell is of type `null`.
    comment: what the source's catalogue says about it.
    counter: the column that the source itself numbers new rows by; "" where none is known.
    """

    schema: str
    name: str
    rows: int | None = None
    bytes: int | None = None
    kind: str = "table"
    fields: Schema | None = None
    comment: str = ""
    counter: str = ""

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}" if self.schema else self.name


STEADY = ("one snapshot", "snapshot ", "version ", "the files as listed at the start")
"""What `HomeSession.consistency` begins with where nothing that is read changes meanwhile."""


class HomeSession(ABC):
    """One attempt's reading. Used by one thread, but for `cancel()`, which any may call.

    Everything asked of one session is answered from one snapshot where `consistency` says so.
    """

    consistency: str = "as read"
    """What the rows of one read are consistent with, in words for the plan; see `STEADY`."""
    settled_clock: bool = False
    """Whether `clock()` is held below what open transactions may still write. Where it is not, an
    incremental read by time needs a lag, and so a key to merge on."""
    settled_numbers: bool = True
    """Whether numbers become visible in their own order. Where transactions are open side by side,
    one with a lower number may be committed after one with a higher."""
    inferred: bool = False
    """Whether `schema()` was found by looking at the data, there being no catalogue."""

    @property
    def steady(self) -> bool:
        """Whether all that is asked of it is answered from one state of the source."""
        return self.consistency.startswith(STEADY)

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
        """Up to `parts` disjoint chunks that together are the whole; one if it cannot be split.

        The outermost are open, so that together they are the whole in a later snapshot as well.
        """
        return (WHOLE,)

    def count(self, request: ReadRequest, chunk: Chunk) -> int | None:
        """Count a chunk's rows at the source, independently of reading them; None: it cannot."""
        return None

    def fingerprint(self, request: ReadRequest, chunk: Chunk) -> str | None:
        """A digest of which versions of rows a chunk holds, taken at the source.

        Equal digests in two snapshots mean equal rows, whatever happened in between; that is what
        lets a finished chunk be trusted by a later run. None: the source cannot tell, or does not
        answer this and `read` from one snapshot.
        """
        return None

    def share(self) -> str:
        """A name by which sessions beside this one read its snapshot; "" where it has none.

        The name goes into `ReadRequest.snapshot`; it holds while this session is open.
        """
        return ""

    def statement(self, request: ReadRequest, chunk: Chunk) -> str:
        """What is asked of the source, word for word, for people; "" where it is no statement."""
        return ""

    def inputs(self, chunk: Chunk) -> Sequence[str]:
        """The files that a chunk is read from, for people; none where it is no files."""
        return ()

    def maximum(self, column: str) -> Position | None:
        """The largest value of a column that can carry a watermark; None where it has no rows."""
        raise UnsupportedError(
            f"{type(self).__name__} cannot read incrementally",
            hint="take `incremental` out, or choose a Home that can",
        )

    def told_by(self, what: str) -> Field:
        """What positions are of, where the source itself tells which rows changed. Raises
        UnsupportedError where it does not."""
        raise UnsupportedError(
            f"this source has no `incremental: {{by: {what}}}`",
            hint="name a column that grows: `incremental: {column: ...}`",
        )

    def expired(self, last: Position) -> str:
        """Why changes since a stored position are not all known to the source any more, in words;
        "" where they are. Asked after `told_by` and `maximum`; raises StateError where it is none
        of this source's."""
        return ""

    def gone(self, request: ReadRequest) -> Chunk:
        """The chunk of the keys of rows that the source tells to be gone in a window."""
        raise UnsupportedError("this source does not tell which rows are gone")

    def positions(self, field: Field) -> LogicalType:
        """What positions in a column are; its own type, unless that is no number and no time, and
        the source reads by it nevertheless."""
        return field.type

    def settled(self, field: Field) -> bool:
        """Whether no row will yet appear below the position that `maximum()` and `clock()` give."""
        return self.settled_clock if field.type.is_temporal else self.settled_numbers

    def check_position(self, column: str, last: Position) -> None:
        """Raise StateError where a stored position cannot be one of this source's column; asked
        after `maximum()`."""

    def nulls(self, column: str) -> int | None:
        """How many rows have no value in a column; None where that is not known."""
        return None

    def clock(self) -> datetime | None:
        """The source's own clock, aware; None where it has none, which is for numbers only."""
        return None

    def who(self) -> str:
        """Who the source takes us for, and by what, for people; "" where it does not tell."""
        return ""

    def arrivals(self, memo: str | None, *, again: bool) -> Arrivals:
        """The files that were not read before; from now on this session reads no others.

        Parameters
        ----------
        memo: what the state remembers of the last; None for all files.
        again: whether files that were replaced since are read again.
        """
        raise UnsupportedError(
            f"{type(self).__name__} does not read files", hint="set `incremental: {column: ...}`"
        )

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
    by_files: ClassVar[bool] = False
    """Whether sessions can tell which files are new, for `incremental: {files: new}`."""
    lenient: ClassVar[bool] = True
    """Whether it heeds `ReadRequest.lenient`, so that `on_bad_value` has a say."""
    known_when_bound: ClassVar[bool] = False
    """Whether `identity()` is to be asked of the bound Home, whose connection knows its database;
    else of the Home as written, whose paths are the same on every machine."""

    everyday: Self | None = None
    """The same description with `{run_date}` left as it is, where it has that: every day's is of
    the same entity."""

    config: Any
    name: str

    def __init_subclass__(cls, *, type: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if inspect.isabstract(cls) or cls.__name__.startswith("_"):
            return
        if type == "":  # a base of several
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

    def catalogue(self, context: Context) -> Sequence[Table]:
        """`tables()` with their fields and keys, in one pass over the source's catalogue.

        Raises UnsupportedError where there is no catalogue.
        """
        raise UnsupportedError(f"a Home of type '{self.type}' has no catalogue to discover")

    def beside(self, session: HomeSession, most: int, context: Context) -> list[HomeSession]:
        """Further sessions to read chunks in, beside one that is open.

        As many as can be had at once, at most `most`, perhaps none: who holds a session must not
        wait for another, or holders would wait for each other for ever.
        """
        return [self.open(context) for _ in range(most)]

    def slots(self) -> Sequence[Slots]:
        """What one session of it takes of what there are only so many of; bound."""
        return ()

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
        from hygge.core.stream import BatchStream

        return BatchStream(self)

    def read_sync(self) -> Iterator[pl.DataFrame]:
        """`read()` for code without an event loop."""
        from hygge.core.stream import batches

        yield from batches(self, Context())

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.place()})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]


def empty_read(home: Home) -> DataError:
    """The error for a read_batches() whose body yields nothing and returns nothing."""
    return DataError(
        f"{type(home).__name__}.read_batches() gave no batches",
        hint="`yield` at least one DataFrame; for no rows, yield one with columns and height 0",
    )
