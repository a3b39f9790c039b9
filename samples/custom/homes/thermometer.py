"""A Home of one's own: readings that are made up on the spot."""

from collections.abc import AsyncIterator

import polars as pl
from pydantic import Field

from hygge import Home, HomeConfig


class ThermometerHome(Home):
    """One reading a day."""

    class Config(HomeConfig):
        days: int = Field(default=7, ge=0, description="How many days", examples=[3])

    config: Config

    def fields(self) -> dict[str, str]:
        return {"day": "int64", "degrees": "decimal(4,1)"}

    async def read_batches(self) -> AsyncIterator[pl.DataFrame]:
        for day in range(1, self.config.days + 1):
            yield pl.DataFrame({"day": [day], "degrees": [20 + day / 2]})
