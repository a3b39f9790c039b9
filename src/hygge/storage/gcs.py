"""Connections to Google Cloud Storage."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.secrets import Secret
from hygge.storage.address import Address
from hygge.storage.cloud import CloudConnection

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class GCSConnection(CloudConnection):
    """A bucket of Google Cloud Storage: `{type: gcs, url: gs://my-bucket}`. Without a key, the
    application default credentials are taken: `GOOGLE_APPLICATION_CREDENTIALS`, what
    `gcloud auth application-default login` left, or the machine's own account."""

    kind: ClassVar[str] = "gcs"
    schemes: ClassVar[tuple[str, ...]] = ("gs", "gcs")

    service_account: str | None = Field(
        default=None, description="A file with a service account's key",
        examples=["secrets/lake.json"],
    )  # fmt: skip
    service_account_key: Secret | None = Field(
        default=None, description="The same, as its JSON", examples=["${LAKE_ACCOUNT}"]
    )
    endpoint: str | None = Field(
        default=None, description="The address of an emulator, which asks for no credentials",
        examples=["http://localhost:4443"],
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        given = [n for n in ("service_account", "service_account_key", "endpoint")
                 if getattr(self, n) is not None]  # fmt: skip
        if len(given) > 1:
            raise ValueError(f"`{given[0]}` and `{given[1]}` exclude each other")
        return self

    def bind(self, root: Path) -> Self:
        if self.service_account is None:
            return self
        file = str(root / Path(self.service_account).expanduser())
        return self.model_copy(update={"service_account": file})

    def _options(self, address: Address) -> dict[str, str]:
        if self.service_account is not None:
            return {"google_service_account": self.service_account}
        if self.service_account_key is not None:
            return {"google_service_account_key": self.service_account_key.reveal()}
        if self.endpoint is not None:
            nobody = {"gcs_base_url": self.endpoint, "disable_oauth": True, "client_email": "",
                      "private_key": "", "private_key_id": ""}  # fmt: skip
            return {"google_service_account_key": json.dumps(nobody)}
        return {}

    def _open(self, address: Address, **common: Any) -> ObjectStore:
        from obstore.store import GCSStore

        config: Any = self._options(address)
        return GCSStore(address.authority, config=config, **common)
