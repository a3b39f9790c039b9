"""What connections to object stores have in common."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pydantic import Field, field_validator

from hygge.core.durations import parse_duration
from hygge.core.errors import ConnectError, MissingDriver
from hygge.core.secrets import redact
from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection
from hygge.storage.tree import Tree

if TYPE_CHECKING:
    from obstore.store import ObjectStore

RETRIES = 5
"""Of one request, by object_store, which waits a little longer each time."""
PATIENCE = timedelta(minutes=1)
"""How long it tries again at all."""


class CloudConnection(StorageConnection):
    """An object store, reached by obstore."""

    timeout: str = Field(
        default="2m", description="How long one request may take", examples=["10m"]
    )

    @field_validator("timeout")
    @classmethod
    def _duration(cls, text: str) -> str:
        if not parse_duration(text):
            raise ValueError("a request needs some time")
        return text

    @property
    def _plain(self) -> bool:
        """Whether the endpoint given is one without TLS."""
        return (self._endpoint or "").startswith("http://")

    @property
    def _endpoint(self) -> str | None:
        """The address of a server other than the cloud's own; None for that."""
        found: str | None = getattr(self, "endpoint", None)
        return found

    @abstractmethod
    def _open(self, address: Address, **common: Any) -> ObjectStore:
        """obstore's store of a bucket or container."""

    def _remover(self, address: Address) -> Callable[[str], None] | None:
        """What removes one file of a bucket, where obstore cannot."""
        return None

    @abstractmethod
    def _options(self, address: Address) -> dict[str, str]:
        """Settings and credentials, named as object_store names them."""

    def connect(self, address: Address) -> Tree:
        try:
            from hygge.storage.objects import ObjectTree
        except ModuleNotFoundError as error:
            raise MissingDriver("obstore", self.kind) from error
        client: dict[str, Any] = {"timeout": parse_duration(self.timeout)}
        if self._plain:
            client["allow_http"] = True
        retry: Any = {"max_retries": RETRIES, "retry_timeout": PATIENCE}
        try:
            store = self._open(address, client_options=client, retry_config=retry)
        except (ValueError, OSError) as error:
            raise ConnectError(f"{address}: {redact(str(error)).splitlines()[0]}") from error
        return ObjectTree(store, address, self._remover(address))

    def storage_options(self, address: Address) -> dict[str, str]:
        options = self._options(address)
        seconds = parse_duration(self.timeout).total_seconds()
        options["timeout"] = f"{seconds:.0f}s"
        if self._plain:
            options["allow_http"] = "true"
        return options
