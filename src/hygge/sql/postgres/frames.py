"""Batches as the driver gives them, as frames of values that fit their fields."""

from __future__ import annotations

from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from hygge.core.cast import cast
from hygge.core.conform import row_name
from hygge.core.errors import BadValue
from hygge.core.fields import Field, Schema

DAY_US = 86_400_000_000
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970-01-01 (ISO 8601's years of four digits)."""
_BEYOND = "years go from 0001 to 9999, and infinity is no time"


def frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """A batch as a frame: what Arrow calls extensions as what they are stored as, and times of day
    as microseconds, since Polars makes NULL of 24:00."""
    plain = [_plain(column) for column in batch.columns]
    return pl.DataFrame(pa.RecordBatch.from_arrays(plain, names=batch.schema.names))


def _plain(column: Any) -> Any:
    if isinstance(column.type, pa.BaseExtensionType):
        return column.storage
    return column.view(pa.int64()) if pa.types.is_time64(column.type) else column


def fitting(batch: pl.DataFrame, schema: Schema, entity: str) -> pl.DataFrame:
    """A batch's values in the types of their fields, where the driver's own need a look.

    Raises
    ------
    BadValue: a time that only PostgreSQL has, or a number with more digits than its field.
    """
    changed = []
    for name in batch.columns:
        column, field = batch[name], schema[name]
        kind = field.type.kind
        if kind == "decimal" and column.dtype == pl.String:
            changed.append(_decimal(column, field, schema, batch, entity))
        elif kind == "time" and column.dtype == pl.Int64:
            bad = column >= DAY_US
            _refuse(bad, "24:00:00", field, schema, batch, entity)
            changed.append((column * 1000).cast(pl.Time))
        elif column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
            _within(column, field, schema, batch, entity)
    return batch.with_columns(changed) if changed else batch


def _within(
    column: pl.Series, field: Field, schema: Schema, batch: pl.DataFrame, entity: str
) -> None:
    """Raise BadValue for a date or time outside ISO 8601's years; the driver wraps infinity."""
    ticks, day = column.to_physical(), 1 if column.dtype == pl.Date else DAY_US
    least, most = FIRST_DAY * day, (LAST_DAY + 1) * day - 1
    low, high = ticks.min(), ticks.max()
    if low is None or (low >= least and high <= most):  # type: ignore[operator]
        return
    bad = ~ticks.is_between(least, most)
    _refuse(bad, "infinity, or a year beyond those of ISO 8601", field, schema, batch, entity)


def _decimal(
    column: pl.Series, field: Field, schema: Schema, batch: pl.DataFrame, entity: str
) -> pl.Series:
    kind = field.type
    quick = _declared(column, field)
    if quick is not None:
        return quick
    values, bad = cast(column, kind)
    if bad.any():
        at = int(bad.arg_true()[0])
        raise BadValue(
            entity=entity, column=field.name, row=row_name(batch, schema, at, 0), value=column[at],
            declared=str(kind), hint=_room(field),
        )  # fmt: skip
    return values


def _declared(column: pl.Series, field: Field) -> pl.Series | None:
    """The whole column by Arrow's cast; None where that is not known to be exact.

    The server holds a `numeric(p,s)` to its precision, so that only NaN does not fit it.
    """
    kind = field.type
    if field.origin != f"numeric({kind.precision},{kind.scale})":
        return None
    # Arrow's arithmetic wraps around unseen where digits and scale pass 38 together.
    if (kind.precision or 38) + (kind.scale or 0) > 38:
        return None
    try:
        return pl.Series(column.name, pc.cast(column.to_arrow(), pa.decimal128(
            kind.precision or 38, kind.scale or 0)))  # fmt: skip
    except pa.ArrowInvalid:
        return None


def _room(field: Field) -> str:
    if field.origin == "numeric":
        return (
            'give all such columns more room, as in `types: {numeric: "decimal(38,15)"}`, or this '
            f"one: `types: {{{field.name}: string}}` takes any number"
        )
    return f"declare it otherwise: `types: {{{field.name}: string}}` takes any number, and NaN"


def _refuse(
    bad: pl.Series, what: str, field: Field, schema: Schema, batch: pl.DataFrame, entity: str
) -> None:
    if not bad.any():
        return
    raise BadValue(
        entity=entity, column=field.name, row=row_name(batch, schema, int(bad.arg_true()[0]), 0),
        value=what, declared=str(field.type),
        hint=f"{_BEYOND if field.type.is_temporal else 'a day ends before 24:00'}; read it as "
        f"text: `types: {{{field.name}: string}}`",
    )  # fmt: skip
