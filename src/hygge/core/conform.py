"""Hold a batch to its declared fields: exact, or an error that names the value.

Polars' casts round decimals, cut floats to integers and read text leniently; here a value either
arrives unaltered or is reported with its column, row and value.
"""

from __future__ import annotations

import polars as pl

from hygge.core.errors import BadValue, DataError, SchemaDrift
from hygge.core.fields import FLOATS, INTEGERS, Field, Schema, Unit

_TRUE = ("true", "t", "yes", "y", "1")
_FALSE = ("false", "f", "no", "n", "0")


def conform(batch: pl.DataFrame, schema: Schema, *, entity: str, offset: int = 0) -> pl.DataFrame:
    """The batch with exactly the schema's columns, order and dtypes.

    Parameters
    ----------
    batch: any rows; columns are found by name.
    schema: what they are held to.
    entity: the name used in errors.
    offset: rows of this entity that came before, so that errors can count.

    Raises
    ------
    SchemaDrift: a column is missing or was not declared.
    BadValue: a value cannot be carried by its field, or is NULL where NULL may not be.
    """
    physical = schema.physical
    if batch.schema != physical:
        missing = [n for n in schema.names if n not in batch.columns]
        extra = [n for n in batch.columns if n not in schema]
        if missing or extra:
            raise _columns_differ(entity, missing, extra)
        columns = [
            exact(batch[f.name], f, schema, batch, entity=entity, offset=offset) for f in schema
        ]
        batch = pl.DataFrame(columns, schema=physical)
    for field in schema:
        if not field.nullable and batch[field.name].null_count():
            row = int(batch[field.name].is_null().arg_true()[0])
            raise BadValue(
                entity=entity, column=field.name, row=_row(batch, schema, row, offset),
                value=None, declared=f"{field.type} not null",
            )  # fmt: skip
    return batch


def exact(
    column: pl.Series,
    field: Field,
    schema: Schema,
    batch: pl.DataFrame,
    *,
    entity: str,
    offset: int = 0,
) -> pl.Series:
    """One column in its field's dtype, or BadValue for the first value that cannot be carried."""
    target = field.type.physical
    if column.dtype == target:
        return column
    try:
        cast = _cast(column, field)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{entity}.{field.name}: {column.dtype} cannot be held as {field.type}: {error}"
        ) from error
    bad = cast.is_null() & column.is_not_null()
    if bad.any():
        row = int(bad.arg_true()[0])
        raise BadValue(
            entity=entity, column=field.name, row=_row(batch, schema, row, offset),
            value=column[row], declared=str(field.type),
        )  # fmt: skip
    return cast


def _cast(column: pl.Series, field: Field) -> pl.Series:
    """Cast with every inexact value turned to NULL."""
    kind, source, target = field.type.kind, column.dtype, field.type.physical
    if source == pl.Null:
        return column.cast(target)
    if source == pl.String:
        return _from_text(column, field)
    if kind == "bool" and source.is_integer():
        return _when(column.is_in([0, 1]), column.cast(pl.Boolean))
    if kind == "decimal" and source.is_float():
        cast = column.cast(target, strict=False)
        return _when(cast.cast(pl.Float64) == column.cast(pl.Float64), cast)
    if kind == "decimal" and source.is_decimal():
        cast = column.cast(target, strict=False)
        return _when(_same_decimal(cast, column), cast)
    if kind in INTEGERS and (source.is_float() or source.is_decimal()):
        cast = column.cast(target, strict=False)
        return _when(cast.cast(source, strict=False) == column, cast)
    if kind in FLOATS and source.is_integer():
        cast = column.cast(target, strict=False)
        back = cast.cast(pl.Int128, strict=False)
        return _when(back == column.cast(pl.Int128), cast)
    if kind == "float32" and source == pl.Float64:
        cast = column.cast(target)
        return _when((cast.cast(pl.Float64) == column) | column.is_nan(), cast)
    if isinstance(source, pl.Datetime) and isinstance(target, pl.Datetime):
        return _from_datetime(column, source, target)
    if isinstance(source, pl.Datetime) and kind == "date":
        cast = column.cast(pl.Date)
        return _when(cast.cast(pl.Datetime("us")) == column.dt.replace_time_zone(None), cast)
    if source == pl.Binary and target == pl.String:
        return column.cast(pl.String, strict=False)
    return column.cast(target, strict=False)


def _when(keep: pl.Series, values: pl.Series) -> pl.Series:
    frame = pl.DataFrame([keep.alias("keep"), values.alias("values")])
    return frame.select(pl.when("keep").then("values").alias(values.name)).to_series()


def _same_decimal(left: pl.Series, right: pl.Series) -> pl.Series:
    scale = max(getattr(left.dtype, "scale", 0) or 0, getattr(right.dtype, "scale", 0) or 0)
    wide = pl.Decimal(38, scale)
    return left.cast(wide, strict=False) == right.cast(wide, strict=False)


def _from_datetime(column: pl.Series, source: pl.Datetime, target: pl.Datetime) -> pl.Series:
    if (source.time_zone is None) != (target.time_zone is None):
        # A naive time is no instant and an instant is no wall clock: that needs a declaration.
        return pl.Series(column.name, [None] * len(column), dtype=target)
    cast = column.cast(target, strict=False)
    return _when(cast.cast(source, strict=False) == column, cast)


def _from_text(column: pl.Series, field: Field) -> pl.Series:
    kind, target = field.type.kind, field.type.physical
    if kind == "bool":
        text = column.str.strip_chars().str.to_lowercase()
        return _when(text.is_in([*_TRUE, *_FALSE]), text.is_in(list(_TRUE)))
    text = column.str.strip_chars()
    if kind == "decimal":
        scale = field.type.scale or 0
        # Digits past the scale may only be zeros: Polars' own cast would cut them silently.
        fits = text.str.contains(rf"^[+-]?(?:\d+\.?\d{{0,{scale}}}0*|\.\d{{1,{max(scale, 1)}}}0*)$")
        plain = _when(fits, text).str.strip_prefix("+")
        plain = plain.str.replace(rf"(\.\d{{{scale}}})0+$", "$1") if scale else plain.str.replace(
            r"\.0*$", ""
        )
        return plain.cast(target, strict=False)
    if kind in INTEGERS:
        return text.str.strip_prefix("+").cast(target, strict=False)
    if kind in FLOATS:
        return text.cast(target, strict=False)
    if kind == "date":
        return text.str.to_date("%Y-%m-%d", strict=False)
    if kind == "time":
        return text.str.to_time("%H:%M:%S%.f", strict=False).fill_null(
            text.str.to_time("%H:%M", strict=False)
        )
    if kind == "timestamp":
        return _timestamp_from_text(text, field)
    return column.cast(target, strict=False)


def _timestamp_from_text(text: pl.Series, field: Field) -> pl.Series:
    """ISO 8601: `2024-01-31`, `2024-01-31 10:00[:00[.fff]]`, `T` or blank, offset or `Z`."""
    unit: Unit = field.type.unit or "us"
    zone = field.type.zone
    body = text.str.replace("^(\\d{4}-\\d{2}-\\d{2})[ tT]", "${1}T")
    body = body.str.replace(r"^(\d{4}-\d{2}-\d{2})$", "${1}T00:00:00")
    offset = body.str.contains(r"T.*(?:[zZ]|[+-]\d{2}:?\d{2})$")
    body = body.str.replace(r"^(.*T\d{2}:\d{2})(Z|z|[+-]\d{2}:?\d{2})?$", "${1}:00${2}")
    # A digit finer than the unit would be cut: let it be reported instead.
    digits = {"ms": 3, "us": 6, "ns": 9}[unit]
    body = _when(~body.str.contains(rf"\.\d{{{digits}}}\d*[1-9]"), body)
    if zone is None:
        naive = _when(~offset, body)
        return naive.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", time_unit=unit, strict=False)
    body = body.str.replace("[zZ]$", "+00:00")
    aware = _when(offset, body).str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f%:z", time_unit=unit, time_zone="UTC", strict=False
    )
    return aware.dt.convert_time_zone(zone)


def _row(batch: pl.DataFrame, schema: Schema, row: int, offset: int) -> str:
    keys = [k for k in schema.keys if k in batch.columns]
    if keys:
        return ", ".join(f"{k}={batch[k][row]}" for k in keys)
    return f"row {offset + row + 1}"


def _columns_differ(entity: str, missing: list[str], extra: list[str]) -> SchemaDrift:
    parts = []
    if missing:
        parts.append("without " + ", ".join(f"'{n}'" for n in missing))
    if extra:
        parts.append("with undeclared " + ", ".join(f"'{n}'" for n in extra))
    return SchemaDrift(
        f"{entity}: a batch came {' and '.join(parts)}",
        hint="every batch of one read must have the same columns",
    )
