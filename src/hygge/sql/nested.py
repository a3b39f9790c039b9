"""Lists and structs for databases that have none: JSON, and what JSON cannot hold."""

from __future__ import annotations

import json
from collections.abc import Sequence

import polars as pl

from hygge.core.fields import Field, LogicalType

NO_NUMBER = "JSON has neither NaN nor infinity"
"""Why some rows are `lost_in_json`."""
NO_JSON = "it is no JSON"
"""Why some rows are `not_json`."""


def as_json(column: pl.Series) -> pl.Series:
    """A column of lists or structs as JSON text; NULL stays NULL."""
    text = column.alias("v").to_frame().select(pl.struct("v").struct.json_encode()).to_series()
    inner = text.str.slice(len('{"v":')).str.head(-1)
    return pl.DataFrame({"c": inner, "some": column.is_not_null()}).select(
        pl.when("some").then("c")
    ).to_series()  # fmt: skip


def has_bytes(kind: LogicalType) -> bool:
    """Whether there are bytes in a type, which JSON has no notation for."""
    return kind.kind == "binary" or any(has_bytes(f.type) for f in kind.inner)


def lost_in_json(column: pl.Series) -> pl.Series | None:
    """True for rows that hold a float which JSON has no notation for."""
    if column.dtype.is_float():
        return column.is_nan() | column.is_infinite()
    if isinstance(column.dtype, pl.List):
        inner = lost_in_json(column.explode())
        if inner is None or not inner.any():
            return None
        rows = pl.Series(range(len(column))).repeat_by(column.list.len().fill_null(0).clip(1))
        lost = rows.explode().filter(inner.fill_null(False))
        return pl.Series(range(len(column))).is_in(lost.implode())
    if isinstance(column.dtype, pl.Struct):
        found = [lost_in_json(column.struct.field(f.name)) for f in column.dtype.fields]
        lost_in = [f.fill_null(False) for f in found if f is not None]
        return pl.DataFrame(lost_in).select(pl.any_horizontal("*")).to_series() if lost_in else None
    return None


def not_json(column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
    """Of a column of JSON, the values that are none: `core.sift.Unheld` of databases that look.

    Polars looks first, a microsecond for a small document. What it does not know (NULL, `null`,
    numbers beyond 64 bits' exponents, halves of surrogate pairs) is looked at again one by one; so
    it costs where `on_bad_value` is set, or a database has refused a column, and nothing elsewhere.
    """
    if field.type.kind != "json" or column.dtype != pl.String:
        return ()
    doubtful = column.str.json_path_match("$").is_null() & column.is_not_null()
    if not doubtful.any():
        return ()
    bad = [at for at in doubtful.arg_true().to_list() if not _is_json(column[at])]
    if not bad:
        return ()
    return [(pl.int_range(len(column), eager=True).is_in(bad), NO_JSON)]


def _is_json(text: str) -> bool:
    """Whether a text is JSON by its grammar alone (RFC 8259), of whatever size numbers are."""
    try:
        json.loads(text, parse_int=str, parse_float=str, parse_constant=_no_constant)
    except ValueError:
        return False
    except RecursionError:  # too deep to tell: let the database
        return True
    return True


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")
