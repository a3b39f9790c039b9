"""The equations of the modes, in plain Python over lists of rows: what Stores are checked against.

It shares no code with any Store. A row is a mapping from column to value.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Row = dict[str, Any]
Key = tuple[Any, ...]


@dataclass(frozen=True)
class Asked:
    """What a load is asked.

    Parameters
    ----------
    mode: its mode.
    keys: the key's columns.
    latest: the column of `deduplicate`; "" for none.
    window: of `delete_insert`: the column, and the bounds from which and below which rows go; None
        for those whose key comes.
    at: the load's moment, as `deletes` and `scd2` write it.
    deletes: `soft`, `hard` or `close`; "" where nothing is done about rows that are gone.
    mark: the column of the marks, in what is held and in what comes.
    marked: whether rows come marked.
    present: all keys that the source has; None where they are not compared.
    told: whether it is the others that the source told to be gone, and no more is known.
    valid_from, valid_to, current: the columns of `scd2`.
    unlike: columns that make no row another one.
    """

    mode: str
    keys: Sequence[str] = ()
    latest: str = ""
    window: tuple[str, Any, Any] | None = None
    at: Any = None
    deletes: str = ""
    mark: str = "_hygge_deleted_at"
    marked: bool = False
    present: frozenset[Key] | None = None
    told: bool = False
    valid_from: str = "_hygge_valid_from"
    valid_to: str = "_hygge_valid_to"
    current: str = "_hygge_current"
    unlike: tuple[str, ...] = ()


def after(held: Iterable[Row], coming: Iterable[Row], asked: Asked) -> list[Row]:
    """What a destination holds after a load.

    Parameters
    ----------
    held: what it held before.
    coming: the rows that the load brings.
    """
    there, new = [dict(row) for row in held], [dict(row) for row in coming]
    if asked.present is not None and asked.deletes:
        there = _vanished(there, asked)
    if asked.mode == "append":
        return there + new
    if asked.mode == "delete_insert" and asked.window is not None:
        return [row for row in there if not _inside(row, asked.window)] + _kept(new, asked)
    if asked.mode == "delete_insert":
        come = {_key(row, asked) for row in new}
        return [row for row in there if _key(row, asked) not in come] + _kept(new, asked)
    if asked.latest or asked.mode != "replace":
        new = _once(new, asked)
    if asked.mode == "replace":
        return _kept(new, asked)
    if asked.mode == "merge":
        return _merged(there, new, asked)
    return _versioned(there, new, asked)


def _key(row: Mapping[str, Any], asked: Asked) -> Key:
    return tuple(row[name] for name in asked.keys)


def _once(rows: list[Row], asked: Asked) -> list[Row]:
    """One row of each key: the latest, if one counts as that."""
    found: dict[Key, Row] = {}
    for row in rows:
        other = found.setdefault(_key(row, asked), row)
        if asked.latest and _later(row, other, asked.latest):
            found[_key(row, asked)] = row
    return list(found.values())


def _later(row: Row, other: Row, column: str) -> bool:
    return _rank(row[column]) > _rank(other[column])


def _rank(value: Any) -> tuple[Any, ...]:
    """Where a value comes in order: NULL before all others, NaN after them."""
    if value is None:
        return (0,)
    return (1, value) if value == value else (2,)


def _kept(rows: list[Row], asked: Asked) -> list[Row]:
    """What is stored of rows that come: without those marked, where they are not kept marked."""
    if not asked.marked or asked.deletes == "soft":
        return rows
    return [
        {name: value for name, value in row.items() if name != asked.mark}
        for row in rows
        if row[asked.mark] is None
    ]


def _vanished(there: list[Row], asked: Asked) -> list[Row]:
    assert asked.present is not None  # asked for by the caller
    left = []
    for row in there:
        gone = _key(row, asked) not in asked.present
        if asked.deletes == "hard" and gone:
            continue
        if asked.deletes == "close" and gone and row[asked.valid_to] is None:
            row = {**row, asked.valid_to: asked.at, asked.current: False}
        if asked.deletes == "soft" and gone and row.get(asked.mark) is None:
            row = {**row, asked.mark: asked.at}
        if asked.deletes == "soft" and not gone and not (asked.marked or asked.told):
            row = {**row, asked.mark: None}
        left.append(row)
    return left


def _inside(row: Row, window: tuple[str, Any, Any]) -> bool:
    column, lower, upper = window
    value = row[column]
    if value is None:
        return lower is None
    return bool((lower is None or value >= lower) and (upper is None or value < upper))


def _merged(there: list[Row], new: list[Row], asked: Asked) -> list[Row]:
    held = {_key(row, asked): row for row in there}
    for row in new:
        before = held.get(_key(row, asked))
        if asked.latest and before is not None and _later(before, row, asked.latest):
            continue
        held.pop(_key(row, asked), None)
        for kept in _kept([row], asked):
            held[_key(row, asked)] = kept
    return list(held.values())


def _versioned(there: list[Row], new: list[Row], asked: Asked) -> list[Row]:
    current = {_key(row, asked): row for row in there if row[asked.valid_to] is None}
    for row in new:
        before = current.get(_key(row, asked))
        if asked.latest and before is not None and _later(before, row, asked.latest):
            continue
        marked = asked.marked and row[asked.mark] is not None
        if before is not None:
            told = [n for n in row if n not in (*asked.unlike, asked.mark)]
            if not marked and all(row[name] == before[name] for name in told):
                continue
            before |= {asked.valid_to: asked.at, asked.current: False}
        if not marked:
            there += [
                kept | {asked.valid_from: asked.at, asked.valid_to: None, asked.current: True}
                for kept in _kept([row], asked)
            ]
    return there
