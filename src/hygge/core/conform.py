"""Hold a batch to its declared fields: exact, or an error that names the value."""

from __future__ import annotations

import polars as pl

from hygge.core.cast import cast, is_limited
from hygge.core.errors import BadValue, DataError, SchemaDrift
from hygge.core.fields import Field, Schema


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
    missing = [n for n in schema.names if n not in batch.columns]
    extra = [n for n in batch.columns if schema.get(n) is None]
    if missing or extra:
        raise _columns_differ(entity, missing, extra)
    if batch.schema != physical or any(is_limited(f.type) for f in schema):
        columns = [
            exact(batch[f.name], f, schema, batch, entity=entity, offset=offset) for f in schema
        ]
        batch = pl.DataFrame(columns, schema=physical)
    for field in schema:
        if not field.nullable and batch[field.name].null_count():
            row = int(batch[field.name].is_null().arg_true()[0])
            raise BadValue(
                entity=entity, column=field.name, row=row_name(batch, schema, row, offset),
                value=None, declared=f"{field.type} not null", at=offset + row,
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
    if column.dtype == field.type.physical and not is_limited(field.type):
        return column
    try:
        values, bad = cast(column, field.type)
    except pl.exceptions.PolarsError as error:
        raise DataError(
            f"{entity}.{field.name}: {column.dtype} cannot be held as {field.type}: {error}"
        ) from error
    if bad.any():
        row = int(bad.arg_true()[0])
        raise BadValue(
            entity=entity, column=field.name, row=row_name(batch, schema, row, offset),
            value=value_of(column, row), declared=str(field.type), hint=_hint(column.dtype, field),
            at=offset + row,
        )  # fmt: skip
    return values


def _hint(source: pl.DataType, field: Field) -> str | None:
    if isinstance(source, pl.Datetime) and field.type.kind == "timestamp":
        if source.time_zone is None and field.type.zone is not None:
            return f"the source's times name no zone; declare `types: {{{field.name}: timestamp}}`"
        if source.time_zone is not None and field.type.zone is None:
            kind = f"timestamp(us, {source.time_zone})"
            return f"the source's times are in a zone; declare `types: {{{field.name}: {kind}}}`"
    return None


def value_of(column: pl.Series, row: int) -> object:
    """A value for people. Years that Python's dates cannot hold come as text."""
    if isinstance(column.dtype, pl.Date | pl.Datetime):
        part = column.slice(row, 1)
        year = part.dt.year()[0]
        if year is not None and not 1 < year < 9999:
            return part.dt.to_string()[0]
        if year is None and not part.null_count():
            return f"{part.to_physical()[0]} since 1970, as {column.dtype}"
    return column.slice(row, 1).to_list()[0] if column.dtype.is_nested() else column[row]


def row_name(batch: pl.DataFrame, schema: Schema, row: int, offset: int) -> str:
    """A row by its key, `id=7`, or by its number, `row 12`, counting from 1."""
    keys = [k for k in schema.keys if k in batch.columns]
    if keys:
        return ", ".join(f"{k}={value_of(batch[k], row)}" for k in keys)
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
