"""Settings of tables that lie in folders or object stores."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from pydantic import Field, model_validator

from hygge.core.settings import Settings
from hygge.core.told import Told
from hygge.core.upkeep import Optimize
from hygge.files.parquet import Compression
from hygge.files.paths import PathText
from hygge.lake.parts import Shape, Sizes


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
    storage_options: Told = Field(
        default_factory=dict,
        description="What the object store's client is told beside what the connection says, by "
        "its own names",
        examples=[{"aws_conditional_put": "etag"}],
    )


LEAST_VACUUM = timedelta(days=1)
"""Vacuum removes what an unfinished load has written, too, once it is so old."""


class Filed(Settings):
    """How a table's files are written, and kept tidy."""

    partition_by: tuple[str, ...] = Field(
        default=(),
        description="Columns of which every file has one value: whole numbers, days, texts or "
        "truth values",
        examples=[["country"]],
    )
    compression: Compression = Field(default="zstd", description="Codec of the files' pages")
    part_rows: int = Field(default=1_000_000, ge=1, description="Rows of a full file")
    part_bytes: int = Field(
        default=64 << 20,
        ge=1 << 16,
        description="Bytes in memory, of all files begun, at which the largest is full; sooner, "
        "down to a quarter, where chunks or flows are written side by side",
    )

    optimize: Optimize = Field(
        default=Optimize(),
        description="Housekeeping after a load, when it is due",
        examples=[{"compact": "24h", "vacuum": "7d"}],
    )

    @model_validator(mode="after")
    def _old_enough(self) -> Self:
        age = self.optimize.vacuum_after
        if age is not None and age < LEAST_VACUUM:
            raise ValueError("`optimize.vacuum` must be at least 1d: loads under way need theirs")
        return self

    @property
    def shape(self) -> Shape:
        """The same as the writers take it."""
        return Shape(Sizes(self.part_rows, self.part_bytes), self.compression, self.partition_by)
