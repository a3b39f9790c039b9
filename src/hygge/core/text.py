"""Reading text as typed values: the notations accepted, and nothing that loses a digit.

ISO 8601 for dates and times, plain decimal notation (with an exponent, if need be) for numbers.
ASCII digits only. Blanks around a value do not count; inside, they do.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import polars as pl

from hygge.core.arrow import cast
from hygge.core.fields import FLOATS, INTEGERS, LogicalType

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")
_NOT_FINITE = ("nan", "inf", "infinity", "-inf", "-infinity", "+inf", "+infinity")
_BLANKS = " \t\r\n"
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_DATE = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_HOUR = r"(?:[01][0-9]|2[0-3])"
_CLOCK = rf"{_HOUR}:[0-5][0-9]"
_UNIT_DIGITS = {"ms": 3, "us": 6, "ns": 9}
# Instants that 64 bits of nanoseconds since 1970 hold (1677 to 2262), in whole microseconds.
_NS_RANGE_US = (-(2**63) // 1000 + 1, (2**63 - 1) // 1000 - 1)
_FIRST_DAY, _LAST_DAY = -719_162, 2_932_896  # 0001-01-01 and 9999-12-31, in days since 1970

BINARY_DIGITS = {"float32": 6, "float64": 15}
"""Decimal digits that any float keeps: FLT_DIG and DBL_DIG (C11, 5.2.4.2.2)."""
EXACT_POWER = 22
"""The largest power of ten that is a float64 exactly: 5**22 < 2**53 < 5**23."""


def when(keep: pl.Series, values: pl.Series) -> pl.Series:
    """The values where `keep` is true, else NULL."""
    frame = pl.DataFrame([keep.alias("keep"), values.alias("values")])
    return frame.select(pl.when("keep").then("values").alias(values.name)).to_series()


def from_text(column: pl.Series, kind: LogicalType) -> pl.Series:
    """A column of text in a type's physical dtype, with NULL for every value that does not fit."""
    name, target = kind.kind, kind.physical
    if name in ("date", "timestamp", "decimal"):
        quick = _by_arrow(column, kind)
        if quick is not None:
            return quick
    text = column.str.strip_chars(_BLANKS)
    if name == "binary":
        return column.cast(pl.Binary)
    if name == "bool":
        low = text.str.to_lowercase()
        return when(low.is_in([*_TRUE, *_FALSE]), low.is_in(list(_TRUE)))
    if name == "decimal":
        return _decimal(text, kind)
    if name in INTEGERS:
        whole = when(text.str.contains(r"^[+-]?[0-9]+$"), text)
        return whole.str.strip_prefix("+").cast(target, strict=False)
    if name in FLOATS:
        return _float(text, target)
    if name == "date":
        body = text.str.replace(r"[ Tt]00:00(?::00(?:\.0+)?)?$", "")
        values = _matching(body, _DATE).str.to_date("%Y-%m-%d", strict=False)
        return when(values.dt.year() > 0, values)
    if name == "time":
        body = text.str.replace(rf"^({_CLOCK})$", "${1}:00")
        body = _matching(body, rf"{_CLOCK}:[0-5][0-9](?:\.[0-9]{{1,9}}0*)?")
        return body.str.to_time("%H:%M:%S%.f", strict=False)
    if name == "timestamp":
        return _timestamp(text, kind)
    return pl.Series(column.name, dtype=target).extend_constant(None, len(column))


def arrow_cast(column: pl.Series, wanted: Any) -> pl.Series | None:
    """A column in another of Arrow's types by Arrow's own cast; None where any value is refused."""
    import pyarrow as pa

    try:
        found = cast(column.to_arrow(), wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
    return pl.DataFrame(pa.record_batch([found], names=[column.name])).to_series()


def _by_arrow(column: pl.Series, kind: LogicalType) -> pl.Series | None:
    """The whole column by Arrow's casts, which are strict and some ten times as fast as Polars';
    None where any value does not fit, or is in a notation that only the slower way reads."""
    import pyarrow as pa

    wanted: Any = pa.date32()
    if kind.kind == "decimal":
        # Arrow's decimal arithmetic wraps around unseen where digits and scale pass 38 together.
        longest: Any = column.str.len_bytes().max() or 0
        if (kind.scale or 0) > 18 or longest > 19 or column.str.contains("[eE]").any():
            return None
        wanted = pa.decimal128(kind.precision or 38, kind.scale or 0)
    elif kind.kind == "timestamp":
        wanted = pa.timestamp(kind.unit or "us", "UTC" if kind.zone else None)
    values = arrow_cast(column, wanted)
    if values is None:
        return None
    if kind.kind == "decimal":
        return values
    if kind.unit != "ns":  # 64 bits of nanoseconds end in 1677 and 2262 as it is
        day = {"ms": 86_400_000, "us": 86_400_000_000}[kind.unit or "us"]
        day = 1 if kind.kind == "date" else day
        counted = values.to_physical()
        low: Any = counted.min()
        high: Any = counted.max()
        if low is not None and (low < _FIRST_DAY * day or high >= (_LAST_DAY + 1) * day):
            return None
    return values.dt.convert_time_zone(kind.zone) if kind.zone not in (None, "UTC") else values


def _matching(text: pl.Series, pattern: str) -> pl.Series:
    return when(text.str.contains(f"^(?:{pattern})$"), text)


def _decimal(text: pl.Series, kind: LogicalType) -> pl.Series:
    scale = kind.scale or 0
    if text.str.contains("[eE]").any():
        text = _without_exponent(text)
    parts = _matching(text, f"[+-]?{_NUMBER}").str.extract_groups(
        r"^[+]?(?<sign>-?)0*(?<whole>[0-9]*)(?:\.(?<rest>[0-9]*))?$"
    )
    sign, whole = parts.struct.field("sign"), parts.struct.field("whole")
    # Zeros at the end are no digits: 1.500 fits a scale of 1.
    rest = parts.struct.field("rest").str.strip_chars_end("0").fill_null("")
    fits = (whole.str.len_bytes() <= (kind.precision or 38) - scale) & (
        rest.str.len_bytes() <= scale
    )
    plain = when(fits, sign + "0" + whole + "." + rest + "0")
    return plain.cast(kind.physical, strict=False)


def _without_exponent(text: pl.Series) -> pl.Series:
    """Texts like `1.5e3` written out. Each different one costs a Python call; they are rare."""
    found = _matching(text, rf"[+-]?{_NUMBER}[eE][+-]?[0-9]{{1,3}}").drop_nulls().unique()
    return text.replace(found, pl.Series([f"{Decimal(v):f}" for v in found], dtype=pl.String))


def _float(text: pl.Series, target: Any) -> pl.Series:
    words = text.str.to_lowercase().is_in([*_NOT_FINITE])
    literal = _matching(text, rf"[+-]?{_NUMBER}(?:[eE][+-]?[0-9]+)?|[+-]?(?i:nan|inf|infinity)")
    values = literal.cast(target, strict=False)
    zero = text.str.contains(r"^[+-]?[0.]+(?:[eE].*)?$")
    # Neither a number too large (infinite) nor one too small (zero) is what was written.
    values = when((values.is_finite() | words) & ((values != 0) | zero), values)
    long = text.str.contains(r"^[+-]?[0-9]{7,}$")
    if long.any():  # a whole number is not rounded, whatever its length
        whole = text.str.strip_prefix("+").cast(pl.Int128, strict=False)
        same = values.cast(pl.Int128, strict=False) == whole
        values = when(~long | same.fill_null(False), values)
    return values


def _timestamp(text: pl.Series, kind: LogicalType) -> pl.Series:
    """ISO 8601: `2024-01-31`, then perhaps `T` or a blank and `10[:00[:00[.fff]]]`, then an offset.

    The offset is `Z`, `+05`, `+0530` or `+05:30`; a zoned type needs one, a naive type has none.
    """
    unit, zone = kind.unit or "us", kind.zone
    parts = text.str.extract_groups(
        rf"^(?<date>{_DATE})(?:[Tt ](?<clock>{_HOUR}(?::[0-5][0-9])?)(?::(?<second>[0-5][0-9])"
        r"(?:\.(?<rest>[0-9]+))?)? ?(?<offset>[Zz]|[+-][0-9]{2}(?::?[0-9]{2})?)?)?$"
    )
    date, clock, second, rest, offset = (
        parts.struct.field(n) for n in ("date", "clock", "second", "rest", "offset")
    )
    # A digit finer than the unit would be cut: that value does not fit.
    rest = rest.fill_null("").str.strip_chars_end("0")
    fits = rest.str.len_bytes() <= _UNIT_DIGITS[unit]
    fits = fits & (offset.is_not_null() if zone else offset.is_null())
    clock = clock.fill_null("00:00").str.replace(rf"^({_HOUR})$", "${1}:00")
    body = date + "T" + clock + ":" + second.fill_null("00") + "." + rest + "0"
    form = "%Y-%m-%dT%H:%M:%S%.f"
    if zone is not None:
        offset = offset.str.replace("[Zz]", "+00:00").str.replace(r"^([+-][0-9]{2})$", "${1}:00")
        body, form = body + offset, form + "%:z"
    body = when(fits, body)
    read = "UTC" if zone else None
    coarse = body.str.to_datetime(form, time_unit="us", time_zone=read, strict=False)
    whole = when(coarse.dt.year().is_between(1, 9999), coarse)
    if unit == "ns":  # read as such, years outside 1677 to 2262 would wrap around
        whole = when(whole.to_physical().is_between(*_NS_RANGE_US), body).str.to_datetime(
            form, time_unit="ns", time_zone=read, strict=False
        )
    values = whole.cast(pl.Datetime(unit, read))
    return values if zone is None else values.dt.convert_time_zone(zone)
