"""Hold a batch to its declared fields: exact, or an error that names the value."""

from __future__ import annotations

import polars as pl

from hygge.core.cast import cast, is_limited
from hygge.core.errors import BadValue, DataError, Other, SchemaDrift
from hygge.core.fields import Field, Schema

TOLD = 5
"""How many values that do not fit an error shows; of more there is the number."""


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
            empty = batch[field.name].is_null()
            raise bad_value(
                batch, schema, field, batch[field.name], empty, entity=entity, offset=offset,
                declared=f"{field.type} not null",
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
        raise bad_value(
            batch, schema, field, column, bad, entity=entity, offset=offset,
            hint=_hint(column.dtype, field),
        )  # fmt: skip
    return values


def bad_value(
    batch: pl.DataFrame,
    schema: Schema,
    field: Field,
    column: pl.Series,
    bad: pl.Series,
    *,
    entity: str,
    offset: int = 0,
    declared: str = "",
    hint: str | None = None,
) -> BadValue:
    """The error for the values of a column that do not fit; it tells the first few.

    Parameters
    ----------
    batch, schema: the rows, and their key, by which they are named.
    field, column: what is declared, and the values as they came.
    bad: true for the values that do not fit; for one of them at least.
    offset: rows that came before this batch.
    declared: what they do not fit; by default the field's type.
    """
    rows = bad.fill_null(False).arg_true()
    first, *others = (
        Other(row_name(batch, schema, at, offset), value_of(column, at), offset + at)
        for at in rows.head(TOLD).to_list()
    )
    return BadValue(
        entity=entity, column=field.name, row=first.row, value=first.value,
        declared=declared or str(field.type), hint=hint, at=first.at,
        others=others, more=len(rows) - 1,
    )  # fmt: skip


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
