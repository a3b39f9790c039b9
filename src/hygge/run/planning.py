"""Planning one entity: what it is to be and what stands in the way, without asking anybody."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Protocol

from hygge.core.context import Surroundings
from hygge.core.errors import FULL_REFRESH, ConfigError, Location, Problem
from hygge.core.home import Home
from hygge.core.state import Mode, derive_fingerprint
from hygge.core.store import Store
from hygge.project import EntitySettings
from hygge.run.locks import lock_name
from hygge.run.marks import marks_of
from hygge.run.plan import Plan, in_one_piece
from hygge.run.sieve import Rules
from hygge.run.terms import asked_of, misfits, needs_key

QUARANTINE = Path(".hygge") / "quarantine"
"""Where rows are set aside, a folder for each entity, below the project's own."""


def plan_entity(
    home: Home,
    store: Store,
    settings: EntitySettings,
    *,
    full_name: str,
    around: Surroundings,
    full_refresh: bool = False,
    tags: tuple[str, ...] = (),
    location: Location | None = None,
) -> Plan:
    """Resolve one entity.

    Parameters
    ----------
    home, store: descriptions, not yet bound.
    settings: of the entity.
    full_name: `flow.entity`.
    around: what paths and connection names resolve against.
    full_refresh: replace everything, whatever the mode.

    Returns
    -------
    The plan; what is wrong with it is in its `problems`, never raised.
    """
    problems: list[Problem] = []
    notes: list[str] = []

    def wrong(message: str, hint: str | None = None) -> None:
        problems.append(Problem(f"{full_name}: {message}", location, hint))

    always, everyday = home.everyday or home, store.everyday or store
    identity = {"home": dict(always.identity()), "store": dict(everyday.identity())}
    try:
        home = home.bind(around)
        store = store.bind(around)
        if home.known_when_bound:
            identity["home"] = dict(always.bind(around).identity())
    except ConfigError as error:
        problems += _located(error, full_name, location)
    lock = full_name
    with suppress(ConfigError):  # of the Store, which has been told
        lock = lock_name(full_name, everyday.bind(around).place(), around.root)
    usual = settings.mode or store.modes[0]
    mode = _mode(usual, store, full_refresh, notes)
    try:
        keys = settings.keys or ("the source's primary key",)
        store.check(mode, keys, asked_of(settings, mode))
    except ConfigError as error:
        problems += _located(error, full_name, location)
    if usual != mode == "replace" and (column := marks_of(settings, usual)):
        notes.append(f"full refresh: rows marked in {column} that the source has no longer go")
    for message, hint in misfits(settings, usual, full_refresh=full_refresh):
        wrong(message, hint)
    if needs_key(settings, mode) and not settings.keys:
        notes.append("key: the source's primary key")
    by = settings.incremental
    if by is not None:
        _check_incremental(home, store, settings, mode, full_refresh, wrong)
    elif mode == "append" and "replace" in store.modes and not settings.full_append:
        wrong(
            "appending all rows at every run would double them",
            "set `incremental: {column: ...}`, another `mode`, or `full_append: true` if meant",
        )
    elif mode == "append" and not store.keeps_state and not settings.full_append:
        warned = Problem(
            f"{full_name}: every run writes all rows anew, since a Store of type '{store.type}' "
            "only adds, and keeps no position to go on from",
            location, "`full_append: true` says that this is meant", "warning",
        )  # fmt: skip
        problems.append(warned)
    policy = settings.on_bad_value
    rules = Rules(policy)
    if policy == "quarantine":
        rules = Rules(policy, around.root / QUARANTINE / full_name)
        notes.append(f"rows with values that do not fit: set aside in {rules.folder}")
    if policy != "fail" and not home.lenient:
        wrong(
            f"a Home of type '{home.type}' finds values that do not fit itself, and stops there",
            "take `on_bad_value` out, or declare such columns as text under `types:`",
        )
    if full_refresh and mode == "append" and store.keeps_state and not settings.full_append:
        wrong(
            "a full refresh would append every row again, and a Store of type "
            f"'{store.type}' cannot replace",
            f"empty the destination and load anew, or run without {FULL_REFRESH}",
        )
    if isinstance(settings.chunks, int) and (why := in_one_piece(home, store)):
        notes.append(f"`chunks: {settings.chunks}` is one piece all the same: {why}")
    if not store.keeps_state:
        notes.append("the Store keeps no state: a run that fails half-way is written again")
    parts = dict(identity)
    if by is not None:
        parts["watermark"] = by.way
    # By the usual mode: a full refresh is of the same entity as the runs before and after it.
    if needs_key(settings, usual) or (by is not None and settings.keys):
        parts["key"] = {"columns": list(settings.keys)}
    if usual == "scd2":
        parts["versions"] = settings.scd2.model_dump()
    return Plan(
        full_name=full_name, home=home, store=store, settings=settings, mode=mode,
        fingerprint=derive_fingerprint(parts), lock=lock, full_refresh=full_refresh,
        location=location, tags=tags, notes=tuple(notes), rules=rules, problems=tuple(problems),
    )  # fmt: skip


def _mode(usual: Mode, store: Store, full_refresh: bool, notes: list[str]) -> Mode:
    """How the Store takes the rows in this run, which a full refresh makes another than usual; but
    for a history, which no source can give back."""
    if full_refresh and usual not in ("replace", "scd2") and "replace" in store.modes:
        notes.append(f"full refresh: replace, this once, instead of {usual}")
        return "replace"
    return usual


def _check_incremental(
    home: Home,
    store: Store,
    settings: EntitySettings,
    mode: Mode,
    full_refresh: bool,
    wrong: _Wrong,
) -> None:
    by = settings.incremental
    assert by is not None  # asked for by the caller
    if by.files is not None and not home.by_files:
        wrong(
            f"a Home of type '{home.type}' does not read files", "set `incremental: {column: ..}`"
        )
    if by.files is not None and settings.delete_by == "window":
        wrong("new files are no window that could be taken out", "set `delete_by: key`")
    if not home.incremental:
        wrong(f"a Home of type '{home.type}' cannot read incrementally", "take `incremental` out")
    if not store.keeps_state:
        wrong(
            f"a Store of type '{store.type}' keeps no position to go on from",
            "take `incremental` out, or choose a Store that keeps state",
        )
    if mode == "replace" and not full_refresh:
        wrong(
            "`incremental` with mode 'replace' would leave only the newest rows",
            "set `mode: merge` with a key, or `mode: append`",
        )
    if mode == "append" and by.lag_value:
        wrong(
            "a lag reads rows again, which appending would double",
            "set `mode: merge` and `key_column`, or take the lag out",
        )


class _Wrong(Protocol):
    """The shape of the callback that collects problems."""

    def __call__(self, message: str, hint: str | None = None) -> None: ...


def _located(error: ConfigError, full_name: str, location: Location | None) -> list[Problem]:
    if error.problems:
        return [
            Problem(f"{full_name}: {p.message}", p.location or location, p.hint, p.severity)
            for p in error.problems
        ]
    return [Problem(f"{full_name}: {error.message}", location, error.hint)]
