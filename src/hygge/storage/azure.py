"""Connections to Azure Blob Storage, ADLS Gen2 and OneLake."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from hygge.core.durations import parse_duration
from hygge.core.errors import ConnectError, MissingDriver
from hygge.core.secrets import Secret, redact
from hygge.storage.address import Address
from hygge.storage.cloud import CloudConnection
from hygge.storage.onelake import Remover, is_fabric

if TYPE_CHECKING:
    from obstore.store import ObjectStore

Auth = Literal["default", "managed_identity", "azure_cli", "service_principal", "interactive"]
SCOPE = "https://storage.azure.com/.default"
"""https://learn.microsoft.com/azure/storage/blobs/authorize-access-azure-active-directory"""
_TOKEN = "AZURE_STORAGE_TOKEN"  # noqa: S105 - the name of a variable
_SIGNATURES = ("AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN")
_KEYS = ("AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY",
         _TOKEN, *_SIGNATURES)  # fmt: skip
"""Where object_store finds a key by itself."""


def _found(*names: str) -> str:
    """The first of some environment variables that is set; "" where none is."""
    return next((os.environ[name] for name in names if os.environ.get(name)), "")


class AzureConnection(CloudConnection):
    """A container of Azure Storage: `{type: azure, account: mylake, url: az://landing}`, or with
    the account in its URL, `abfss://landing@mylake.dfs.core.windows.net`. Without a key, an
    identity of Microsoft Entra ID is taken, as `auth` says."""

    kind: ClassVar[str] = "azure"
    schemes: ClassVar[tuple[str, ...]] = ("az", "abfss", "abfs", "azure", "adl")

    account: str | None = Field(
        default=None, description="The storage account, where the URL does not name it",
        examples=["mylake"],
    )  # fmt: skip
    auth: Auth | None = Field(
        default=None,
        description="An identity of Entra ID; without a key it is `default`: the first that the "
        "environment has",
        examples=["managed_identity"],
    )
    account_key: Secret | None = Field(
        default=None, description="The account's key, instead of `auth`", examples=["${LAKE_KEY}"]
    )
    sas_token: Secret | None = Field(
        default=None, description="A shared access signature, instead of `auth`",
        examples=["${LAKE_SAS}"],
    )  # fmt: skip
    client_id: str | None = Field(
        default=None,
        description="The application of a service principal, or a user-assigned managed identity",
    )
    client_secret: Secret | None = Field(
        default=None, description="A service principal's secret", examples=["${CLIENT_SECRET}"]
    )
    tenant_id: str | None = Field(default=None, description="The tenant of a service principal")
    endpoint: str | None = Field(
        default=None,
        description="The address of an emulator, or of a cloud of its own",
        examples=["http://127.0.0.1:10000/devstoreaccount1"],
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = [n for n in ("auth", "account_key", "sas_token") if getattr(self, n) is not None]
        if len(ways) > 1:
            raise ValueError(f"`{ways[0]}` and `{ways[1]}` exclude each other")
        whole = self.tenant_id and self.client_id and self.client_secret
        if self.auth == "service_principal" and not whole:
            raise ValueError(
                "`auth: service_principal` needs `tenant_id`, `client_id` and `client_secret`"
            )
        useless = {
            "client_id": self.auth not in ("service_principal", "managed_identity"),
            "client_secret": self.auth != "service_principal",
            "tenant_id": self.auth not in ("service_principal", "azure_cli", "interactive"),
        }
        for name, unused in useless.items():
            if unused and getattr(self, name) is not None:
                raise ValueError(f"`{name}` is of no use with `auth: {self.auth or 'default'}`")
        return self

    def _place(self, address: Address) -> dict[str, str]:
        """Container and account, named as object_store names them."""
        container, _, host = address.authority.partition("@")
        account = host.partition(".")[0] or self.account
        config = {"azure_container_name": container}
        if account:
            config["azure_storage_account_name"] = account
        if is_fabric(host):
            config["azure_use_fabric_endpoint"] = "true"
        if self.endpoint:
            config["azure_storage_endpoint"] = self.endpoint
        return config

    def _key(self) -> dict[str, str]:
        if self.account_key is not None:
            return {"azure_storage_account_key": self.account_key.reveal()}
        if self.sas_token is not None:
            return {"azure_storage_sas_key": self.sas_token.reveal().removeprefix("?")}
        return {}

    def _by_token(self) -> bool:
        """Whether Entra ID's tokens are to be asked for; else there is a key."""
        given = self.account_key is not None or self.sas_token is not None
        return not given and (self.auth is not None or not any(os.environ.get(n) for n in _KEYS))

    def credential(self) -> Any:
        """The credential of azure-identity that `auth` means. Raises MissingDriver.

        https://learn.microsoft.com/python/api/azure-identity/azure.identity
        """
        try:
            import azure.identity as identity
        except ModuleNotFoundError as error:
            raise MissingDriver("azure-identity", "azure") from error
        if self.auth == "service_principal":
            assert self.tenant_id and self.client_id and self.client_secret  # validated
            secret = self.client_secret.reveal()
            return identity.ClientSecretCredential(self.tenant_id, self.client_id, secret)
        if self.auth == "managed_identity":
            return identity.ManagedIdentityCredential(client_id=self.client_id)
        if self.auth == "azure_cli":
            return identity.AzureCliCredential(tenant_id=self.tenant_id or "")
        if self.auth == "interactive":
            named = {"tenant_id": self.tenant_id} if self.tenant_id else {}
            return identity.InteractiveBrowserCredential(**named)
        return identity.DefaultAzureCredential()

    def _tokens(self) -> Callable[[], dict[str, Any]]:
        """A call that gives a token and when it ends."""
        credential = self.credential()

        def fetch() -> dict[str, Any]:
            try:
                token = credential.get_token(SCOPE)
            except Exception as error:  # azure-core's, which may not be installed to be named
                raise ConnectError(
                    f"Entra ID gave no token with `auth: {self.auth or 'default'}`: "
                    f"{redact(str(error)).strip().splitlines()[0]}",
                    hint="log in, give the identity a role on the storage account, or set a key",
                ) from error
            return {"token": token.token,
                    "expires_at": datetime.fromtimestamp(token.expires_on, UTC)}  # fmt: skip

        return fetch

    def _open(self, address: Address, **common: Any) -> ObjectStore:
        from obstore.store import AzureStore

        config: Any = {**self._place(address), **self._key()}
        tokens: Any = self._tokens() if self._by_token() else None
        return AzureStore(config=config, credential_provider=tokens, **common)

    def _remover(self, address: Address) -> Remover | None:
        place = self._place(address)
        if "azure_use_fabric_endpoint" not in place:
            return None
        account, container = place["azure_storage_account_name"], place["azure_container_name"]
        url = (self.endpoint or f"https://{account}.blob.fabric.microsoft.com").rstrip("/")
        signature = self.sas_token.reveal() if self.sas_token is not None else _found(*_SIGNATURES)
        tokens: Callable[[], dict[str, Any]] | None = None
        if self._by_token():
            tokens = self._tokens()
        elif not signature and (token := _found(_TOKEN)):
            tokens = partial(dict, token=token, expires_at=datetime.max.replace(tzinfo=UTC))
        seconds = parse_duration(self.timeout).total_seconds()
        return Remover(f"{url}/{quote(container)}", tokens, signature.removeprefix("?"), seconds)

    def _options(self, address: Address) -> dict[str, str]:
        options = {**self._place(address), **self._key()}
        if self._by_token():
            options["azure_storage_token"] = self._tokens()()["token"]
        return options
