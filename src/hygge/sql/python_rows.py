"""Columns of Python objects, for connections that give nothing better.

The dtype comes from the declared field, never from the values; each value is checked, since
Polars would turn some into others.
"""

from __future__ import annotations

import datetime as dt
import json
import uuid
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any

import polars as pl

from hygge.core.errors import BadValue
from hygge.core.fields import FLOATS, INTEGERS, Field, LogicalType, Schema
from hygge.core.sift import unfit

_Check = Callable[[Any], Any]
"""Gives the value as Polars is to have it; raises ValueError where it is of another kind."""


def frame_of(
    columns: Sequence[Sequence[Any]],
    fields: Schema,
    *,
    entity: str,
    offset: int = 0,
    lenient: bool = False,
) -> pl.DataFrame:
    """Columns as a frame whose values fit the fields; the last step to their dtypes is conforming.

    Parameters
    ----------
    lenient: whether a value of a kind that its field does not take is told in the column, as
        `core.sift.unfit` has it; else it raises BadValue.
    """
    made = []
    for at, field in enumerate(fields):
        values: list[Any] = []
        wrong: dict[int, str] = {}
        for number, value in enumerate(columns[at]):
            try:
                values.append(_checked(value, field))
            except ValueError:
                if not lenient:
                    raise BadValue(
                        entity=entity, column=field.name, value=value, declared=str(field.type),
                        row=_row([c[number] for c in columns], fields, offset + number + 1),
                    ) from None  # fmt: skip
                values.append(None)
                wrong[number] = value.hex() if isinstance(value, bytes) else str(value)
        series = _series(field, values, _dtype(field.type))
        if wrong:
            shown = [wrong.get(number) for number in range(len(values))]
            series = unfit(series, pl.Series("", shown, pl.String))
        made.append(series)
    return pl.DataFrame(made)


def _checked(value: Any, field: Field) -> Any:
    if value is None:
        return None
    check: _Check = _CHECKS.get(field.type.kind, _text)
    found = check(value)
    if isinstance(found, dt.datetime):
        _same_kind_of_time(found, field.type)
    return found


def _series(field: Field, values: list[Any], dtype: Any) -> pl.Series:
    if field.type.kind == "timestamp" and field.type.zone is not None:
        utc = [v if v is None else v.astimezone(dt.UTC).replace(tzinfo=None) for v in values]
        plain = pl.Series(field.name, utc, dtype=pl.Datetime("us"))
        return plain.dt.replace_time_zone("UTC").dt.convert_time_zone(field.type.zone)
    return pl.Series(field.name, values, dtype=dtype, strict=True)


def _dtype(kind: LogicalType) -> Any:
    if kind.kind in INTEGERS:
        return pl.Int128
    if kind.kind == "timestamp":
        return pl.Datetime("us")
    if kind.kind in ("decimal", "list", "struct", "null"):
        return pl.String
    return pl.Float64 if kind.kind in FLOATS else kind.physical


def _row(row: Sequence[Any], fields: Schema, number: int) -> str:
    names = fields.names
    keys = ", ".join(f"{key}={row[names.index(key)]!r}" for key in fields.keys)
    return keys or f"row {number}"


def _integer(value: Any) -> int:
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int):
        return value
    if isinstance(value, Decimal | float) and value == int(value):
        return int(value)
    raise ValueError(value)


def _bool(value: Any) -> bool:
    if isinstance(value, bool) or value in (0, 1):
        return bool(value)
    raise ValueError(value)


def _float(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise ValueError(value)
    if isinstance(value, int) and int(float(value)) != value:
        raise ValueError(value)
    return float(value)


def _decimal(value: Any) -> str:
    if isinstance(value, float):
        value = Decimal(repr(value))
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        raise ValueError(value)
    try:
        return format(Decimal(value), "f")
    except ArithmeticError:
        raise ValueError(value) from None


def _is(*kinds: type) -> _Check:
    def check(value: Any) -> Any:
        if type(value) not in kinds:
            raise ValueError(value)
        return value

    return check


def _date(value: Any) -> Any:
    if isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise ValueError(value)
        return value.date()
    if isinstance(value, str):
        return dt.date.fromisoformat(value)
    return _is(dt.date)(value)


def _moment(value: Any) -> Any:
    if isinstance(value, str):
        return dt.datetime.fromisoformat(value)
    if type(value) is dt.date:
        return dt.datetime(value.year, value.month, value.day)
    if not isinstance(value, dt.datetime):
        raise ValueError(value)
    return value


def _same_kind_of_time(value: dt.datetime, kind: LogicalType) -> None:
    if (value.tzinfo is None) != (kind.zone is None):
        raise ValueError(value)  # a naive time is no instant, an instant is no wall clock


def _time(value: Any) -> Any:
    return dt.time.fromisoformat(value) if isinstance(value, str) else _is(dt.time)(value)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, uuid.UUID):
        return str(value)
    raise ValueError(value)


def _json(value: Any) -> str:
    """What is text already is taken for JSON; objects are what a driver made of it."""
    if isinstance(value, str):
        return value
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _bytes(value: Any) -> bytes:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise ValueError(value)


_CHECKS: dict[str, _Check] = {
    **dict.fromkeys(INTEGERS, _integer), **dict.fromkeys(FLOATS, _float), "bool": _bool,
    "decimal": _decimal, "date": _date, "timestamp": _moment, "time": _time,
    "duration": _is(dt.timedelta), "binary": _bytes, "json": _json,
}  # fmt: skip
