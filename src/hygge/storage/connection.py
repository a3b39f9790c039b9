"""Connections to places of files: which one a path means, and what each can do."""

from __future__ import annotations

from abc import abstractmethod
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field, field_validator

from hygge.core import registry
from hygge.core.connection import Connection, named
from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError
from hygge.core.settings import build
from hygge.storage.address import Address, credentials_in, scheme_of

if TYPE_CHECKING:
    from hygge.storage.tree import Tree


class StorageConnection(Connection):
    """A place of files; its paths are URLs, or relative to its own `url`."""

    holds: ClassVar[Literal["tables", "files"]] = "files"

    url: str | None = Field(
        default=None,
        description="The bucket or folder that relative paths start from",
        examples=["s3://my-bucket/landing"],
    )

    @field_validator("url")
    @classmethod
    def _own_scheme(cls, url: str | None) -> str | None:
        if url is not None and scheme_of(url) not in cls.schemes:
            raise ValueError(f"a URL of {' or '.join(f'{s}://' for s in cls.schemes)} is needed")
        if url is not None and (keys := credentials_in(url)):
            raise ValueError(f"a URL is shown; its credentials go into {keys}")
        return url

    def place(self) -> str:
        return self.url or f"{self.schemes[0]}://"

    def address(self, path: str) -> Address:
        """Where a path leads: a URL as it is, any other below `url`. Raises ConfigError."""
        if scheme := scheme_of(path):
            if scheme not in self.schemes:
                raise ConfigError(
                    f"'{path}' is no path of a connection of type '{self.kind}'",
                    hint=f"its paths begin with {self.schemes[0]}://",
                )
            return Address.parse(path)
        if self.url is None:
            raise ConfigError(
                f"the path '{path}' is relative, and its connection has no `url` to start from",
                hint=f"give the connection a `url`, or write {self.schemes[0]}://bucket/{path}",
            )
        return Address.parse(self.url).join(path)

    @abstractmethod
    def connect(self, address: Address) -> Tree:
        """A way in to a bucket, container or server. Raises ConfigError, MissingDriver."""

    def storage_options(self, address: Address) -> dict[str, str]:
        """What deltalake and Polars take as `storage_options`: secrets revealed, tokens fetched.

        Ask for it in each session: a token lives for about an hour.
        """
        raise ConfigError(
            f"tables of Delta or Iceberg cannot lie on {self.schemes[0]}://",
            hint="use s3://, gs:// or abfss://",
        )


def is_remote(path: str, connection: str | None = None) -> bool:
    """Whether a path is not one of this machine's."""
    return connection is not None or scheme_of(path) not in ("", "file")


def located(
    path: str, around: Surroundings, *, owner: str, connection: str | None = None
) -> tuple[StorageConnection, Address]:
    """The connection and the address that a path means.

    Parameters
    ----------
    path: a URL, or with a connection a path below its `url`.
    around: for the named connections.
    owner: who asks, for errors.
    connection: a connection's name; None for one of the URL's scheme, with credentials from the
        cloud's usual chain.

    Raises
    ------
    ConfigError: nothing has that scheme or name, or the connection is to a database.
    """
    if connection is not None:
        found = named(connection, around, owner=owner)
        if not isinstance(found, StorageConnection):
            raise ConfigError(
                f"{owner} names the connection '{connection}', which is to a database",
                hint="name one of type s3, gcs, azure or sftp",
            )
        return found, found.address(path)
    scheme = scheme_of(path)
    kind: Any = None
    if name := registry.connection_of(scheme):
        kind = registry.lookup("connection", name)
    if kind is None or not issubclass(kind, StorageConnection):
        raise ConfigError(
            f"{owner}: files cannot lie on '{scheme}://'",
            hint="use a path, or s3://, gs://, abfss://, az:// or sftp://",
        )
    made: StorageConnection = build(kind, owner, {}, {}).bind(around.root)
    return made, made.address(path)


@lru_cache(maxsize=64)
def tree_of(connection: StorageConnection, address: Address) -> Tree:
    """The way in to an address's bucket, shared by everything in this process."""
    return connection.connect(address)
