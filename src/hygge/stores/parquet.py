"""Parquet files as a Store."""

from __future__ import annotations

from pydantic import Field

from hygge.core.terms import ABILITIES
from hygge.files.parquet import ROW_GROUP_ROWS, Compression, ParquetFormat
from hygge.files.store import FileStore, FileStoreConfig


class ParquetStoreConfig(FileStoreConfig):
    """Settings of a Parquet Store."""

    compression: Compression = Field(default="zstd", description="Codec of the pages")
    compression_level: int | None = Field(
        default=None,
        description="The codec's level; without it 1 for zstd, its own for others",
        examples=[3],
    )
    row_group_rows: int | None = Field(
        default=ROW_GROUP_ROWS,
        ge=1,
        description="Rows a row group has at most; with null each file is one row group, "
        "all of which is held in memory until it is written",
    )


class ParquetStore(FileStore):
    """Settles into a folder of Parquet files: `ParquetStore("users", path="data/users")`."""

    Config = ParquetStoreConfig
    config: ParquetStoreConfig
    modes = ("replace", "append", "merge", "delete_insert", "scd2")
    abilities = frozenset(ABILITIES) - {"told"}
    extensions = ("parquet", "pq")

    def form(self) -> ParquetFormat:
        c = self.config
        return ParquetFormat(c.compression, c.compression_level, c.row_group_rows)
