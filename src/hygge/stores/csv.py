"""CSV files as a Store."""

from __future__ import annotations

from pydantic import Field

from hygge.files.delimited import CSVFormat
from hygge.files.store import FileStore, FileStoreConfig


class CSVStoreConfig(FileStoreConfig):
    """Settings of a CSV Store."""

    delimiter: str = Field(
        default=",", min_length=1, max_length=1, description="Between values", examples=[";"]
    )
    quote: str = Field(
        default='"', min_length=1, max_length=1, description="Around values that need it"
    )
    header: bool = Field(
        default=True, description="Whether each file begins with the columns' names"
    )


class CSVStore(FileStore):
    """Settles into a folder of CSV files: `CSVStore("users", path="data/users")`."""

    Config = CSVStoreConfig
    config: CSVStoreConfig
    extensions = ("csv", "tsv", "txt")

    def form(self) -> CSVFormat:
        return CSVFormat(self.config.delimiter, self.config.quote, self.config.header)
