"""The plan of one entity: everything resolved before any data moves. Frozen and picklable."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from hygge.core.errors import Location, Problem
from hygge.core.home import Home
from hygge.core.state import Mode
from hygge.core.store import Store
from hygge.project import EntitySettings
from hygge.run.sieve import FAIL, Rules
from hygge.run.terms import in_words, needs_key


@dataclass(frozen=True)
class Plan:
    """One entity, from one Home to one Store.

    Parameters
    ----------
    full_name: `flow.entity`.
    home, store: bound descriptions; they hold references to secrets, never their values.
    settings: the entity's settings.
    mode: how the Store takes the rows in this run.
    fingerprint: what identifies the data; see `core.state.State`.
    lock: the name of the lock that its runs take; see `lock_name`.
    full_refresh: whether the stored position is to be forgotten.
    location: where the entity is configured; None for one made in Python.
    notes: what the plan says about itself, e.g. why a default was chosen.
    rules: what becomes of values that do not fit their fields.
    problems: what stands in the way; a plan with an error among them does not run.
    """

    full_name: str
    home: Home
    store: Store
    settings: EntitySettings
    mode: Mode
    fingerprint: str
    lock: str
    full_refresh: bool = False
    location: Location | None = None
    tags: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    rules: Rules = FAIL
    problems: tuple[Problem, ...] = field(default=())

    @property
    def usual(self) -> Mode:
        """How the Store takes rows in runs that are no full refresh."""
        return self.settings.mode or self.store.modes[0]

    @property
    def source(self) -> str:
        return self.home.place()

    @property
    def destination(self) -> str:
        return self.store.place()

    @property
    def guarantee(self) -> str:
        return self.store.guarantee(self.mode)

    @property
    def readers(self) -> str:
        return self.store.readers(self.mode)

    @property
    def needs_key(self) -> bool:
        """Whether rows are told apart by a key in this run."""
        return needs_key(self.settings, self.mode)

    @property
    def takes_key(self) -> bool:
        """Whether the Store is told the key: as for other runs, where a full refresh replaces."""
        return self.needs_key or needs_key(self.settings, self.usual)

    @property
    def details(self) -> tuple[tuple[str, str], ...]:
        """What the load is asked beside its mode, by name, in words."""
        keys = ", ".join(self.settings.keys) or "key"
        told = in_words(self.settings, self.mode, keys, full_refresh=self.full_refresh)
        return tuple(told)

    @property
    def bounds(self) -> str:
        """Which rows a run reads, in words."""
        by = self.settings.incremental
        if by is None:
            return "all rows"
        if by.files is not None:
            again = "all files, remembered anew" if self.full_refresh else ""
            return again or "the files that were not read before"
        if self.full_refresh:
            return f"all rows, and {by.name} remembered anew"
        lag = f" less {by.lag}" if by.lag else ""
        return f"{by.name} from the stored position{lag}, up to a bound frozen at the start"

    @property
    def local(self) -> bool:
        """Whether it holds a live object: one session, no chunks, this process only."""
        return self.home.local or self.store.local

    @property
    def in_one_piece(self) -> str:
        """Why it cannot be read in chunks, in words; "" where it can."""
        return in_one_piece(self.home, self.store)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")

    def untold(self, told: Iterable[Problem]) -> list[Problem]:
        """Its problems, but for those that have been told at a nearer place than a plan knows."""
        said = {
            (text, p.hint, p.severity)
            for p in told
            for text in (p.message, f"{self.full_name}: {p.message}")
        }
        return [p for p in self.problems if (p.message, p.hint, p.severity) not in said]


def in_one_piece(home: Home, store: Store) -> str:
    """Why an entity cannot be read in chunks, in words; "" where it can."""
    if home.local or store.local:
        return "a live object is used by one session"
    if type(store).writer is Store.writer:
        return f"a Store of type '{store.type}' has one writer"
    return ""
