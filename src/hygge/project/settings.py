"""The settings of an entity.

This model is the only source for validation, reference pages and JSON Schema. A value of null
takes back what an earlier layer set; but for `on_bad_value`, whose `null` means what it says,
quoted or not, and of which an empty value does that.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PlainValidator, field_validator

from hygge.core.settings import TypeText
from hygge.core.sift import Policy
from hygge.core.state import Mode
from hygge.core.terms import LOADED_AT, RUN_ID
from hygge.project.mappings import Deletions as Deletions
from hygge.project.mappings import Forgiving as Forgiving
from hygge.project.mappings import History as History
from hygge.project.mappings import Incremental as Incremental


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


def _chunks(value: Any) -> int | Literal["auto", "off"]:
    if value == "auto" or value == "off":
        return "auto" if value == "auto" else "off"
    number = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,9}", value) else value
    if isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= 1024:
        return number
    raise ValueError("write auto, off, or a number of slices from 1 to 1024")


_LATEST = re.compile(r"latest\s+by\s+(?P<column>\S.*)", re.IGNORECASE)


def _deduplicate(value: Any) -> str | None:
    if value is None:
        return None
    found = _LATEST.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write `latest by COLUMN`")
    return str(value).strip()


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
    deduplicate: Annotated[str | None, PlainValidator(_deduplicate, json_schema_input_type=str)] = (
        Field(
            default=None,
            description="`latest by COLUMN`: of rows with the same key, the one with the greatest "
            "value of this source column counts, whether it is held already or comes",
            examples=["latest by updated_at"],
        )
    )
    delete_by: Literal["key", "window"] = Field(
        default="key",
        description="What `mode: delete_insert` takes out before it puts in what comes: the rows "
        "whose key comes, or all that lie in the window which was read",
        examples=["window"],
    )
    scd2: History = Field(
        default_factory=History,
        description="The columns that `mode: scd2` adds",
        examples=[{"current": "is_current"}],
    )
    deletes: Deletions | None = Field(
        default=None,
        description="What becomes of rows that are gone at the source. By default they stay; in "
        "mode `scd2`, full reads close them",
        examples=[{"mode": "soft", "find": "keys", "every": "24h"}],
    )
    deleted_when: str | None = Field(
        default=None,
        min_length=1,
        description="A condition in SQL, over source columns that are moved, for rows that count "
        "as deleted though they come. They are dealt with as `deletes` says",
        examples=["is_deleted = 1", "status = 'void'"],
    )
    load_columns: bool = Field(
        default=False,
        description=f"Add `{LOADED_AT}` and `{RUN_ID}`: when each row was loaded, and by which run",
        examples=[True],
    )
    name_case: Literal["keep", "snake", "lower"] = Field(
        default="keep",
        description="How columns without a `rename` are named: as at the source, in snake_case, "
        "or in lower case",
        examples=["snake"],
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
        "the value becomes NULL (`null` needs no quotes), or its row is set aside under "
        "`.hygge/quarantine`",
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
    def latest(self) -> str:
        """The source column of `deduplicate`; "" for none."""
        found = _LATEST.fullmatch(self.deduplicate) if self.deduplicate else None
        return found["column"] if found else ""

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
