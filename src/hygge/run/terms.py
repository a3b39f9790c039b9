"""From an entity's settings to what a load is asked beside its mode. Values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime

import polars as pl

from hygge.core.durations import parse_duration
from hygge.core.errors import (
    FULL_REFRESH,
    ConfigError,
    SchemaDrift,
    StateError,
    UnsupportedError,
)  # fmt: skip
from hygge.core.fields import FLOATS
from hygge.core.state import Mode, State
from hygge.core.terms import AT, Ability, Deletes, Terms, moment_after
from hygge.core.watermark import Window
from hygge.project import EntitySettings
from hygge.run.shape import Shape

COMPARED = "keys_compared"
"""Under which a state's memo has the moment at which keys were last compared."""
_BY_KEY = ("merge", "delete_insert", "scd2")


def needs_key(settings: EntitySettings, mode: Mode) -> bool:
    """Whether a load in this mode needs a key."""
    by_window = mode == "delete_insert" and settings.delete_by == "window"
    return (mode in _BY_KEY and not by_window) or bool(settings.latest)


def deletes_of(
    settings: EntitySettings, mode: Mode, *, full_refresh: bool = False
) -> Deletes | None:
    """What becomes of rows that are gone; `find` says whether keys are ever to be compared.

    Parameters
    ----------
    mode: of the load; `replace` stands for an entity that is usually loaded otherwise.
    full_refresh: whether all rows are read, though usually only new ones are.
    """
    asked, marked = settings.deletes, settings.deleted_when is not None
    by = settings.incremental
    # Files that were moved away take no rows with them: what is new comes in files, and no more.
    closing = mode == "scd2" and (by is None or (full_refresh and by.files is None))
    if asked is None and not marked:
        return Deletes(find=True) if closing else None
    if asked is not None and asked.mode == "ignore":
        return None
    found = bool(asked.find) if asked is not None and (asked.find or marked) else not marked
    found = (found or closing) and mode != "replace"
    if asked is None:
        return Deletes(find=found, marked=marked)
    told = asked.find == "change_tracking" and found
    return Deletes(asked.mode == "hard", asked.column, found, marked, told)


def asked_of(settings: EntitySettings, mode: Mode) -> tuple[Ability, ...]:
    """What a Store must be able to do beside the mode."""
    wanted: list[Ability] = ["deduplicate"] if settings.latest else []
    if mode == "delete_insert" and settings.delete_by == "window":
        wanted.append("by_window")
    deletes = deletes_of(settings, mode)
    if deletes is not None:
        own = mode == "scd2" and settings.deletes is None  # what the mode itself is of
        wanted += ["deletes"] if deletes.compares and not own else []
        wanted += ["marked"] if deletes.marked else []
        wanted += ["told"] if deletes.told else []
    return tuple(wanted)


def misfits(
    settings: EntitySettings, mode: Mode, *, full_refresh: bool = False
) -> Iterator[tuple[str, str]]:
    """What does not go together, each with a hint.

    Parameters
    ----------
    mode: the usual one, which a full refresh does not change.
    full_refresh: whether all rows are read, though usually only new ones are.
    """
    by_window = mode == "delete_insert" and settings.delete_by == "window"
    if settings.latest and mode in ("append", "delete_insert"):
        yield (
            f"`deduplicate` with mode '{mode}' would leave out rows that the mode is to keep",
            "set `mode: merge`, or take `deduplicate` out",
        )
    if settings.delete_by == "window" and mode != "delete_insert":
        yield "`delete_by: window` is for `mode: delete_insert`", "set that mode, or take it out"
    if by_window and settings.incremental is None:
        yield (
            "`delete_by: window` needs a window to read, which a full read has not",
            "set `incremental: {column: ...}`, or `mode: replace`",
        )
    telling = [n for n in ("deletes", "deleted_when") if getattr(settings, n) is not None]
    ignored = settings.deletes is not None and settings.deletes.mode == "ignore"
    if telling and not ignored and (mode not in _BY_KEY or by_window):
        why = "takes out what is gone by itself" if mode == "replace" else "has no key"
        yield f"`{telling[0]}` is for modes with a key, and '{mode}' {why}", "set `mode: merge`"
    if ignored and settings.deleted_when is not None:
        yield "`deleted_when` and `deletes: {mode: ignore}` exclude each other", "take one out"
    if mode == "scd2" and settings.deletes is not None and settings.deletes.mode == "hard":
        yield "mode 'scd2' keeps every version: none is deleted", "set `deletes: {mode: soft}`"
    deletes = deletes_of(settings, mode, full_refresh=full_refresh)
    finds = deletes is not None and deletes.find
    by, find = settings.incremental, settings.deletes.find if settings.deletes else None
    if find == "change_tracking" and (by is None or by.by is None):
        yield (
            "`find: change_tracking` is told since the position of the last load",
            "set `incremental: {by: change_tracking}`",
        )
    if find == "change_tracking" and settings.deletes is not None and settings.deletes.every:
        yield "what is told is told once, and `every` would miss it", "take `every` out"
    if finds and by is not None and by.files is not None:
        yield (
            "`deletes` compares keys with all that the source has, and `incremental: {files: new}` "
            "reads the new files alone: all other rows would be taken for deleted",
            "set `deleted_when` without `find: keys`, where rows tell that they are gone; or take "
            "`incremental` or `deletes` out",
        )
    if settings.deletes is not None and settings.deletes.every and not finds:
        yield "`every` says how often keys are compared, and none are", "add `find: keys`"
    if finds and settings.on_bad_value == "quarantine":
        yield (
            "rows that `on_bad_value: quarantine` sets aside would be taken for deleted",
            "set `on_bad_value: fail` or `null`, or `deletes: {mode: ignore}`",
        )
    if settings.deleted_when is not None:
        try:
            pl.sql_expr(settings.deleted_when)
        except pl.exceptions.PolarsError as error:
            yield f"`deleted_when` cannot be read: {error}", "write it as `is_deleted = 1`"


def in_words(
    settings: EntitySettings, mode: Mode, keys: str, *, full_refresh: bool = False
) -> Iterator[tuple[str, str]]:
    """What a plan says beside the mode, by name.

    Parameters
    ----------
    keys: the key's columns, in words.
    full_refresh: whether all rows are read, though usually only new ones are.
    """
    if settings.latest:
        yield "of doubles", f"of each {keys}, the row with the greatest {settings.latest}"
    if mode == "delete_insert" and settings.delete_by == "window":
        yield "takes out", "what the destination has in the window that is read"
    deletes = deletes_of(settings, mode, full_refresh=full_refresh)
    if deletes is None:
        return
    becomes = "go" if deletes.hard else f"are marked in {deletes.column}"
    if mode == "scd2":
        becomes = "have their version closed"
    if deletes.marked:
        yield "deleted", f"rows with {settings.deleted_when} {becomes}"
    if deletes.find:
        every = settings.deletes.every if settings.deletes is not None else None
        how = "rows that a full read does not have"
        if settings.incremental is not None:
            how = f"rows whose {keys} the source has no longer"
        yield "vanished", f"{how} {becomes}" + (f"; looked for every {every}" if every else "")


def is_due(settings: EntitySettings, held: State | None, now: datetime) -> bool:
    """Whether keys are to be compared now, by what the state remembers. Raises StateError where
    that is damaged."""
    every = settings.deletes.every if settings.deletes is not None else None
    last = held.memo.get(COMPARED) if held is not None else None
    if every is None or last is None:
        return True
    try:
        return now - datetime.fromisoformat(last) >= parse_duration(every)
    except (ValueError, TypeError) as error:
        raise StateError(f"the state's moment of comparing keys is damaged: {error}") from None


def moment_now(held: State | None) -> datetime:
    """The moment of a load that begins now. Raises StateError where the last one's is damaged."""
    try:
        return moment_after(held.memo if held else {}, datetime.now(UTC))
    except (ValueError, TypeError) as error:
        raise StateError(f"the moment of the last load is damaged: {error}") from None


def terms_now(
    settings: EntitySettings,
    mode: Mode,
    shape: Shape,
    span: Window | None,
    held: State | None,
    at: datetime,
    *,
    full_refresh: bool = False,
) -> tuple[Terms, dict[str, str]]:
    """What a load is asked, and what its state is to remember.

    Parameters
    ----------
    mode: of this load.
    shape: its columns.
    span: the rows it reads, by the source's column.
    held: what the destination holds.
    at: the moment of the load.
    full_refresh: whether all rows are read, though usually only new ones are.

    Raises
    ------
    ConfigError: a column is not moved, or is of a type that has no order.
    SchemaDrift: the rows that are held lack a column by which they are told apart.
    UnsupportedError: the destination's column cannot be held against the window.
    """
    memo = {**(held.memo if held else {}), AT: at.isoformat()}
    deletes = deletes_of(settings, mode, full_refresh=full_refresh)
    if deletes is not None and deletes.find:
        due = full_refresh or is_due(settings, held, at)
        # What is gone since a position is told; where there is none, keys are compared.
        told = deletes.told and span is not None and span.lower is not None
        deletes = replace(deletes, find=due, told=told)
        if due:
            memo[COMPARED] = at.isoformat()
    window = None
    if mode == "delete_insert" and settings.delete_by == "window" and span is not None:
        window = _window_there(shape, span)
    latest = _latest_there(shape, settings.latest) if settings.latest else ""
    if held is not None and held.rows != 0 and mode != "replace":
        told_by = shape.keys if needs_key(settings, mode) else ()
        _check_held(held, shape, [*told_by, window.column if window else "", latest], mode)
    return Terms(
        at=at,
        latest=latest,
        window=window,
        versions=settings.scd2.versions,
        deletes=deletes,
        unlike=tuple(stamp.field.name for stamp in shape.stamps if not stamp.when),
        max_shrink=settings.max_shrink,
        allow_empty=settings.allow_empty,
    ), memo


def _check_held(held: State, shape: Shape, columns: Iterable[str], mode: Mode) -> None:
    """Raise SchemaDrift where the rows that are held lack a column by which they are told apart:
    it would be added as NULL, and no row that comes would replace one that is there."""
    for name in filter(None, columns):
        if name in held.fields:
            continue
        source = shape.target[name].source_name
        before = next((f.name for f in held.fields if f.source_name == source), "")
        called = f", where it is '{before}'" if before else ""
        hints = [f"let it keep its name (`rename: {{{source}: {before}}}`)"] if before else []
        hints.append(
            "give this entity another destination" if mode == "scd2"
            else f"run with {FULL_REFRESH}, which loads all rows anew"
        )  # fmt: skip
        raise SchemaDrift(
            f"the rows that '{held.entity}' holds have no column '{name}'{called}, and mode "
            f"'{mode}' tells rows apart by it",
            hint="; or ".join(hints),
        )


def _latest_there(shape: Shape, column: str) -> str:
    """The destination's name of the column of `deduplicate`."""
    name = shape.name_of(column)
    kind = shape.target[name].type
    ordered = kind.is_integer or kind.is_temporal or kind.kind in FLOATS | {"decimal", "time"}
    if not ordered:
        raise ConfigError(
            f"`deduplicate`: '{column}' is of type {kind}, which cannot tell which row is the "
            "latest: every database has an order of its own for it",
            hint=f"`cast` it, e.g. `cast: {{{column}: timestamp}}`, or choose a number or a time",
        )
    return name


def _window_there(shape: Shape, span: Window) -> Window:
    """The window by the destination's column."""
    field = next((f for f in shape.target if f.source_name == span.column), None)
    if field is None:
        raise UnsupportedError(
            f"`delete_by: window` needs the column '{span.column}' at the destination",
            hint="add it to `columns`",
        )
    if field.loss or field.type != shape.source[span.column].type:
        raise UnsupportedError(
            f"`delete_by: window`: '{span.column}' is held otherwise at the destination "
            f"({field.loss or field.type}), and the window's bounds would not fit its rows",
            hint="take its `cast` out, or read by another column",
        )
    return replace(span, column=field.name)
