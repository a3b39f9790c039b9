"""Stores of databases that spread a table's rows over parts by the hash of some columns.

Such parts are all there when the table is made, whatever rows come later; parts by ranges of values
would have to be made ahead of their rows, load by load.
"""

from __future__ import annotations

from typing import Any, Self

from pydantic import Field, model_validator

from hygge.sql.settle.store import ServerStore, ServerStoreConfig


class PartitionedStoreConfig(ServerStoreConfig):
    """Settings of a Store whose tables may be partitioned."""

    partition_by: tuple[str, ...] = Field(
        default=(),
        description="The columns by whose hash a table that is made is partitioned; those of its "
        "key, or some of them, where it has one",
        examples=[["customer_id"]],
    )
    partitions: int = Field(
        default=8, ge=2, le=1024, description="How many partitions it is then to have"
    )

    @model_validator(mode="after")
    def _parts_of_something(self) -> Self:
        if "partitions" in self.model_fields_set and not self.partition_by:
            raise ValueError("`partitions` is of no use without `partition_by`")
        return self


class PartitionedStore(ServerStore, type=""):
    """A Store whose tables may be partitioned."""

    Config = PartitionedStoreConfig
    config: PartitionedStoreConfig

    def shape(self) -> dict[str, Any]:
        by = self.config.partition_by
        return {**super().shape(), "partition_by": by, "partitions": self.config.partitions}
