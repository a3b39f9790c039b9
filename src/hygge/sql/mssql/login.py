"""Who connects to SQL Server: a login of its own, Kerberos, or an identity of Entra ID."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret

Auth = Literal[
    "default", "managed_identity", "azure_cli", "service_principal", "interactive", "sql", "windows"
]

_KEYWORDS = {
    "default": "ActiveDirectoryDefault", "managed_identity": "ActiveDirectoryMsi",
    "service_principal": "ActiveDirectoryServicePrincipal",
    "interactive": "ActiveDirectoryInteractive",
}  # fmt: skip
"""https://learn.microsoft.com/sql/connect/odbc/using-azure-active-directory"""
_OF_USERS = ("sql", "interactive")


@dataclass(frozen=True, slots=True)
class Login:
    """Who connects, and by what. Tokens are asked for anew with each connection that is opened, so
    that none is too old in a long run."""

    auth: Auth
    user: str | None = None
    password: Secret | None = None
    client_id: str | None = None
    client_secret: Secret | None = None
    tenant_id: str | None = None
    certificate: str | None = None
    certificate_password: Secret | None = None

    def check(self) -> None:
        """Raise ValueError where something is missing, or of no use."""
        auth = self.auth
        wanted = {
            "sql": ("user", "password"),
            "service_principal": ("client_id", "tenant_id") if self.certificate else
            ("client_id", "client_secret"),
        }.get(auth, ())  # fmt: skip
        missing = [name for name in wanted if getattr(self, name) is None]
        if missing:
            raise ValueError(f"`auth: {auth}` needs {' and '.join(f'`{n}`' for n in missing)}")
        useless = {
            "user": auth not in _OF_USERS, "password": auth != "sql",
            "client_id": auth not in ("service_principal", "managed_identity"),
            "client_secret": auth != "service_principal",
            "certificate": auth != "service_principal",
            "certificate_password": not self.certificate,
            "tenant_id": auth not in ("service_principal", "azure_cli"),
        }  # fmt: skip
        for name, unused in useless.items():
            if unused and getattr(self, name) is not None:
                raise ValueError(f"`{name}` is of no use with `auth: {auth}`")
        if self.certificate and self.client_secret is not None:
            raise ValueError("`certificate` and `client_secret` exclude each other")

    def check_odbc(self) -> None:
        """Raise ValueError for what an ODBC driver itself cannot do."""
        if self.auth in ("default", "azure_cli") or self.certificate:
            what = "`certificate`" if self.certificate else f"`auth: {self.auth}`"
            raise ValueError(
                f"with `driver: odbc` there is no {what}: the driver takes no token; there are "
                "`user` and `password`, `windows`, `interactive`, `managed_identity` and "
                "`service_principal` with a `client_secret`"
            )
        if self.tenant_id is not None:
            raise ValueError("`tenant_id` is of no use with `driver: odbc`: it is the server's")

    @property
    def by_token(self) -> bool:
        """Whether `credential` gives the token, since the driver has no word for it."""
        return self.auth == "azure_cli" or bool(self.auth == "service_principal" and self.tenant_id)

    def keys(self) -> dict[str, str]:
        """What the driver is told of it, secrets revealed."""
        if self.by_token:
            return {}
        if self.auth == "windows":
            return {"Trusted_Connection": "yes"}
        names = {} if self.auth == "sql" else {"Authentication": _KEYWORDS[self.auth]}
        user = self.user or self.client_id
        secret = self.password or self.client_secret
        if user:
            names["UID"] = user
        if secret:
            names["PWD"] = secret.reveal()
        return names

    def credential(self) -> Any:
        """The credential of azure-identity that gives tokens, where `by_token`. Raises ConfigError
        for a certificate that cannot be read.

        https://learn.microsoft.com/python/api/azure-identity/azure.identity
        """
        from azure.identity import (
            AzureCliCredential,
            CertificateCredential,
            ClientSecretCredential,
        )

        if self.auth == "azure_cli":
            return AzureCliCredential(tenant_id=self.tenant_id or "")
        if self.certificate:
            locked = self.certificate_password
            try:
                return CertificateCredential(
                    self.tenant_id or "", self.client_id or "", self.certificate,
                    password=locked.reveal() if locked else None,
                )  # fmt: skip
            except (OSError, ValueError, TypeError) as error:
                raise ConfigError(
                    f"`certificate` {self.certificate} cannot be read: {error}",
                    hint="it is a file in PEM or PKCS12 form that has the private key too; "
                    "`certificate_password` opens it where it is locked",
                ) from None
        assert self.client_secret is not None  # checked
        secret = self.client_secret.reveal()
        return ClientSecretCredential(self.tenant_id or "", self.client_id or "", secret)

    def words(self) -> str:
        """It in words, for errors; no secret."""
        who = self.user or self.client_id
        by = " with a certificate" if self.certificate else ""
        return f"`auth: {self.auth}`" + (f" as '{who}'" if who else "") + by
