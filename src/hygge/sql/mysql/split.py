"""Cutting a table at keys that are there, by what the optimizer estimates between them.

InnoDB answers `EXPLAIN` of a range of an index by looking at the index's two ends of it, so that a
table of any size is cut in milliseconds: the piece with the most rows is halved, at a key near its
middle, until pieces are small, and neighbours are then put together. Nothing is sorted or counted.
https://dev.mysql.com/doc/refman/8.4/en/innodb-persistent-stats.html, "index dives"
"""

from __future__ import annotations

import string
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any

Key = tuple[Any, ...]
"""Values of the first columns of a key."""

FINE = 8
"""How many times more pieces are made than are wanted."""
_ALPHABET = string.digits + string.ascii_lowercase


class Index(ABC):
    """The index whose columns are the key, as the server has it."""

    @abstractmethod
    def rows(self, lower: Key | None, upper: Key | None) -> int:
        """About how many rows there are from one key up to, not including, another."""

    @abstractmethod
    def ends(self, lower: Key | None, upper: Key | None) -> tuple[Key, Key] | None:
        """The least and the largest whole key of a range; None where it is empty."""

    @abstractmethod
    def at(self, low: Key, near: Key, high: Key) -> Key | None:
        """The least key that is above `low`, not below `near`, and not above `high`; None: there
        is none. As many columns as `near` has."""


@dataclass
class Piece:
    """The rows from one key up to, not including, another."""

    lower: Key | None
    upper: Key | None
    rows: int


def pieces(index: Index, parts: int) -> list[Piece]:
    """Up to `parts` pieces, about equal in rows, in order, that together are the whole."""
    found = [Piece(None, None, index.rows(None, None))]
    small = max(1, found[0].rows // (parts * FINE))
    done: list[Piece] = []
    while found and len(found) + len(done) < parts * FINE:
        heaviest = max(found, key=lambda piece: piece.rows)
        found.remove(heaviest)
        cut = _cut(index, heaviest) if heaviest.rows > small else None
        if cut is None:
            done.append(heaviest)
            continue
        for lower, upper in ((heaviest.lower, cut), (cut, heaviest.upper)):
            found.append(Piece(lower, upper, index.rows(lower, upper)))
    return _merged(_in_order([*found, *done]), parts)


def _cut(index: Index, piece: Piece) -> Key | None:
    """A key within a piece, near its middle; None where none is found."""
    ends = index.ends(piece.lower, piece.upper)
    if ends is None:
        return None
    low, high = ends
    same = next((n for n, (a, b) in enumerate(zip(low, high, strict=True)) if a != b), None)
    if same is None:
        return None
    near = between(low[same], high[same])
    if near is None:
        return None
    start = low[: same + 1]
    return index.at(start, (*low[:same], near), high[: same + 1])


def between(low: Any, high: Any) -> Any:
    """A value about half way between two of one type; None where that cannot be said."""
    if isinstance(low, bool) or type(low) is not type(high):
        return None
    if isinstance(low, int | Decimal):
        return low + (high - low) / 2 if isinstance(low, Decimal) else (low + high + 1) // 2
    if isinstance(low, date | datetime):
        return low + (high - low) / 2
    if isinstance(low, bytes):
        size = max(len(low), len(high), 1)
        middle = sum(int.from_bytes(v.ljust(size, b"\0"), "big") for v in (low, high)) // 2
        return middle.to_bytes(size, "big")
    if isinstance(low, str):
        return _text_between(low, high)
    return None


def _text_between(low: str, high: str) -> str | None:
    """A text between two of digits and letters, in the order that most collations have."""
    start = next((n for n, (a, b) in enumerate(zip(low, high, strict=False)) if a != b),
                 min(len(low), len(high)))  # fmt: skip
    base = len(_ALPHABET)

    def digits(text: str) -> int | None:
        """The two characters after the common ones, as a number."""
        number = 0
        for char in text[start : start + 2].lower().ljust(2, _ALPHABET[0]):
            place = _ALPHABET.find(char)
            if place < 0:
                return None
            number = number * base + place
        return number

    first, last = digits(low), digits(high)
    if first is None or last is None:
        return None
    head, tail = divmod((first + last) // 2, base)
    return low[:start] + _ALPHABET[head] + _ALPHABET[tail]


def _in_order(unsorted: Sequence[Piece]) -> list[Piece]:
    """Pieces by where they follow each other: only the server knows the order of its keys."""
    following = {piece.lower: piece for piece in unsorted}
    ordered = [following[None]]
    while (upper := ordered[-1].upper) is not None:
        ordered.append(following[upper])
    return ordered


def _merged(found: Sequence[Piece], parts: int) -> list[Piece]:
    """Neighbours put together to at most so many, as equal as they allow."""
    total = sum(piece.rows for piece in found)
    edges, held = [0], 0
    for at, piece in enumerate(found[:-1], 1):
        held += piece.rows
        if held * parts >= total * len(edges) and len(edges) < parts:
            edges.append(at)
    return [
        Piece(found[a].lower, found[b - 1].upper, sum(p.rows for p in found[a:b]))
        for a, b in pairwise([*edges, len(found)])
    ]
