"""Rows whose values do not fit their fields: an error, a NULL, or set aside, as was chosen.

A Home that finds itself that a value does not fit gives the column on as `unfit` has it, where it
may (`ReadRequest.lenient`); so a blob in a column of text is not taken for text that is fine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from hygge.core.cast import cast
from hygge.core.conform import bad_value, conform, row_name
from hygge.core.errors import BadValue
from hygge.core.fields import Field, Schema
from hygge.core.text import when

Policy = Literal["fail", "null", "quarantine"]
"""fail: the first value that does not fit is an error. null: it becomes NULL. quarantine: its row
is left out and kept elsewhere."""


Unheld = Callable[[pl.Series, Field], Sequence[tuple[pl.Series, str]]]
"""Of a column that fits its field, which values a destination cannot hold all the same (true; NULL
and false are those that it can), each sort of them with the reason."""

_FIT, _UNFIT = "hygge_fit", "hygge_unfit"
"""What the parts of a column are called of which some values do not fit."""


def unfit(values: pl.Series, wrong: pl.Series) -> pl.Series:
    """A column of which some values are known not to fit.

    Parameters
    ----------
    values: those that may, and NULL in place of the others.
    wrong: the others as text, for people; NULL in place of the first.
    """
    parts = [values.alias(_FIT), wrong.cast(pl.String).alias(_UNFIT)]
    return pl.DataFrame(parts).to_struct(values.name)


def _is_unfit(column: pl.Series) -> bool:
    kind = column.dtype
    return isinstance(kind, pl.Struct) and [f.name for f in kind.fields] == [_FIT, _UNFIT]


@dataclass(frozen=True)
class Misfit:
    """One row that was set aside.

    Parameters
    ----------
    row: its key, or its number, in words.
    column, value, declared: the first value that did not fit, as text; None for NULL.
    why: what the destination says of it; "" where the declared type does not carry it.
    record: the whole row as it came, as text.
    types: in what types its values came, by Polars' names.
    at: its position among the rows that were read, from 0.
    """

    row: str
    column: str
    value: str | None
    declared: str
    why: str
    record: Mapping[str, str | None]
    types: Mapping[str, str]
    at: int = 0


@dataclass(frozen=True)
class Sifted:
    """A batch held to its fields.

    Parameters
    ----------
    kept: the rows that go on, exactly of the schema.
    origin: the positions of those rows in the batch; None for all of them.
    nulled: how many values became NULL, by column.
    aside: the rows that were set aside.
    """

    kept: pl.DataFrame
    origin: pl.Series | None = None
    nulled: Mapping[str, int] = field(default_factory=dict)
    aside: tuple[Misfit, ...] = ()


def sift(
    batch: pl.DataFrame,
    schema: Schema,
    policy: Policy,
    *,
    entity: str,
    offset: int = 0,
    origin: pl.Series | None = None,
) -> Sifted:
    """`conform`, with a choice of what becomes of values that do not fit.

    Parameters
    ----------
    batch, schema, entity, offset: see `conform`.
    policy: what becomes of them.
    origin: where the rows stood before others were left out, so that they are numbered rightly.

    Raises
    ------
    BadValue: under `fail`; under `null` where the column cannot be NULL, or is of the key.
    SchemaDrift, DataError: as `conform`.
    """
    try:
        return Sifted(conform(batch, schema, entity=entity, offset=offset))
    except BadValue:
        if policy == "fail":
            raise
        return _sorted_out(batch, schema, policy, entity, offset, origin)


def _sorted_out(
    batch: pl.DataFrame, schema: Schema, policy: Policy, entity: str, offset: int,
    origin: pl.Series | None,
) -> Sifted:  # fmt: skip
    columns, bads = [], {}
    for each in schema:
        column = batch[each.name]
        known = _is_unfit(column)
        values, bad = cast(column.struct.field(_FIT) if known else column, each.type)
        if known:
            bad = bad | column.struct.field(_UNFIT).is_not_null()
        columns.append(values.alias(each.name))
        bads[each.name] = bad if each.nullable else bad | values.is_null()
    frame = pl.DataFrame(columns, schema=schema.physical)
    return _dealt(batch, frame, bads, {}, schema, policy, entity, offset, origin)


def refuse(
    batch: pl.DataFrame, schema: Schema, unheld: Unheld, *, entity: str, offset: int = 0
) -> None:
    """Raise BadValue for the first value that a destination cannot hold, column by column.

    Parameters
    ----------
    batch: of exactly the schema.
    entity, offset: see `conform`.
    """
    for column, each in zip(batch, schema, strict=True):
        for bad, why in unheld(column, each):
            if bad.any():
                raise bad_value(
                    batch, schema, each, column, bad, entity=entity, offset=offset,
                    hint=f"{why}: mend the value, `cast` the column, or set `on_bad_value`",
                )  # fmt: skip


def hold(
    sifted: Sifted, schema: Schema, policy: Policy, unheld: Unheld, *, entity: str, offset: int = 0
) -> Sifted:
    """What is left of a batch once its destination's limits are heeded as its types are.

    Parameters
    ----------
    sifted: the batch, exactly of the schema.
    policy: `null` or `quarantine`; under `fail` the destination itself refuses such values.
    entity, offset: see `conform`.

    Raises BadValue under `null` where the column cannot be NULL, or is of the key.
    """
    batch = sifted.kept
    bads: dict[str, pl.Series] = {}
    whys: dict[str, str] = {}
    for column, each in zip(batch, schema, strict=True):
        for bad, why in unheld(column, each):
            if bad.any():
                known, bad = bads.get(each.name), bad.fill_null(False)
                bads[each.name] = bad if known is None else known | bad
                whys.setdefault(each.name, why)
    if not bads:
        return sifted
    frame = batch.with_columns([when(~bad, batch[name]).alias(name) for name, bad in bads.items()])
    dealt = _dealt(batch, frame, bads, whys, schema, policy, entity, offset, sifted.origin)
    nulled = Counter(sifted.nulled)
    nulled.update(dealt.nulled)
    return Sifted(dealt.kept, dealt.origin, nulled, (*sifted.aside, *dealt.aside))


def _dealt(
    batch: pl.DataFrame, frame: pl.DataFrame, bads: Mapping[str, pl.Series],
    whys: Mapping[str, str], schema: Schema, policy: Policy, entity: str, offset: int,
    origin: pl.Series | None,
) -> Sifted:  # fmt: skip
    """A batch in which some values are bad, and the same with NULL in their place, by a policy."""
    if policy == "null":
        _refuse_null(batch, schema, bads, whys, entity, offset)
        # Conforming again raises, with the row, where a column that must have a value has none.
        kept = conform(frame, schema, entity=entity, offset=offset)
        return Sifted(kept, nulled={n: int(b.sum()) for n, b in bads.items() if b.any()})
    wrong = pl.DataFrame(bads).select(pl.any_horizontal(pl.all())).to_series()
    rows = pl.int_range(batch.height, eager=True)
    before = rows if origin is None else origin
    aside = tuple(
        _misfit(batch, schema, bads, whys, at, offset + int(before[at]) - at)
        for at in rows.filter(wrong).to_list()
    )
    return Sifted(frame.filter(~wrong), before.filter(~wrong), aside=aside)


def _refuse_null(
    batch: pl.DataFrame, schema: Schema, bads: Mapping[str, pl.Series], whys: Mapping[str, str],
    entity: str, offset: int,
) -> None:  # fmt: skip
    """Raise BadValue for the first value that may not become NULL, such as one of the key: without
    it the row could not even be named."""
    for name, bad in bads.items():
        each = schema[name]
        if each.nullable and not each.key:
            continue
        column = batch[name]
        at = next((int(at) for at in bad.arg_true() if _text(column, int(at)) is not None), None)
        if at is not None:
            told = _misfit(batch, schema, {name: bad}, whys, at, offset)
            hint = "mend the value, `cast` the column, or set `on_bad_value: quarantine`"
            why = f"{told.why}, and '{name}'" if told.why else f"'{name}'"
            raise BadValue(
                entity=entity, column=name, row=told.row, value=told.value,
                declared=told.declared, hint=f"{why} cannot become NULL: {hint}", at=offset + at,
            )  # fmt: skip


def _misfit(
    batch: pl.DataFrame, schema: Schema, bads: Mapping[str, pl.Series], whys: Mapping[str, str],
    at: int, offset: int,
) -> Misfit:  # fmt: skip
    column = next(name for name, bad in bads.items() if bad[at])
    record = {name: _text(batch[name], at) for name in schema.names}
    declared = f"{schema[column].type}{'' if schema[column].nullable else ' not null'}"
    row = row_name(pl.DataFrame([record], schema=schema.names), schema, 0, offset + at)
    types = {name: _type(batch[name]) for name in schema.names}
    why = whys.get(column, "")
    return Misfit(row, column, record[column], declared, why, record, types, offset + at)


def _type(column: pl.Series) -> str:
    return str(column.struct.field(_FIT).dtype if _is_unfit(column) else column.dtype)


def _text(column: pl.Series, at: int) -> str | None:
    one = column.slice(at, 1)
    if _is_unfit(one):
        wrong: str | None = one.struct.field(_UNFIT)[0]
        return _text(one.struct.field(_FIT), 0) if wrong is None else wrong
    if one.null_count():
        return None
    if one.dtype == pl.Binary:
        return bytes(one[0]).hex()
    if one.dtype.is_nested():
        return str(one.to_list()[0])
    return str(one.cast(pl.String, strict=False)[0])
