"""NDJSON files as a Store."""

from __future__ import annotations

from hygge.files.ndjson import NDJSONFormat
from hygge.files.store import FileStore, FileStoreConfig


class NDJSONStoreConfig(FileStoreConfig):
    """Settings of an NDJSON Store."""


class NDJSONStore(FileStore):
    """Settles into a folder of newline-delimited JSON: `NDJSONStore("events")`."""

    Config = NDJSONStoreConfig
    config: NDJSONStoreConfig
    extensions = ("ndjson", "jsonl", "json")

    def form(self) -> NDJSONFormat:
        return NDJSONFormat()
