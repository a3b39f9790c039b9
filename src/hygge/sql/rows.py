"""Naming a row in an error."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl


def row_of(batch: pl.DataFrame, keys: Sequence[str], at: int, offset: int = 0) -> str:
    """A row by its key, `id=7`, or by its number, `row 12`, counting from 1.

    Parameters
    ----------
    batch: the rows.
    keys: the key's columns; those not in the batch do not help.
    at: the row's index in the batch.
    offset: how many rows came before the batch.
    """
    known = [key for key in keys if key in batch.columns]
    if known:
        return ", ".join(f"{key}={batch[key].cast(pl.String, strict=False)[at]}" for key in known)
    return f"row {offset + at + 1}"
