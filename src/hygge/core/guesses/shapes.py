"""What a shape of secrets is, and the engine that finds and blots what has one.

Time grows with a text's length only: a pattern begins at a word or a mark, and repeats within
bounds or takes what it has scanned. Patterns are compiled when a text first has what they need (to
compile all takes 20 ms), and most texts have none of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from hygge.core.guesses.words import CLOSED

MASK = "***"
_MASKED = rf"{re.escape(MASK)}\W*"
_FLAGS = re.IGNORECASE | re.MULTILINE
_SECRET_GROUPS = ("pw", "old")


class Found(NamedTuple):
    """A secret in a text."""

    shape: Shape
    match: re.Match[str]
    value: str
    start: int
    end: int


@dataclass(frozen=True, eq=False)
class Shape:
    """One way in which texts show secrets.

    Parameters
    ----------
    name: what it is, in words.
    example: a text of this shape, whose secret is `hunter2`.
    needs: lower-case texts in groups, of each of which one is in every text that has the shape:
        what lacks them is not looked at.
    pattern: a regular expression without regard to case, in which `^` begins a line. The group
        `pw` is the secret, and `old` another, if there are two; `name` is what it is called.
    inside: a pattern of the places, or the group `in` of them, that are searched; else all of it.
    unless: by the match and the value, whether it is no secret after all.
    brackets: whether a value that begins with a bracket ends where that is closed.
    """

    name: str
    example: str
    needs: tuple[tuple[str, ...], ...]
    pattern: str
    inside: str | None = None
    unless: Callable[[re.Match[str], str], bool] | None = None
    brackets: bool = False

    @cached_property
    def _regex(self) -> re.Pattern[str]:
        return re.compile(self.pattern, _FLAGS)

    @cached_property
    def _places(self) -> re.Pattern[str] | None:
        return None if self.inside is None else re.compile(self.inside, _FLAGS)

    def may_be_in(self, lower: str) -> bool:
        """Whether a text, in lower case, has what the shape needs."""
        return all(any(one in lower for one in group) for group in self.needs)

    def found_in(self, text: str) -> Iterator[Found]:
        """The secrets of this shape in a text, in order; what is blotted already is none."""
        if self._places is None:
            yield from self._between(text, 0, len(text))
            return
        done = 0
        while place := self._places.search(text, done):
            start, end = place.span("in" if "in" in place.re.groupindex else 0)
            done = max(end, place.end())
            for found in self._between(text, start, end):
                yield found
                done = max(done, found.end)

    def _between(self, text: str, start: int, end: int) -> Iterator[Found]:
        while start < end and (match := self._regex.search(text, start, end)):
            start = max(match.end(), match.start() + 1)
            for group in filter(match.re.groupindex.__contains__, _SECRET_GROUPS):
                first, last = match.span(group)
                if self.brackets and text[first : first + 1] in ("[", "{"):
                    last = _closing(text, first, match)
                value = text[first:last]
                if value and not re.fullmatch(_MASKED, value):
                    if not (self.unless and self.unless(match, value)):
                        yield Found(self, match, value, first, last)
                    start = max(start, last)


def found_in(text: str, shapes: Iterable[Shape]) -> Iterator[Found]:
    """The secrets in a text, shape by shape."""
    lower = text.lower()
    for shape in shapes:
        if shape.may_be_in(lower):
            yield from shape.found_in(text)


def values_in(text: str, shapes: Iterable[Shape]) -> Iterator[str]:
    """The secrets in a text as they are written."""
    return (found.value for found in found_in(text, shapes))


def without(text: str, shapes: Iterable[Shape]) -> str:
    """The text with each secret in it blotted out, by one shape after the other."""
    lower = text.lower()
    for shape in shapes:
        if shape.may_be_in(lower):
            text = _blotted(text, shape.found_in(text))
    return text


def _blotted(text: str, secrets: Iterable[Found]) -> str:
    out, done = [], 0
    for found in secrets:
        gap = " " if found.value[0].isspace() else ""  # it began in the next line
        out += [text[done : found.start], gap, MASK]
        done = found.end
    return "".join([*out, text[done:]]) if out else text


# Brackets ----------------------------------------------------------------------------------------

_PLAIN = rf"\\[\s\S]|[\[{{]|[\]}}]|{CLOSED}"
_ESCAPED = r"(?P<q>\\{1,15}['\"])[\s\S]*?(?<!\\)(?P=q)|[\[{]|[\]}]"


def _closing(text: str, start: int, match: re.Match[str]) -> int:
    """Where what a bracket opens ends: behind the one that closes it, or with the text. Brackets in
    quotes do not count; quotes have backslashes where those around the name have."""
    escaped = (match.groupdict().get("q") or "").startswith("\\")
    depth = 0
    for token in re.compile(_ESCAPED if escaped else _PLAIN).finditer(text, start):
        depth += (token[0] in "[{") - (token[0] in "]}")
        if depth == 0:
            return token.end()
    return len(text)
