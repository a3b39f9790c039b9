"""Addresses of files elsewhere: `s3://bucket/key`, `abfss://container@account...`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self

from hygge.core.errors import ConfigError
from hygge.core.secrets import redact

_URL = re.compile(r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]+)://(?P<authority>[^/]*)(?:/(?P<key>.*))?")


def scheme_of(path: str) -> str:
    """The scheme of a URL, in lower case; "" for a path."""
    found = _URL.fullmatch(path)
    return found["scheme"].lower() if found else ""


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
