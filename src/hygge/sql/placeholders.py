"""Placeholders in a query: `:since` and `:until` for windows, `:lower` and `:upper` for chunks."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hygge.core.errors import ConfigError

WINDOW = ("since", "until")
"""What a query needs to be read incrementally: the window is `:since <= column < :until`."""
CHUNK = ("lower", "upper")
"""What a query needs to be read in chunks: each is `:lower <= key < :upper`."""

# What is no placeholder comes first: literals, quoted names, comments, casts and slices.
_PLAIN = (
    r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`[^`]*`|\[[^\]\n]*\]|--[^\n]*|/\*.*?\*/"
    r"|(?P<dollar>\$\w*\$).*?(?P=dollar)|::"
)
_ESCAPED = r"'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|#[^\n]*|"
_NAME = r"(?<![\w:]):(?P<name>[A-Za-z_]\w*)"


def _pattern(escapes: bool) -> re.Pattern[str]:
    return re.compile((_ESCAPED if escapes else "") + _PLAIN + "|" + _NAME, re.DOTALL)


_PATTERNS = {escapes: _pattern(escapes) for escapes in (False, True)}


def placeholders(query: str, *, escapes: bool = False) -> frozenset[str]:
    """The names of hygge's placeholders in a query; text, names and comments are passed over."""
    found = {m["name"] for m in _PATTERNS[escapes].finditer(query) if m["name"]}
    return frozenset(found & {*WINDOW, *CHUNK})


def fill(query: str, values: Mapping[str, str], *, escapes: bool = False) -> str:
    """The query with SQL in the place of its placeholders.

    Parameters
    ----------
    query: a SELECT.
    values: SQL by placeholder's name; others stay as they are.
    escapes: whether the dialect's string literals have backslash escapes.
    """

    def one(match: re.Match[str]) -> str:
        return values.get(match["name"] or "", match[0])

    return _PATTERNS[escapes].sub(one, query)


def need(query: str, names: tuple[str, str], why: str, *, escapes: bool = False) -> None:
    """Raise ConfigError where a query lacks placeholders: reading it would read everything."""
    missing = [n for n in names if n not in placeholders(query, escapes=escapes)]
    if missing:
        low, high = names
        column = "updated_at" if names == WINDOW else "id"
        raise ConfigError(
            f"{why}, and the query has no {' and no '.join(f':{n}' for n in missing)}",
            hint=f"write it as `... WHERE {column} >= :{low} AND {column} < :{high}`",
        )
