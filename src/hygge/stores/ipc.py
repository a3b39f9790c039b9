"""Arrow IPC files as a Store."""

from __future__ import annotations

from pydantic import Field

from hygge.core.terms import ABILITIES
from hygge.files.ipc import Compression, IPCFormat
from hygge.files.store import FileStore, FileStoreConfig


class IPCStoreConfig(FileStoreConfig):
    """Settings of an Arrow IPC Store."""

    compression: Compression = Field(default="zstd", description="Codec of the buffers")
    record_batch_rows: int = Field(
        default=65_536, ge=1, description="Rows a record batch has at most"
    )


class IPCStore(FileStore):
    """Settles into a folder of Arrow IPC files: `IPCStore("users", path="data/users")`."""

    Config = IPCStoreConfig
    config: IPCStoreConfig
    modes = ("replace", "append", "merge", "delete_insert", "scd2")
    abilities = frozenset(ABILITIES) - {"told"}
    extensions = ("arrow", "ipc", "feather")

    def form(self) -> IPCFormat:
        return IPCFormat(self.config.compression, self.config.record_batch_rows)
