"""Addresses of files elsewhere: `s3://bucket/key`, `abfss://container@account...`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from hygge.core.errors import ConfigError
from hygge.core.secrets import redact

_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]+)://(?P<authority>[^/]*)(?:/(?P<key>.*))?")

_S3 = ("s3", "`access_key_id` and `secret_access_key`")
_GCS = ("gcs", "`service_account` or `service_account_key`")
_AZURE = ("azure", "`account_key` or `sas_token`")
_KEYS = {
    "s3": _S3, "s3a": _S3, "gs": _GCS, "gcs": _GCS, "sftp": ("sftp", "`user` and `password`"),
    **dict.fromkeys(("az", "abfss", "abfs", "azure", "adl"), _AZURE),
}  # fmt: skip
"""Which connection takes the credentials, and as which settings, by a URL's scheme."""


def scheme_of(path: str) -> str:
    """The scheme of a URL, in lower case; "" for a path."""
    found = _URL.fullmatch(path)
    return found["scheme"].lower() if found else ""


def credentials_in(url: str) -> str:
    """The settings of a connection that what stands before the `@` of a URL belongs into; "" where
    that is no secret: SFTP's may name a user, Azure's names a container."""
    found = _URL.fullmatch(url)
    if found is None or (scheme := found["scheme"].lower()) not in _KEYS:
        return ""
    kind, keys = _KEYS[scheme]
    who, at, _ = found["authority"].rpartition("@")
    # A secret with a `/` in it ends what looks like the bucket, in whose name no colon can be.
    cut = kind != "sftp" and ":" in found["authority"] and "@" in (found["key"] or "")
    return keys if cut or (at and (":" in who or kind in ("s3", "gcs"))) else ""


@dataclass(frozen=True, slots=True)
class Address:
    """A bucket, a container or a server, and the name of an object or folder in it.

    Parameters
    ----------
    scheme: in lower case.
    authority: what stands before the first single slash, e.g. the bucket.
    key: what follows it, without a slash at either end; "" for the whole bucket.
    """

    scheme: str
    authority: str
    key: str = ""

    @classmethod
    def parse(cls, url: str) -> Self:
        """Read a URL. Raises ConfigError for one that names no bucket, or leads out of it."""
        found = _URL.fullmatch(url)
        if found is None or not found["authority"]:
            raise ConfigError(f"'{redact(url)}' names no bucket", hint="e.g. s3://bucket/folder")
        if "?" in url or "#" in url:
            raise ConfigError(
                f"'{redact(url)}' has a '?' or a '#' in it, which no name of an object may have",
                hint="settings go under `connections:`",
            )
        if keys := credentials_in(url):
            kind = _KEYS[found["scheme"].lower()][0]
            raise ConfigError(
                f"'{found['scheme']}://***@{url.rpartition('@')[2]}' has credentials in it, and an "
                "address is shown",
                hint=f"write them as {keys} of a connection of `type: {kind}` under "
                "`connections:`, and `connection:` with its name beside the path",
            )
        return cls(found["scheme"].lower(), found["authority"], _key(found["key"] or ""))

    def join(self, path: str) -> Self:
        """The address of a path below this one."""
        return type(self)(self.scheme, self.authority, _key(f"{self.key}/{path}"))

    def at(self, key: str) -> Self:
        """The address of another key in the same bucket."""
        return type(self)(self.scheme, self.authority, key)

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}/{self.key}".removesuffix("/")


def _key(text: str) -> str:
    parts = [part for part in text.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ConfigError(f"'{redact(text)}' leads upwards", hint="write the path without '..'")
    if any("\0" in part for part in parts):
        raise ConfigError("a path cannot have a NUL in it")
    return "/".join(parts)
