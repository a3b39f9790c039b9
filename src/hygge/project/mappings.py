"""The mappings that stand inside an entity's settings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, Self

from pydantic import Field, PlainValidator, field_validator, model_validator
from pydantic_core import PydanticCustomError

from hygge.core.durations import parse_duration
from hygge.core.settings import Settings
from hygge.core.terms import DELETED_AT, Versions


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


class Incremental(Settings):
    """Which rows a run reads: those at or past the stored position of a column, or those of files
    that were not read before, or those that the source itself tells to have changed."""

    column: str = Field(
        default="",
        description="The source column that grows: an integer, decimal, date or timestamp",
        examples=["updated_at", "id"],
    )
    files: Literal["new"] | None = Field(
        default=None,
        description="`new`, instead of a column: the files of the folder that were not read yet",
        examples=["new"],
    )
    by: Literal["change_tracking"] | None = Field(
        default=None,
        description="What tells the rows that changed, instead of a column: SQL Server's Change "
        "Tracking",
        examples=["change_tracking"],
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

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [name for name in ("column", "files", "by") if getattr(self, name)]
        if not ways:
            # Of this type, so that a layer may leave it to another.
            raise PydanticCustomError(
                "missing", "give a `column`, or `files: new`, or `by: change_tracking`"
            )
        if len(ways) > 1:
            raise ValueError(f"`{ways[0]}` and `{ways[1]}` exclude each other")
        if not self.column and (self.lag is not None or self.timezone is not None):
            raise ValueError(
                f"`lag` and `timezone` are of a column, and of no use with `{ways[0]}`"
            )
        return self

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
    def name(self) -> str:
        """What it goes by, for people."""
        return self.column or self.by or f"files: {self.files}"

    @property
    def way(self) -> dict[str, str]:
        """What it goes by, for the fingerprint."""
        for name in ("files", "by"):
            if value := getattr(self, name):
                return {name: value}
        return {"column": self.column}

    @property
    def lag_value(self) -> timedelta | int | Decimal:
        """The lag as the watermark arithmetic takes it; none is `timedelta(0)`."""
        if not self.lag:
            return timedelta()
        if isinstance(self.lag, str):
            return parse_duration(self.lag)
        return self.lag if isinstance(self.lag, int) else Decimal(str(self.lag))


class History(Forgiving):
    """The columns by which mode `scd2` tells the versions of a row."""

    valid_from: str = Field(
        default=Versions().valid_from,
        min_length=1,
        description="The moment of the load that brought this version",
        examples=["valid_from"],
    )
    valid_to: str = Field(
        default=Versions().valid_to,
        min_length=1,
        description="The moment of the load that found it changed or gone; NULL until then",
        examples=["valid_to"],
    )
    current: str = Field(
        default=Versions().current,
        min_length=1,
        description="Whether it is the version that holds now",
        examples=["is_current"],
    )

    @model_validator(mode="after")
    def _three(self) -> Self:
        if len({self.valid_from, self.valid_to, self.current}) < 3:
            raise ValueError("`valid_from`, `valid_to` and `current` need three names")
        return self

    @property
    def versions(self) -> Versions:
        return Versions(self.valid_from, self.valid_to, self.current)


class Deletions(Settings):
    """What becomes of rows that are gone at the source."""

    mode: Literal["ignore", "soft", "hard"] = Field(
        default="soft",
        description="`soft` marks them, in a column of the destination; `hard` deletes them; "
        "`ignore` leaves them as they are. In mode `scd2`, `soft` closes their version",
        examples=["hard"],
    )
    find: Literal["keys", "change_tracking"] | None = Field(
        default=None,
        description="`keys`: by comparing the keys that the source has with the destination's. "
        "That is so unless `deleted_when` tells them. `change_tracking`: as SQL Server's Change "
        "Tracking tells them",
        examples=["keys"],
    )
    every: str | None = Field(
        default=None,
        description="How often to compare keys; at every run if not set",
        examples=["24h"],
    )
    column: str = Field(
        default=DELETED_AT,
        min_length=1,
        description="The column of the marks: the moment of the load that found the row gone, "
        "NULL for rows that are there",
        examples=["deleted_at"],
    )

    @model_validator(mode="before")
    @classmethod
    def _mode_alone(cls, value: Any) -> Any:
        return {"mode": value} if isinstance(value, str) else value

    @field_validator("every")
    @classmethod
    def _every(cls, value: str | None) -> str | None:
        if value is not None:
            parse_duration(value)
        return value
