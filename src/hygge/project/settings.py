"""The settings of an entity.

This model is the only source for validation, reference pages and JSON Schema. A value of null
takes back what an earlier layer set.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, field_validator, model_validator

from hygge.core.load import Mode
from hygge.core.settings import Settings, TypeText
from hygge.core.sift import Policy
from hygge.core.watermark import parse_duration


def _one_or_many(value: Any) -> Any:
    return (value,) if isinstance(value, str) else value


OneOrMany = Annotated[
    tuple[str, ...],
    BeforeValidator(_one_or_many, json_schema_input_type=str | tuple[str, ...]),
]
"""A text, or a list of texts."""


def _twice(names: tuple[str, ...]) -> str | None:
    seen: set[str] = set()
    return next((n for n in names if n in seen or seen.add(n)), None)  # type: ignore[func-returns-value]


class Forgiving(Settings):
    """Settings in which null means "not set here"."""

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, values: Any) -> Any:
        if values is None:
            return {}
        if isinstance(values, Mapping):
            return {key: value for key, value in values.items() if value is not None}
        return values


def _lag(value: Any) -> int | float | str | None:
    if value is None:
        return None
    if isinstance(value, str) and not re.fullmatch(r"\d{1,18}", value):
        parse_duration(value)
        return value
    number = int(value) if isinstance(value, str) else value
    if isinstance(number, int | float) and not isinstance(number, bool) and 0 <= number < 1e18:
        return number
    raise ValueError("a lag is a duration such as 15m or 2d, or a number from 0")


def _chunks(value: Any) -> int | Literal["auto", "off"]:
    if value == "auto" or value == "off":
        return "auto" if value == "auto" else "off"
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value) else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 1024:
        return number
    raise ValueError("write auto, off, or a number of slices from 1 to 1024")


class Incremental(Settings):
    """Which rows a run reads: those at or past the stored position of a column."""

    column: str = Field(
        min_length=1,
        description="The source column that grows: an integer, decimal, date or timestamp",
        examples=["updated_at", "id"],
    )
    lag: Annotated[
        int | float | str | None, PlainValidator(_lag, json_schema_input_type=int | float | str)
    ] = Field(
        default=None,
        description="How far before the stored position to read again, for rows that were "
        "committed late: a duration for times, a number for numbers. Needs a key to merge on",
        examples=["15m", "2d", 1000],
    )
    timezone: str | None = Field(
        default=None,
        description="What a column without a time zone means, as an IANA name; UTC if not given",
        examples=["Europe/Copenhagen"],
    )

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, value: str | None) -> str | None:
        if value is not None:
            from zoneinfo import ZoneInfo

            try:
                ZoneInfo(value)
            except (KeyError, ValueError, OSError):
                raise ValueError(
                    f"'{value}' is no time zone; write it as Europe/Copenhagen"
                ) from None
        return value

    @property
    def lag_value(self) -> timedelta | int | Decimal:
        """The lag as the watermark arithmetic takes it; none is `timedelta(0)`."""
        if not self.lag:
            return timedelta()
        if isinstance(self.lag, str):
            return parse_duration(self.lag)
        return self.lag if isinstance(self.lag, int) else Decimal(str(self.lag))


class EntitySettings(Forgiving):
    """What can be said of one entity beside its Home and its Store.

    In YAML each may stand in the entity, in `overrides:`, in the flow (or its `defaults:`) and in
    the project's `defaults:`; the nearest wins. In Python they are keywords of `Flow`.
    """

    key_column: OneOrMany = Field(
        default=(),
        description="The column, or columns, that identify a row. By default the source's "
        "primary key",
        examples=["id", ["order_id", "line"]],
    )
    mode: Mode | None = Field(
        default=None,
        description="How the Store takes the rows. By default `replace` where it can, else "
        "`append`",
        examples=["merge"],
    )
    incremental: Incremental | None = Field(
        default=None,
        description="Read only what is new since the last run",
        examples=[{"column": "updated_at", "lag": "15m"}],
    )
    columns: tuple[str, ...] = Field(
        default=(),
        description="The source columns to move, in the order they shall have. By default all",
        examples=[["id", "name", "email"]],
    )
    rename: Mapping[str, str] = Field(
        default_factory=dict,
        description="New names, by source column",
        examples=[{"CustomerId": "customer_id"}],
    )
    cast: Mapping[str, TypeText] = Field(
        default_factory=dict,
        description="Other types, by source column; a value that does not fit is an error",
        examples=[{"price": "decimal(10,2)"}],
    )
    batch_size: int | None = Field(
        default=None,
        ge=1,
        le=10_000_000,
        description="Rows asked of the source at a time. The size of written files does not "
        "depend on it",
        examples=[50_000],
    )
    chunks: Annotated[
        int | Literal["auto", "off"],
        PlainValidator(_chunks, json_schema_input_type=int | Literal["auto", "off"]),
    ] = Field(
        default="auto",
        description="Into how many slices, read side by side, the source is split. `auto`: a big "
        "table into slices of 256 MB or more, where all of them can read one snapshot; `off`: one",
        examples=[4],
    )
    on_bad_value: Policy = Field(
        default="fail",
        description="What becomes of a value that does not fit its column's type: the load fails, "
        "the value becomes NULL, or its row is set aside under `.hygge/quarantine`",
        examples=["quarantine"],
    )
    retries: int = Field(
        default=3,
        ge=0,
        le=100,
        description="How often to try again after a failure that may pass, such as a lost "
        "connection, with growing waits",
        examples=[5],
    )
    full_append: bool = Field(
        default=False,
        description="Consent to appending all rows at every run, without `incremental`",
        examples=[True],
    )
    allow_empty: bool = Field(
        default=False,
        description="Let a source without rows replace a destination that has some",
        examples=[True],
    )
    max_shrink: float = Field(
        default=0.9,
        ge=0,
        le=1,
        description="The share of the destination's rows that one load may take away. 1 allows any",
        examples=[0.5],
    )
    tags: OneOrMany = Field(
        default=(),
        description="Words to select entities by: `hygge go --select tag:nightly`. A nearer "
        "list replaces the farther one",
        examples=[["nightly", "finance"]],
    )
    enabled: bool = Field(
        default=True, description="Whether runs move this entity", examples=[False]
    )

    @property
    def keys(self) -> tuple[str, ...]:
        """The key columns; empty where the source's primary key serves."""
        return self.key_column

    @field_validator("columns", "key_column", "tags")
    @classmethod
    def _no_doubles(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if (name := _twice(value)) is not None:
            raise ValueError(f"'{name}' is listed twice")
        if "" in value:
            raise ValueError("an empty name is listed")
        return value

    @field_validator("rename")
    @classmethod
    def _no_collisions(cls, value: Mapping[str, str]) -> Mapping[str, str]:
        if (name := _twice(tuple(value.values()))) is not None:
            raise ValueError(f"two columns are renamed to '{name}'")
        if "" in value.values():
            raise ValueError("a column is renamed to nothing")
        return value
