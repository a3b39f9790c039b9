"""Decimals that SQLite shows in scientific notation, written out."""

from __future__ import annotations

from decimal import Decimal

import polars as pl


def plain(text: pl.Series) -> pl.Series:
    """Numbers as SQLite shows them (`1.0e-05`, `1.5e+20`, `12.5`), with no exponent in any.

    Only values below 1e-4 and from 1e17 up have one, so a Python object for each distinct one of
    them is no great cost.
    """
    if not text.str.contains("e", literal=True).any():
        return text
    distinct = text.filter(text.str.contains("e", literal=True)).unique()
    written = [_plain(value) for value in distinct]
    return text.replace(distinct, pl.Series(written, dtype=pl.String))


def _plain(value: str) -> str:
    try:
        return format(Decimal(value), "f")
    except ArithmeticError:
        return value  # no number: conforming reports it
