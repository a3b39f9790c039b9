"""Dialects: how a database quotes names, and its reviewed table of types.

A type table is data, so that the docs can print it: every native type, the logical type it is
read as, the one it is written for, and what is lost, if anything is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from hygge.core.fields import LogicalType


@dataclass(frozen=True, slots=True)
class Declared:
    """A column's declared type, taken apart.

    Parameters
    ----------
    text: as the catalogue has it.
    name: upper case, single blanks, without arguments: `TIMESTAMP WITH TIME ZONE`.
    arguments: the numbers in brackets: (10, 2) of `NUMERIC(10,2)`.
    """

    text: str
    name: str
    arguments: tuple[int, ...] = ()


_DECLARED = re.compile(r"^(?P<head>[^(]*)(?:\((?P<args>[^)]*)\))?(?P<tail>.*)$", re.DOTALL)


def declared(text: str) -> Declared:
    """Take a declared type apart; arguments that are no numbers are left out."""
    match = _DECLARED.match(text.strip())
    assert match is not None  # every part of the pattern is optional
    name = " ".join(f"{match['head']} {match['tail']}".upper().split())
    numbers = re.findall(r"[+-]?\d+", match["args"] or "")
    return Declared(text.strip(), name, tuple(int(n) for n in numbers))


@dataclass(frozen=True, slots=True)
class TypeRule:
    """One row of a type table.

    Parameters
    ----------
    native: the names it is for, upper case, as the docs print them.
    logical: the logical type, as the docs print it.
    build: makes the logical type of a declared one; None where the rule does not fit after all.
    stored: how a value lies in the database.
    loss: what is lost, in words; "" where nothing is.
    """

    native: tuple[str, ...]
    logical: str
    build: Callable[[Declared], LogicalType | None]
    stored: str
    loss: str = ""


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs between databases, as values and pure functions.

    Parameters
    ----------
    name: the dialect's name, as in `type:`.
    quotes: what opens and closes a quoted name; the closing one is doubled inside it.
    rules: the type table, read from the top; the first rule that fits decides.
    ddl: the declared type of a column that is to hold a logical type. Raises UnsupportedError
        for one that the database cannot hold.
    """

    name: str
    quotes: tuple[str, str]
    rules: Sequence[TypeRule]
    ddl: Callable[[LogicalType], str]

    def quote(self, name: str) -> str:
        """A name as an identifier, whatever it contains."""
        opening, closing = self.quotes
        return opening + name.replace(closing, closing * 2) + closing

    def rule(self, kind: Declared) -> tuple[TypeRule, LogicalType] | None:
        """The rule for a declared type and the logical type it gives; None where none fits."""
        for rule in self.rules:
            if kind.name in rule.native:
                logical = rule.build(kind)
                if logical is not None:
                    return rule, logical
        return None


def literal(text: str) -> str:
    """A text as an SQL string literal (ISO 9075: the quote doubled)."""
    return "'" + text.replace("'", "''") + "'"
