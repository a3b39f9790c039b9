"""Store: where data rests after its journey.

A Store is an immutable description. `open()` makes a session for one attempt, which tells the
state the destination holds and begins loads. A custom Store needs only `write(df)`.
"""

from __future__ import annotations

import copy
import inspect
import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self

from hygge.core import registry
from hygge.core.context import Context, Surroundings, in_own_loop, surroundings
from hygge.core.custom import WriteOnlySession
from hygge.core.errors import ConfigError, UnsupportedError
from hygge.core.fields import Schema
from hygge.core.frames import Frame, frame_of
from hygge.core.load import Commit, LoadRequest, Writer
from hygge.core.scope import LoadScope
from hygge.core.settings import StoreConfig, build
from hygge.core.settling import StoreSession
from hygge.core.slots import Slots
from hygge.core.state import Mode, derive_fingerprint
from hygge.core.terms import ABILITIES, NO_TERMS, Ability, Terms

if TYPE_CHECKING:
    import asyncio

    from hygge.core.sift import Unheld


class Store:
    """Where data rests after its journey.

    Parameters
    ----------
    name: the entity's name; what it means beyond that (a table, a folder) each Store says.
    options: settings as a mapping; the same as giving them as keywords.
    settings: the fields of the Store's `Config`.

    Raises
    ------
    ConfigError: a setting is unknown, wrong, or given twice; all are reported at once.
    """

    Config: ClassVar[type[StoreConfig]] = StoreConfig
    type: ClassVar[str] = ""
    local: ClassVar[bool] = False
    """Whether this description holds a live object and so cannot leave the process."""
    modes: ClassVar[tuple[Mode, ...]] = ("append",)
    """The modes it has, the default first."""
    abilities: ClassVar[frozenset[Ability]] = frozenset()
    """What it heeds of a load's terms."""
    keeps_state: ClassVar[bool] = False
    """Whether state is committed with the data; without it nothing is incremental or once only."""

    everyday: Self | None = None
    """The same description with `{run_date}` left as it is, where it has that; so every day's is of
    the same entity, and goes on where the day before ended."""

    config: Any
    name: str

    def __init_subclass__(cls, *, type: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if inspect.isabstract(cls) or cls.__name__.startswith("_"):
            return
        if type == "":  # a base of several
            return
        cls.type = type or registry.type_name(cls.__name__, "store")
        registry.register("store", cls.type, cls)

    def __init__(
        self, name: str = "", *, options: Mapping[str, Any] | None = None, **settings: Any
    ) -> None:
        self.name = name
        self.config = build(self.Config, type(self).__name__, options, settings)

    @classmethod
    def from_config(cls, name: str, config: StoreConfig) -> Self:
        """Make a Store from settings that have been validated already."""
        self = cls.__new__(cls)
        self.name = name
        self.config = config
        return self

    @classmethod
    def place_entity(
        cls, settings: Mapping[str, Any], entity: str, *, shared: bool
    ) -> dict[str, Any]:
        """The settings of one entity; see `Home.place_entity`."""
        return dict(settings)

    def bind(self, around: Surroundings) -> Store:
        """This description with relative paths and connection names resolved; or, of one that only
        translates, the Store that does its work, bound."""
        return self

    def copy_with(self, **changes: Any) -> Self:
        """A copy whose attributes differ; the Store itself never changes."""
        clone = copy.copy(self)
        clone.__dict__.update(changes)
        return clone

    def place(self) -> str:
        """Where the data settles, for people; two entities may not share it. Never a secret."""
        return f"{self.type}:{self.name}" if self.name else self.type

    def identity(self) -> Mapping[str, Any]:
        """What the destination is, whatever the route to it: no host, user or secret."""
        return {"type": self.type, "place": self.place()}

    def guarantee(self, mode: Mode) -> str:
        """What a run in this mode promises, for the plan."""
        return "exactly once" if self.keeps_state else "at least once"

    def readers(self, mode: Mode) -> str:
        """What somebody reading during a load sees, for the plan."""
        return "rows as they arrive"

    def unheld(self) -> Unheld | None:
        """Which values it cannot hold though they fit their type, so that `on_bad_value` has a say;
        None where it holds all, or refuses what it cannot."""
        return None

    def check(self, mode: Mode, keys: Sequence[str], wanted: Sequence[Ability] = ()) -> None:
        """Raise UnsupportedError, with the reason, for what this Store cannot do.

        Parameters
        ----------
        mode, keys: of the load.
        wanted: what its terms ask; see `Terms.wanted`.
        """
        if mode not in self.modes:
            raise UnsupportedError(
                f"a Store of type '{self.type}' cannot {mode}",
                hint=f"its modes: {', '.join(self.modes)}",
            )
        for ability in wanted:
            if ability not in self.abilities:
                raise UnsupportedError(
                    f"a Store of type '{self.type}' has no {ABILITIES[ability]}",
                    hint="take it out, or choose another Store",
                )
        by_key = mode in ("merge", "scd2") or (
            mode == "delete_insert" and "by_window" not in wanted
        )
        if not keys and (by_key or "deduplicate" in wanted):
            what = f"mode '{mode}'" if by_key else "`deduplicate`"
            raise UnsupportedError(f"{what} needs a key", hint="set `key_column`")

    def slots(self) -> Sequence[Slots]:
        """What one session of it takes of what there are only so many of; bound."""
        return ()

    def open(self, context: Context) -> StoreSession:
        """A session for one attempt. Raises ConnectError where its place cannot be reached."""
        if type(self).write is Store.write:
            raise ConfigError(
                f"{type(self).__name__} has neither write() nor open()",
                hint="define `async def write(self, df): ...`",
            )
        return WriteOnlySession(self.write, self.place(), context)

    def compact(self, context: Context) -> tuple[int, int]:
        """Join the small files of a destination; rows and position stay as they are.

        Returns how many files there were, and how many there are now. Raises UnsupportedError for
        a Store that has no files, StateError where it holds nothing of hygge's.
        """
        raise UnsupportedError(f"a Store of type '{self.type}' has no files to join")

    def writer(self, ticket: Any, chunk: int, context: Context) -> Writer:
        """A writer for a load that was begun in another process, from its ticket."""
        raise UnsupportedError(f"a Store of type '{self.type}' is written from one process only")

    def load(
        self, mode: Mode = "append", *, key: str | Sequence[str] = (), terms: Terms | None = None
    ) -> LoadScope:
        """Group several writes into one load: `async with store.load("replace") as load: ...`.

        It commits when the block ends and aborts when the block raises; a plain `with` works too.

        Parameters
        ----------
        mode: how the Store takes the rows.
        key: the key's column or columns, for modes that need one.
        terms: what is asked beside the mode; its moment is set when the block is entered.
        """
        keys = (key,) if isinstance(key, str) else tuple(key)
        return self._scope(mode, keys, terms or NO_TERMS)

    async def write(self, df: Any) -> Any:
        """Append a frame (Polars' or what speaks Arrow) as one load of its own, committed when this
        returns.

        What a custom Store overrides, for Polars' DataFrames. Returns the Commit.
        """
        import asyncio

        return await asyncio.to_thread(self._write_alone, df, asyncio.get_running_loop())

    def write_sync(self, df: Frame) -> Any:
        """`write()` for code without an event loop."""
        if type(self).write is not Store.write:
            frame = frame_of(df, f"{type(self).__name__}.write() was given")
            result: Any = self.write(frame)
            return in_own_loop(result) if inspect.iscoroutine(result) else result
        return self._write_alone(df, None)

    def _write_alone(self, df: Frame, loop: asyncio.AbstractEventLoop | None) -> Commit:
        scope = self._scope("append", (), NO_TERMS, loop)
        with scope as load:
            load.write_sync(df)
        assert scope.commit is not None  # a with-block that did not raise has committed
        return scope.commit

    def _scope(
        self, mode: Mode, keys: tuple[str, ...], terms: Terms,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> LoadScope:  # fmt: skip
        bound = self.bind(surroundings())
        bound.check(mode, keys, terms.wanted)
        request = LoadRequest(
            entity=bound.name or bound.place(), mode=mode, fields=Schema(), keys=keys, terms=terms,
            fingerprint=derive_fingerprint({"by": "python", "store": dict(bound.identity())}),
            load_id=uuid.uuid4().hex[:20], run_id=f"python-{uuid.uuid4().hex[:12]}",
        )  # fmt: skip
        return LoadScope(bound.open, request, bound.place(), type(self).__name__, loop=loop)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.place()})"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    __hash__ = None  # type: ignore[assignment]
