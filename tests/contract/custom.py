"""The one-method connectors that the suites are run over, as an author would write them."""

from __future__ import annotations

import os
import uuid
from collections.abc import AsyncIterator
from typing import Any

import polars as pl
from pydantic import Field

from hygge import Home, HomeConfig, Store, StoreConfig


class ArrowFileHome(Home):
    """Reads one Arrow file."""

    class Config(HomeConfig):
        url: str = Field(description="Where the rows are", examples=["data.arrow"])

    config: Config

    async def read_batches(self) -> AsyncIterator[pl.DataFrame]:
        yield pl.read_ipc(self.config.url)


class DeclaringHome(ArrowFileHome):
    """The same with its fields declared, and in small batches."""

    def fields(self) -> Any:
        return pl.read_ipc_schema(self.config.url)

    async def read_batches(self) -> AsyncIterator[pl.DataFrame]:
        frame = pl.read_ipc(self.config.url)
        for batch in frame.iter_slices(3):
            yield batch


class ArrowFileStore(Store):
    """Writes every frame to a file of its own."""

    class Config(StoreConfig):
        folder: str = Field(description="Where the files go", examples=["data/out"])

    config: Config

    async def write(self, df: pl.DataFrame) -> None:
        os.makedirs(self.config.folder, exist_ok=True)
        df.write_ipc(f"{self.config.folder}/{uuid.uuid4().hex}.arrow")
