"""Exact casts: a value arrives unaltered in its logical type, or is marked as not fitting it.

Polars' casts round decimals, cut floats and times, reinterpret numbers as dates, drop what a struct
does not name, and read text leniently. Here every conversion is either one that can be proved to
round-trip, or is refused. Series in, series out; no Python object per row.
"""

from __future__ import annotations

from typing import NamedTuple

import polars as pl

from hygge.core.fields import FLOATS, INTEGERS, Field, LogicalType
from hygge.core.text import BINARY_DIGITS, EXACT_POWER, from_text, when

_UUID = r"^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$"


class Exact(NamedTuple):
    """What a cast gave.

    Parameters
    ----------
    values: in the type's physical dtype, NULL where a value did not fit.
    bad: true where a value did not fit.
    """

    values: pl.Series
    bad: pl.Series


def is_limited(kind: LogicalType) -> bool:
    """Whether values of the physical dtype may not fit the type: a length, the form of a UUID."""
    return bool(kind.length) or kind.kind == "uuid" or any(is_limited(f.type) for f in kind.inner)


def cast(column: pl.Series, kind: LogicalType) -> Exact:
    """A column in the physical dtype of a logical type, and which of its values did not fit.

    Numbers keep their exact value. A float fits a decimal, and a decimal a float, where turning
    it back gives the same number. Text fits a number or time whose notation it is; fractions in
    text become the nearest float, as IEEE 754 reads a literal, but whole numbers must be exact.
    Naive times do not fit zoned types nor the reverse, and numbers are no times.
    """
    source = column.dtype
    if isinstance(source, pl.Array):
        column = column.arr.to_list()
        source = column.dtype
    if kind.kind == "list" and isinstance(source, pl.List):
        return _list(column, kind)
    if kind.kind == "struct" and isinstance(source, pl.Struct):
        return _struct(column, kind)
    values = _scalar(column, kind)
    if values.null_count() == column.null_count():  # NULL stays NULL, so that none is new
        bad = _none_bad(column)
    else:
        bad = values.is_null() & column.is_not_null()
    if is_limited(kind):
        fits = _within(values, kind)
        values, bad = when(fits, values), bad | ~fits.fill_null(True)
    return Exact(values.alias(column.name), bad)


def _within(values: pl.Series, kind: LogicalType) -> pl.Series:
    if kind.kind == "uuid":
        return values.str.contains(_UUID)
    if kind.kind == "binary":
        return values.bin.size() <= (kind.length or 0)
    return values.str.len_chars() <= (kind.length or 0)


def _scalar(column: pl.Series, kind: LogicalType) -> pl.Series:
    """A column cast, with NULL for every value that does not fit."""
    source, target, name = column.dtype, kind.physical, kind.kind
    if source == target:
        return column
    if source == pl.Null:
        return column.cast(target)
    if isinstance(source, pl.Categorical | pl.Enum):
        column = column.cast(pl.String)
        return column if target == pl.String else from_text(column, kind)
    if name in ("string", "json", "uuid"):
        return _to_text(column, name)
    if source == pl.String:
        return from_text(column, kind)
    if source == pl.Boolean and (name in INTEGERS or name in FLOATS or name == "decimal"):
        return column.cast(pl.Int8).cast(target, strict=False)
    if source.is_numeric():
        return _number(column, kind)
    if isinstance(source, pl.Datetime):
        return _datetime(column, source, kind)
    if source == pl.Date and name == "timestamp" and kind.zone is None:
        return column.cast(target, strict=False)
    if isinstance(source, pl.Duration) and name == "duration":
        return _if_same(column, column.cast(target, strict=False))
    return _refused(column, target)


def _number(column: pl.Series, kind: LogicalType) -> pl.Series:
    source, target, name = column.dtype, kind.physical, kind.kind
    if name == "bool":
        return when((column == 0) | (column == 1), column == 1)
    if name in INTEGERS:
        if source.is_integer():
            return column.cast(target, strict=False)
        return _if_same(column, column.cast(target, strict=False))
    if name in FLOATS:
        if source.is_integer():
            whole = column.cast(pl.Int128, strict=False)
            values = column.cast(target, strict=False)
            return when(values.cast(pl.Int128, strict=False) == whole, values)
        if source.is_decimal():
            return _decimal_to_float(column, kind)
        values = column.cast(target, strict=False)
        return when((values.cast(source) == column) | column.is_nan(), values)
    if name == "decimal":
        if source.is_integer():
            return column.cast(target, strict=False)
        if source.is_float():
            return _float_to_decimal(column, kind)
        values = column.cast(target, strict=False)
        return when(_same_decimal(values, column), values)
    return _refused(column, target)


def _same_decimal(left: pl.Series, right: pl.Series) -> pl.Series:
    scale = max(getattr(left.dtype, "scale", 0) or 0, getattr(right.dtype, "scale", 0) or 0)
    wide = pl.Decimal(38, scale)
    return left.cast(wide, strict=False) == right.cast(wide, strict=False)


def _float_to_decimal(column: pl.Series, kind: LogicalType) -> pl.Series:
    scale = kind.scale or 0
    # Polars raises, rather than giving NULL, for floats far out of a decimal's range.
    limit = 10.0 ** ((kind.precision or 38) - scale)
    inside = when(column.abs() < limit, column)
    try:
        values = inside.cast(kind.physical, strict=False)
    except pl.exceptions.ComputeError:  # one that rounds up to a digit too many: 0.996 in (2,2)
        return from_text(inside.cast(pl.String), kind)
    digits = values.to_physical()
    if column.dtype == pl.Float64 and scale <= EXACT_POWER:
        # Both sides of this division are exact floats, so that it gives the nearest one. (Polars
        # divides by a scalar as it multiplies by the reciprocal, which does not.)
        power = pl.repeat(10.0**scale, len(column), eager=True)
        exact = (digits.abs() < 2**53) & (digits.cast(pl.Float64) / power == inside)
    else:
        exact = _none_bad(column)
    unsure = inside.is_not_null() & ~exact.fill_null(False)
    if not unsure.any():
        return when(exact, values)
    slow = from_text(when(unsure, inside).cast(pl.String), kind)
    return when(exact, values).zip_with(~unsure, slow)


def _decimal_to_float(column: pl.Series, kind: LogicalType) -> pl.Series:
    # By way of text, since Polars' own cast does not always give the nearest float.
    text = column.cast(pl.String)
    values = text.cast(kind.physical)
    # Any decimal of so few digits comes back from the nearest float.
    digits = text.str.replace_all(r"[-.]", "").str.strip_chars_start("0").str.strip_chars_end("0")
    few = digits.str.len_bytes() <= BINARY_DIGITS[kind.kind]
    if few.all():
        return values
    whole = column.cast(pl.Int128, strict=False)
    same = _same_decimal(whole.cast(pl.Decimal(38, 0), strict=False), column) & (
        values.cast(pl.Int128, strict=False) == whole
    )
    source = column.dtype
    assert isinstance(source, pl.Decimal)
    back = LogicalType("decimal", precision=source.precision, scale=source.scale)
    same = same | (from_text(values.cast(pl.String), back) == column)
    return when(few | same.fill_null(False), values)


def _datetime(column: pl.Series, source: pl.Datetime, kind: LogicalType) -> pl.Series:
    target = kind.physical
    if kind.kind == "date":
        wall = column.dt.replace_time_zone(None)
        values = wall.cast(pl.Date)
        return when(values.cast(wall.dtype, strict=False) == wall, values)
    if kind.kind != "timestamp" or (source.time_zone is None) != (kind.zone is None):
        # A naive time is no instant and an instant is no wall clock: that needs a declaration.
        return _refused(column, target)
    return _if_same(column, column.cast(target, strict=False))


def _to_text(column: pl.Series, name: str) -> pl.Series:
    source = column.dtype
    if source == pl.Binary:
        return _utf8(column)
    if source == pl.String:
        return column
    if name != "string" or source.is_nested() or isinstance(source, pl.Duration | pl.Object):
        return _refused(column, pl.String())
    if source == pl.Time:  # Polars' own cast cuts the fraction
        return column.dt.to_string("%H:%M:%S%.f")
    if isinstance(source, pl.Datetime) and source.time_zone is not None:
        # An offset in text has no seconds, and those of many zones had them until about 1920.
        seconds = (column.dt.base_utc_offset() + column.dt.dst_offset()).dt.total_seconds()
        in_utc = column.dt.convert_time_zone("UTC").cast(pl.String)
        return column.cast(pl.String).zip_with((seconds % 60 == 0).fill_null(True), in_utc)
    return column.cast(pl.String)


def _utf8(column: pl.Series) -> pl.Series:
    try:
        return column.cast(pl.String)
    except pl.exceptions.PolarsError:  # some value is not UTF-8: an error's path, so row by row

        def decoded(value: bytes | None) -> str | None:
            try:
                return None if value is None else value.decode()
            except UnicodeDecodeError:
                return None

        return pl.Series(column.name, [decoded(v) for v in column], dtype=pl.String)


def _list(column: pl.Series, kind: LogicalType) -> Exact:
    """Cast the elements laid end to end, then give each list its own back."""
    target = kind.physical
    if column.dtype == target and not is_limited(kind):
        return Exact(column, _none_bad(column))
    rows = pl.DataFrame({"row": pl.int_range(len(column), eager=True), "list": column})
    flat = rows.filter(pl.col("list").list.len() > 0).explode("list")
    inner = cast(flat["list"], kind.inner[0].type)
    lists = (
        pl.DataFrame({"row": flat["row"], "list": inner.values, "bad": inner.bad})
        .group_by("row", maintain_order=True)
        .agg("list", pl.col("bad").any())
    )
    out = rows.select("row", known=pl.col("list").is_not_null()).join(
        lists, on="row", how="left", maintain_order="left"
    )
    empty = pl.Series([[]], dtype=target)
    out = out.select(
        pl.when(pl.col("known") & ~pl.col("bad").fill_null(False))
        .then(pl.col("list").fill_null(pl.lit(empty).first()))
        .cast(target)
        .alias(column.name),
        pl.col("bad").fill_null(False).alias("bad"),
    )
    return Exact(out.to_series(0), out.to_series(1))


def _struct(column: pl.Series, kind: LogicalType) -> Exact:
    target = kind.physical
    if column.dtype == target and not is_limited(kind):
        return Exact(column, _none_bad(column))
    source = column.dtype
    assert isinstance(source, pl.Struct)
    if {f.name for f in source.fields} != {f.name for f in kind.inner}:
        return Exact(_refused(column, target), column.is_not_null())
    parts = [_member(column, field) for field in kind.inner]
    bad = _none_bad(column)
    for part in parts:
        bad = bad | part.bad
    whole = pl.DataFrame([p.values.alias(f.name) for p, f in zip(parts, kind.inner, strict=True)])
    values = whole.to_struct(column.name)
    return Exact(when(column.is_not_null() & ~bad, values), bad)


def _member(column: pl.Series, field: Field) -> Exact:
    return cast(column.struct.field(field.name), field.type)


def _if_same(column: pl.Series, values: pl.Series) -> pl.Series:
    """The values that, turned back, are what they came from."""
    return when(values.cast(column.dtype, strict=False) == column, values)


def _refused(column: pl.Series, target: pl.DataType) -> pl.Series:
    return pl.Series(column.name, dtype=target).extend_constant(None, len(column))


def _none_bad(column: pl.Series) -> pl.Series:
    return pl.Series([False]).new_from_index(0, len(column))
