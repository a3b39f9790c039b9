"""Dialects: how a database quotes names, and its reviewed table of types.

A type table is data, so that the docs can print it: every native type, the logical type it is
read as, the one it is written for, and what is lost, if anything is.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from hygge.core.fields import LogicalType
from hygge.core.watermark import Position


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
    fetch: the SQL that brings a column of it, with `{}` for its quoted name; "" for that alone.
    """

    native: tuple[str, ...]
    logical: str
    build: Callable[[Declared], LogicalType | None]
    stored: str
    loss: str = ""
    fetch: str = ""


def literal(text: str) -> str:
    """A text as an SQL string literal (ISO 9075: the quote doubled)."""
    return "'" + text.replace("'", "''") + "'"


def position_literal(value: Position, kind: LogicalType) -> str:
    """A position as a typed literal of ISO 9075, at its full precision."""
    if isinstance(value, datetime):
        text = value.isoformat(sep=" ", timespec="microseconds")
        return f"TIMESTAMP {'WITH TIME ZONE ' if kind.zone else ''}'{text}'"
    if isinstance(value, date):
        return f"DATE '{value.isoformat()}'"
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def ends(kind: LogicalType) -> tuple[Position, Position]:
    """Positions below and above everything that a column of this type can hold.

    For times the calendar's own ends (ISO 8601: years 0001 to 9999), which the upper one is not
    above but at.
    """
    if kind.is_integer:
        unsigned, bits = kind.kind.startswith("u"), int(kind.kind.lstrip("uint"))
        return (0, 2**bits) if unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1))
    if kind.kind == "decimal":
        most = Decimal(10) ** ((kind.precision or 38) - (kind.scale or 0))
        return -most, most
    if kind.kind == "date":
        return date.min, date.max
    zone = UTC if kind.zone else None
    return datetime.min.replace(tzinfo=zone), datetime.max.replace(tzinfo=zone)


def _itself(column: str, kind: LogicalType) -> Sequence[str]:
    return (column,)


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
    show: a watermark's position as a literal that compares with a column of its type.
    escapes: whether a backslash escapes in string literals.
    national: whether a string literal is of Unicode only where it begins with N.
    top: whether the first row is asked for by TOP, and not by LIMIT.
    truths: true and false as literals.
    counting: what counts rows, however many there are.
    exact: from a column's SQL and its type to the expressions by which a value is told from every
        other one, where the database's own comparison takes some for the same.
    """

    name: str
    quotes: tuple[str, str]
    rules: Sequence[TypeRule]
    ddl: Callable[[LogicalType], str]
    show: Callable[[Position, LogicalType], str] = position_literal
    escapes: bool = False
    national: bool = False
    top: bool = False
    truths: tuple[str, str] = ("TRUE", "FALSE")
    counting: str = "count(*)"
    exact: Callable[[str, LogicalType], Sequence[str]] = _itself

    def quote(self, name: str) -> str:
        """A name as an identifier, whatever it contains."""
        opening, closing = self.quotes
        return opening + name.replace(closing, closing * 2) + closing

    def text(self, value: str) -> str:
        """A text as a string literal."""
        text = literal(value.replace("\\", "\\\\") if self.escapes else value)
        return f"N{text}" if self.national else text

    def first(self, query: str) -> str:
        """A SELECT without its first word, as the query for its first row alone."""
        return f"SELECT TOP 1 {query}" if self.top else f"SELECT {query} LIMIT 1"

    def rule(self, kind: Declared) -> tuple[TypeRule, LogicalType] | None:
        """The rule for a declared type and the logical type it gives; None where none fits."""
        for rule in self.rules:
            if kind.name in rule.native:
                logical = rule.build(kind)
                if logical is not None:
                    return rule, logical
        return None
