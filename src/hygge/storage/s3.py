"""Connections to S3, and to what speaks its language (MinIO, R2, Ceph)."""

from __future__ import annotations

import os
from datetime import UTC
from typing import TYPE_CHECKING, Any, ClassVar, Self

from pydantic import Field, model_validator

from hygge.core.errors import ConnectError
from hygge.core.secrets import Secret
from hygge.storage.address import Address
from hygge.storage.cloud import CloudConnection

if TYPE_CHECKING:
    from obstore.store import ObjectStore


class S3Connection(CloudConnection):
    """A bucket of S3: `{type: s3, url: s3://my-bucket}`. Without a key, credentials come from where
    AWS's own tools find them: the environment, profiles, single sign-on, the machine's role."""

    kind: ClassVar[str] = "s3"
    schemes: ClassVar[tuple[str, ...]] = ("s3", "s3a")

    region: str | None = Field(
        default=None, description="The bucket's region; the chain's if left out",
        examples=["eu-west-1"],
    )  # fmt: skip
    profile: str | None = Field(
        default=None, description="A profile of ~/.aws/config", examples=["analytics"]
    )
    access_key_id: str | None = Field(
        default=None, description="A key, instead of the chain", examples=["${LAKE_KEY_ID}"]
    )
    secret_access_key: Secret | None = Field(
        default=None, description="The key's secret", examples=["${LAKE_SECRET}"]
    )
    session_token: Secret | None = Field(
        default=None, description="The token of a temporary key", examples=["${LAKE_TOKEN}"]
    )
    endpoint: str | None = Field(
        default=None,
        description="The address of a server that speaks S3 and is not AWS's",
        examples=["https://minio.example.com"],
    )
    virtual_hosted: bool = Field(
        default=False, description="Whether the bucket's name is part of the host's"
    )

    @model_validator(mode="after")
    def _whole_key(self) -> Self:
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("`access_key_id` and `secret_access_key` go together")
        if self.profile is not None and self.access_key_id is not None:
            raise ValueError("`profile` and `access_key_id` exclude each other")
        return self

    @property
    def _endpoint(self) -> str | None:
        of_s3, of_all = (os.environ.get(f"AWS_ENDPOINT_URL{which}") for which in ("_S3", ""))
        return self.endpoint or of_s3 or of_all or None

    def _config(self) -> dict[str, str]:
        """Settings that are no credentials, named as object_store names them."""
        region = self.region or os.environ.get("AWS_REGION") or self._chain_region()
        config = {"aws_region": region} if region else {}
        if endpoint := self._endpoint:
            config["aws_endpoint_url"] = endpoint
        if self.virtual_hosted:
            config["aws_virtual_hosted_style_request"] = "true"
        return config

    def _key(self) -> dict[str, str]:
        if self.access_key_id is None or self.secret_access_key is None:
            return {}
        key = {"aws_access_key_id": self.access_key_id,
               "aws_secret_access_key": self.secret_access_key.reveal()}  # fmt: skip
        if self.session_token is not None:
            key["aws_session_token"] = self.session_token.reveal()
        return key

    def _chain(self) -> Any:
        """AWS's own chain, where botocore is installed and the environment has no key; else None:
        object_store looks into the environment and asks the machine's role by itself."""
        if self.profile is None and "AWS_ACCESS_KEY_ID" in os.environ:
            return None
        try:
            from botocore.session import Session
        except ModuleNotFoundError:
            return None
        return Session(profile=self.profile)

    def _chain_region(self) -> str | None:
        chain = self._chain()
        if chain is None:
            return None
        from botocore.exceptions import ProfileNotFound

        try:
            return chain.get_config_variable("region")  # type: ignore[no-any-return]
        except ProfileNotFound:
            raise ConnectError(
                f"there is no profile '{self.profile}' in AWS's configuration",
                hint="aws configure list-profiles",
            ) from None

    def _open(self, address: Address, **common: Any) -> ObjectStore:
        from obstore.store import S3Store

        config: Any = {**self._config(), **self._key()}
        provider = None if self._key() else self._provider()
        return S3Store(address.authority, config=config, credential_provider=provider, **common)

    def _provider(self) -> Any:
        chain = self._chain()
        found = chain.get_credentials() if chain is not None else None
        if found is None:
            return None

        def fetch() -> dict[str, Any]:
            now = found.get_frozen_credentials()  # which renews what is about to end
            expires = getattr(found, "_expiry_time", None)
            return {"access_key_id": now.access_key, "secret_access_key": now.secret_key,
                    "token": now.token,
                    "expires_at": expires and expires.astimezone(UTC)}  # fmt: skip

        return fetch

    def _options(self, address: Address) -> dict[str, str]:
        options = {**self._config(), **self._key()}
        if not self._key() and (provider := self._provider()):
            now = provider()
            options |= {"aws_access_key_id": now["access_key_id"],
                        "aws_secret_access_key": now["secret_access_key"]}  # fmt: skip
            if now["token"]:
                options["aws_session_token"] = now["token"]
        return options
