"""The settings of an entity as keywords in Python, for type checkers; `settings` validates them.

A test holds the two together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

from hygge.core.fields import LogicalType
from hygge.core.names import Case
from hygge.core.sift import Policy
from hygge.core.state import Mode


class FlowSettings(TypedDict, total=False):
    """The keywords that `Flow` takes beside its own: what `EntitySettings` says of each. None is as
    good as not given."""

    key_column: str | Sequence[str] | None
    mode: Mode | None
    deduplicate: str | None
    delete_by: Literal["key", "window"] | None
    scd2: Mapping[str, Any] | None
    deletes: str | Mapping[str, Any] | None
    deleted_when: str | None
    load_columns: bool | None
    name_case: Case | None
    incremental: Mapping[str, Any] | None
    columns: Sequence[str] | None
    rename: Mapping[str, str] | None
    cast: Mapping[str, str | LogicalType] | None
    batch_size: int | None
    chunks: int | Literal["auto", "off"] | None
    on_bad_value: Policy | None
    retries: int | None
    full_append: bool | None
    allow_empty: bool | None
    max_shrink: float | None
    tags: str | Sequence[str] | None
    enabled: bool | None
