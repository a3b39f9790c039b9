"""The types of text: one inference over the whole input, never from its first rows.

A type is only inferred where every value is carried by it unaltered: `00123` and `+45 12` stay
text, and so does a number of more digits than the type has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from hygge.core.conform import exact
from hygge.core.errors import DataError
from hygge.core.fields import Field, LogicalType, Schema

FLOAT_DIGITS = 17
"""Significant digits a float64 may need to be written out (IEEE 754 binary64); text with more is
no float."""
_NUMBER = r"^-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,3})?$"
_WORD = r"^-?(?:inf|Inf|INF|Infinity|infinity)$|^(?:nan|NaN|NAN)$"
_TRUTH = ("true", "false")
_TEXT = LogicalType("string")
_KINDS: tuple[tuple[str, LogicalType], ...] = (
    ("date", LogicalType("date")),
    ("naive", LogicalType("timestamp", unit="us")),
    ("aware", LogicalType("timestamp", unit="us", zone="UTC")),
    ("time", LogicalType("time")),
)
_SHAPES = {
    "date": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
    "naive": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9:.]+)?$",
    "aware": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:.]+(?:Z|[+-][0-9]{2}:?[0-9]{2})$",
    "time": r"^[0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?$",
}


@dataclass
class _Numbers:
    """What was seen of a column's numbers."""

    least: int = 0
    greatest: int = 0
    whole: int = 0
    scale: int = 0
    significant: int = 0
    fraction: bool = False
    exponent: bool = False

    def see(self, text: pl.Series) -> bool:
        """Take more values; returns whether all of them are numbers."""
        number = text.str.contains(_NUMBER)
        words = text.filter(~number)
        if len(words):
            if not words.str.contains(_WORD).all():
                return False
            self.exponent = self.fraction = True
            text = text.filter(number)
        if not len(text):
            return True
        if not text.str.contains(r"[.eE]").any():
            self._see_integers(text)
            return True
        self.exponent = self.exponent or bool(text.str.contains(r"[eE]").any())
        mantissa = text.str.replace(r"[eE].*$", "") if self.exponent else text
        mantissa = mantissa.str.strip_prefix("-")
        lengths = mantissa.str.len_bytes().cast(pl.Int64)
        point = mantissa.str.find(".", literal=True).cast(pl.Int64)
        self.fraction = self.fraction or point.null_count() < len(point)
        self.whole = max(self.whole, _int(point.fill_null(lengths).max()))
        self.scale = max(self.scale, _int((lengths - point - 1).max()))
        if _int(lengths.max()) > FLOAT_DIGITS:  # shorter ones cannot have too many digits
            self.significant = max(self.significant, _significant(mantissa))
        return True

    def _see_integers(self, text: pl.Series) -> None:
        digits = _int(text.str.strip_prefix("-").str.len_bytes().max())
        self.whole = max(self.whole, digits)
        if digits > FLOAT_DIGITS:
            self.significant = max(self.significant, _significant(text.str.strip_prefix("-")))
        if digits <= 38:
            integers = text.cast(pl.Int64 if digits < 19 else pl.Int128)
            self.least = min(self.least, _int(integers.min()))
            self.greatest = max(self.greatest, _int(integers.max()))

    def kind(self) -> LogicalType:
        """The narrowest type that carries all of them."""
        if not self.fraction and not self.exponent and self.whole <= 38:
            if self.least >= -(2**63) and self.greatest < 2**63:
                return LogicalType("int64")
            if self.least == 0 and self.greatest < 2**64:
                return LogicalType("uint64")
            return LogicalType("decimal", precision=38, scale=0)
        if self.significant <= FLOAT_DIGITS:
            return LogicalType("float64")
        if not self.exponent and self.whole + self.scale <= 38:
            return LogicalType("decimal", precision=self.whole + self.scale, scale=self.scale)
        return _TEXT


def _significant(mantissa: pl.Series) -> int:
    """The most digits a mantissa has between its outer zeros; those of a whole number all count."""
    whole = mantissa.filter(~mantissa.str.contains(".", literal=True))
    split = mantissa.filter(mantissa.str.contains(".", literal=True))
    split = split.str.replace(".", "", literal=True).str.strip_chars("0")
    return max(_int(whole.str.len_bytes().max()), _int(split.str.len_bytes().max()))


def _int(value: Any) -> int:
    return int(value or 0)


class _Column:
    """What one column may still be."""

    def __init__(self) -> None:
        self.seen = False
        self.numbers: _Numbers | None = _Numbers()
        self.truth = True
        self.moments = {name for name, _ in _KINDS}

    @property
    def settled(self) -> bool:
        """Whether it can only be text."""
        return self.numbers is None and not self.truth and not self.moments

    def see(self, column: pl.Series) -> None:
        if self.settled:
            return
        # An empty text is a value of text columns only; elsewhere the Home makes it NULL.
        text = column.filter(column.str.len_bytes() > 0)
        if not len(text):
            return
        self.seen = True
        if self.numbers is not None and not self.numbers.see(text):
            self.numbers = None
        if self.truth:
            self.truth = bool(text.str.to_lowercase().is_in(list(_TRUTH)).all())
        for name, kind in _KINDS:
            if name in self.moments and not _carries(text, _SHAPES[name], kind):
                self.moments.discard(name)

    def kind(self) -> LogicalType:
        if not self.seen:
            return _TEXT
        if self.numbers is not None:
            return self.numbers.kind()
        if self.truth:
            return LogicalType("bool")
        return next((kind for name, kind in _KINDS if name in self.moments), _TEXT)


def _carries(text: pl.Series, shape: str, kind: LogicalType) -> bool:
    """Whether every value has the shape and is read by the exact rules that conforming uses."""
    if not text.str.contains(shape).all():
        return False
    field = Field(text.name, kind)
    try:
        exact(text, field, Schema([field]), text.to_frame(), entity="")
    except DataError:
        return False
    return True


def infer_types(frames: Iterable[pl.DataFrame], names: Sequence[str]) -> dict[str, LogicalType]:
    """The type of each column of text.

    Parameters
    ----------
    frames: the whole input, every column as text, missing values as NULL.
    names: the columns to infer.

    Returns
    -------
    Name to type; a column without any value is text.
    """
    columns = {name: _Column() for name in names}
    for frame in frames:
        for name, column in columns.items():
            column.see(frame[name])
    return {name: column.kind() for name, column in columns.items()}
