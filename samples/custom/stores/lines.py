"""A Store of one's own: it adds lines to a file."""

import polars as pl
from pydantic import Field

from hygge import Store, StoreConfig


class LinesStore(Store):
    """JSON objects, one on each line of one file."""

    class Config(StoreConfig):
        file: str = Field(description="The file", examples=["readings.ndjson"])

    config: Config

    def write(self, df: pl.DataFrame) -> None:
        with open(self.config.file, "ab") as file:
            df.write_ndjson(file)
