"""Batches as the driver gives them, as frames of values that fit their fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa

from hygge.core.cast import cast
from hygge.core.conform import row_name
from hygge.core.errors import BadValue
from hygge.core.fields import Field, Schema
from hygge.core.frames import replaced
from hygge.core.text import arrow_cast, when

DAY_US = 86_400_000_000
FIRST_DAY, LAST_DAY = -719_162, 2_932_896
"""0001-01-01 and 9999-12-31 in days since 1970-01-01 (ISO 8601's years of four digits)."""
_BEYOND = "infinity, or a year beyond those of ISO 8601"


def frame(batch: pa.RecordBatch) -> pl.DataFrame:
    """A batch as a frame: what Arrow calls extensions as what they are stored as, and times of day
    as microseconds, since Polars makes NULL of 24:00."""
    plain = [_plain(column) for column in batch.columns]
    return pl.DataFrame(pa.RecordBatch.from_arrays(plain, names=batch.schema.names))


def _plain(column: Any) -> Any:
    if isinstance(column.type, pa.BaseExtensionType):
        return column.storage
    return column.view(pa.int64()) if pa.types.is_time64(column.type) else column


@dataclass(frozen=True)
class Fit:
    """Batches brought into the types of their fields, where the driver's own need a look.

    Parameters
    ----------
    schema: what they are brought into.
    entity: the name used in errors.
    lenient: whether a column with a value that does not fit is given on as text, in which it is
        told and dealt with later; else such a value is an error here.
    """

    schema: Schema
    entity: str
    lenient: bool = False

    def apply(self, batch: pl.DataFrame) -> pl.DataFrame:
        """One batch.

        Raises
        ------
        BadValue: a time that only PostgreSQL has, or a number with more digits than its field.
        """
        changed = []
        for name in batch.columns:
            column, field = batch[name], self.schema[name]
            kind = field.type.kind
            if kind == "decimal" and column.dtype == pl.String:
                changed.append(self._decimal(column, field, batch))
            elif kind == "time" and column.dtype == pl.Int64:
                changed.append(self._time(column, field, batch))
            elif column.dtype == pl.Date or isinstance(column.dtype, pl.Datetime):
                changed.append(self._within_years(column, field, batch))
        return replaced(batch, changed)

    def _decimal(self, column: pl.Series, field: Field, batch: pl.DataFrame) -> pl.Series:
        quick = _declared(column, field)
        if quick is not None:
            return quick
        values, bad = cast(column, field.type)
        if not bad.any():
            return values
        return self._misfit(column, column, bad, field, batch, _room(field))

    def _time(self, column: pl.Series, field: Field, batch: pl.DataFrame) -> pl.Series:
        bad = (column >= DAY_US).fill_null(False)
        times = when(~bad, column * 1000).cast(pl.Time)
        if not bad.any():
            return times
        text = times.dt.to_string("%H:%M:%S%.f").fill_null("24:00:00")
        shown = when(column.is_not_null(), text)
        return self._misfit(column, shown, bad, field, batch, "a day ends before 24:00; read it as "
                            f"text: `types: {{{field.name}: string}}`")  # fmt: skip

    def _within_years(self, column: pl.Series, field: Field, batch: pl.DataFrame) -> pl.Series:
        """A date or time, whose years are those of ISO 8601; the driver wraps infinity around."""
        ticks, day = column.cast(pl.Int64), 1 if column.dtype == pl.Date else DAY_US
        least, most = FIRST_DAY * day, (LAST_DAY + 1) * day - 1
        low: Any = ticks.min()
        high: Any = ticks.max()
        if low is None or (low >= least and high <= most):
            return column
        bad = (~ticks.is_between(least, most)).fill_null(False)
        text = when(~bad, column).dt.to_string("iso").fill_null(_BEYOND)
        return self._misfit(
            column, when(column.is_not_null(), text), bad, field, batch,
            "years go from 0001 to 9999, and infinity is no time; read it as text: "
            f"`types: {{{field.name}: string}}`",
        )  # fmt: skip

    def _misfit(
        self, column: pl.Series, text: pl.Series, bad: pl.Series, field: Field,
        batch: pl.DataFrame, hint: str,
    ) -> pl.Series:  # fmt: skip
        if self.lenient:
            return text.alias(column.name)
        at = int(bad.arg_true()[0])
        raise BadValue(
            entity=self.entity, column=field.name, row=row_name(batch, self.schema, at, 0),
            value=text[at], declared=str(field.type), hint=hint,
        )  # fmt: skip


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
    return arrow_cast(column, pa.decimal128(kind.precision or 38, kind.scale or 0))


def _room(field: Field) -> str:
    if field.origin == "numeric":
        return (
            'give all such columns more room, as in `types: {numeric: "decimal(38,15)"}`, or this '
            f"one: `types: {{{field.name}: string}}` takes any number"
        )
    return f"declare it otherwise: `types: {{{field.name}: string}}` takes any number, and NaN"
