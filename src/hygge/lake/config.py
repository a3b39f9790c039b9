"""Settings of tables that lie in folders or object stores."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from hygge.core.secrets import Secret
from hygge.core.settings import Settings
from hygge.core.watermark import parse_duration
from hygge.files.paths import PathText


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        parse_duration(value)
    return value


Duration = Annotated[str, BeforeValidator(_duration)]
"""A duration as text, e.g. `24h`; checked when the settings are."""


class Located(Settings):
    """Where a table lies."""

    path: PathText = Field(
        default="",
        description="The table's folder, or a URL (`s3://bucket/users`); `data/<name>` without it. "
        "With entities it is the parent of theirs",
        examples=["lake/users"],
    )
    storage_options: Mapping[str, Secret] = Field(
        default_factory=dict,
        description="What the object store's client needs, by its own names",
        examples=[{"AWS_REGION": "eu-north-1"}],
    )


class Optimize(Settings):
    """When housekeeping is due, after a load."""

    compact: Duration | None = Field(
        default=None, description="How often small files are joined", examples=["24h"]
    )
    vacuum: Duration | None = Field(
        default=None,
        description="Files that no version younger than this needs are removed, once a day; at "
        "least a day",
        examples=["7d"],
    )

    def every(self, what: str) -> timedelta | None:
        """One of them as a duration; None for never."""
        text = getattr(self, what)
        return None if text is None else parse_duration(text)
