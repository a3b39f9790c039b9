"""An entity's file brought up to date: lines that speak of what changed, and no others.

What was known of a table, what is found now, and what the file says are three sides: only the
change from the first to the second is made in the third, so that whatever a person took out, put in
or wrote beside it stays. A change that cannot be made in a line of its own is told instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hygge.project.discovery.page import Page, texts
from hygge.project.discovery.record import Known
from hygge.project.nodes import Node
from hygge.project.reader import read_bytes

_NAMING = ("key_column", "rename", "cast", "incremental")
"""Settings that name columns, beside `columns`."""


@dataclass(frozen=True, slots=True)
class Merged:
    """What became of a file.

    Parameters
    ----------
    text: the file's text, now.
    notes: what is left to do by hand, in words.
    settled: what is known of the table from now on: without the changes that are left to do, so
        that they are told again until they have been made.
    """

    text: str
    notes: tuple[str, ...]
    settled: Known


def merge(text: str, known: Known, now: Known, place: str) -> Merged:
    """Make in an entity's file the change from what was known of its table to what is found now.

    Parameters
    ----------
    text: of the file; it stays as it is where it cannot be read.
    known, now: the table as it was, and as it is.
    place: the file, for problems.
    """
    if (known.columns, known.key) == (now.columns, now.key):
        return Merged(text, (), now)
    node, problems = read_bytes(text.encode(), place)
    if node is None or problems:
        return Merged(text, ("it cannot be read, and was left as it is",), known)
    gone = [c for c in known.columns if c not in now.columns]
    page = Page(text, node)
    if page.lists_columns:
        for column, said in now.columns.items():
            if column not in known.columns:
                page.add(column, said, list(now.columns))
            elif said != known.columns[column]:
                page.say(column, known.columns[column], said)
        for column in gone:
            page.remove(column, known.columns[column])
    if known.key != now.key:
        page.rekey(known.key, now.key)
    edited = page.text
    left = page.undone
    if not _as_meant(edited, page.expected, place):
        edited, left = text, [*gone, *(c for c in now.columns if c not in known.columns)]
    columns = {c: s for c, s in now.columns.items() if c not in left}
    columns |= {c: known.columns[c] for c in left if c in known.columns}
    notes = [
        *_by_hand(left, now),
        *_still_named(edited, gone, place),
        *_key(edited, known, now, place),
    ]
    return Merged(edited, tuple(notes), replace(now, columns=columns))


def _as_meant(text: str, expected: Sequence[str], place: str) -> bool:
    """Whether the reader sees the columns that the edits should have left."""
    node, problems = read_bytes(text.encode(), place)
    if node is None or problems:
        return False
    columns = node.get("columns")
    return (texts(columns) if columns is not None else []) == list(expected)


def _by_hand(left: Sequence[str], now: Known) -> Iterator[str]:
    for column in left:
        if column in now.columns:
            yield f"add '{column}' to its `columns` by hand: {now.columns[column] or 'new'}"
        else:
            yield f"take '{column}' out of its `columns` by hand: the source has it no more"


def _still_named(text: str, gone: Sequence[str], place: str) -> Iterator[str]:
    node, _ = read_bytes(text.encode(), place)
    for setting in _NAMING if node is not None else ():
        inner = node.get(setting) if node is not None else None
        if inner is None:
            continue
        named = {*texts(inner), *inner.items, inner.text("column")}
        for column in gone:
            if column in named:
                yield f"`{setting}` still names '{column}', which the source has no more"


def _key(text: str, known: Known, now: Known, place: str) -> Iterator[str]:
    """A key that has changed at the source and is written otherwise than it was found."""
    node, _ = read_bytes(text.encode(), place)
    inner: Node | None = node.get("key_column") if node is not None else None
    if known.key != now.key and inner is not None and texts(inner) != list(now.key):
        was, is_ = (", ".join(key) or "none" for key in (known.key, now.key))
        yield f"the source's key was {was}, and is {is_}; `key_column` was left as it is"
