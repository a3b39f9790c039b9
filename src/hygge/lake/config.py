"""Settings of tables that lie in folders or object stores."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from hygge.core.secrets import Secret
from hygge.core.settings import Settings
from hygge.files.paths import PathText


class Located(Settings):
    """Where a table lies."""

    path: PathText = Field(
        default="",
        description="The table's folder, or a URL (`s3://bucket/users`); `data/<name>` without it. "
        "With entities it is the parent of theirs",
        examples=["lake/users"],
    )
    connection: str | None = Field(
        default=None,
        description="A connection to an object store, from whose `url` the path starts",
        examples=["lake"],
    )
    storage_options: Mapping[str, Secret] = Field(
        default_factory=dict,
        description="What the object store's client is told beside what the connection says, by "
        "its own names",
        examples=[{"aws_conditional_put": "etag"}],
    )
