"""Where a table of files lies: a local folder, or an address in an object store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import unquote

from hygge.core.context import Surroundings
from hygge.core.secrets import Secret
from hygge.core.told import revealed
from hygge.files.paths import resolve, shown
from hygge.lake.shelf import Branch, Folder, Shelf
from hygge.storage.address import Address, scheme_of
from hygge.storage.connection import StorageConnection, is_remote, located, tree_of

_SCHEMES = {"az": "abfss", "azure": "abfss", "adl": "abfss", "s3a": "s3", "gcs": "gs"}


@dataclass(frozen=True)
class Remote:
    """An address in an object store, and the connection that reaches it."""

    connection: StorageConnection
    address: Address


@dataclass(frozen=True)
class Place:
    """Where one table lies. It pickles.

    Parameters
    ----------
    address: an absolute path, or a URL without a slash at its end.
    name: for people: a path relative to the project, or the URL; never a secret.
    remote: what a URL is reached by; None for a path.
    options: what is told the object store's client beside what the connection says.
    """

    address: str
    name: str
    remote: Remote | None = None
    options: Mapping[str, str | Secret] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        path: str,
        around: Surroundings,
        *,
        connection: str | None,
        options: Mapping[str, str | Secret],
        owner: str,
    ) -> Place:
        """The place that a configured path names. Raises ConfigError for one that cannot be.

        Parameters
        ----------
        path, connection, options: as configured.
        around: for the project's folder and its connections.
        owner: who asks, for errors.
        """
        if is_remote(path, connection):
            found, address = located(path, around, owner=owner, connection=connection)
            # delta-rs reads a log under az:// wrongly, under abfss:// as it should.
            to_open = replace(address, scheme=_SCHEMES.get(address.scheme, address.scheme))
            return cls(str(to_open), str(address), Remote(found, address), dict(options))
        folder = resolve(path, around.root)
        # A table behind a link is loaded where the link leads.
        return cls(os.path.realpath(folder), shown(folder, around.root))

    @property
    def local(self) -> Path | None:
        """The folder, where it is one of this machine."""
        return None if self.remote is not None else Path(self.address)

    def shelf(self) -> Shelf:
        """The table's folder, for files beside its own. Raises ConfigError, MissingDriver."""
        if self.remote is None:
            return Folder(Path(self.address))
        address = self.remote.address
        return Branch(tree_of(self.remote.connection, address.at("")), address)

    def revealed(self) -> dict[str, str]:
        """What the object store's client is told, secrets revealed and tokens fetched.

        Ask anew in each session: a token lives for about an hour. Raises ConfigError where a
        variable is not set, ConnectError where no token is to be had.
        """
        if self.remote is None:
            return {}
        told = self.remote.connection.storage_options(self.remote.address)
        return told | revealed(self.options)

    def __str__(self) -> str:
        return self.name


def written(path: str) -> str:
    """A path as it goes into an identity: the same however it is spelled."""
    if scheme_of(path) not in ("", "file"):
        return path.rstrip("/")
    return os.path.normpath(unquote(path.removeprefix("file://")))
