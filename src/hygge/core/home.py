"""Home: where data starts its journey. One source of one entity.

A Home is an immutable description. `open()` makes a session for one attempt; a custom Home needs
only `read_batches()`, from which the rest is derived.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import polars as pl

from hygge.core import registry
from hygge.core.context import Context, Surroundings, surroundings
from hygge.core.custom import BatchesSession
from hygge.core.errors import ConfigError, UnsupportedError
from hygge.core.fields import Schema
from hygge.core.reading import HomeSession
from hygge.core.settings import HomeConfig, build
from hygge.core.slots import Slots
from hygge.core.stream import BatchStream, checked


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
        return BatchesSession(
            self.read_batches, self.fields(), self.config.declared(), context=context,
            owner=type(self).__name__, entity=self.name or self.type,
        )  # fmt: skip

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
        return BatchStream(self._batches)

    def read_sync(self) -> Iterator[pl.DataFrame]:
        """`read()` for code without an event loop."""
        yield from self._batches(Context())

    def _batches(self, context: Context) -> Iterator[pl.DataFrame]:
        bound = self.bind(surroundings())
        with bound.open(context) as session:
            yield from checked(
                session, context, size=bound.config.batch_size, entity=self.name or self.type
            )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.place()})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]
