"""Where a table of files lies: a local folder, or a URL of an object store with its options."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from hygge.core.secrets import Secret, redact
from hygge.files.paths import resolve, shown

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")


def is_url(path: str) -> bool:
    """Whether a path is an object store's URL; `file://` and what has no scheme are local."""
    return bool(_URL.match(path)) and not path.startswith("file://")


@dataclass(frozen=True)
class Place:
    """Where one table lies. It pickles.

    Parameters
    ----------
    address: an absolute path, or a URL without a slash at its end.
    options: what the object store needs, as its client names it (`AWS_REGION`).
    name: for people: a path relative to the project, or the URL; never a secret.
    """

    address: str
    options: Mapping[str, Secret] = field(default_factory=dict)
    name: str = ""

    @classmethod
    def of(cls, path: str, options: Mapping[str, Secret], root: Path) -> Place:
        """The place that a configured path names. Raises ConfigError for one that cannot be."""
        if is_url(path):
            address = path.rstrip("/")
            return cls(address, dict(options), redact(address))
        folder = resolve(path, root)
        # A table behind a link is loaded where the link leads.
        return cls(os.path.realpath(folder), dict(options), shown(folder, root))

    @property
    def local(self) -> Path | None:
        """The folder, where it is one of this machine."""
        return None if is_url(self.address) else Path(self.address)

    def revealed(self) -> dict[str, str]:
        """The options with their secrets. Raises ConfigError where a variable is not set."""
        return {name: secret.reveal() for name, secret in self.options.items()}

    def __str__(self) -> str:
        return self.name or self.address


def written(path: str) -> str:
    """A path as it goes into an identity: the same however it is spelled."""
    if is_url(path):
        return path.rstrip("/")
    return os.path.normpath(unquote(path.removeprefix("file://")))
