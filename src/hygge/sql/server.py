"""Connections that are opened and pooled: what every database's own connection has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, field_validator, model_validator

from hygge.core.context import Context
from hygge.core.durations import parse_duration
from hygge.core.errors import ConfigError, UnsupportedError
from hygge.core.home import Table
from hygge.core.importing import needing
from hygge.core.reading import HomeSession
from hygge.core.secrets import Secret, Statement
from hygge.core.slots import Slots
from hygge.sql.address import Address, parse_url, shown
from hygge.sql.connection import DatabaseConnection
from hygge.sql.limits import Limit
from hygge.sql.link import Link
from hygge.sql.pool import Lease, pool_of
from hygge.sql.source import Source
from hygge.sql.tunnel import Tunnel, through

if TYPE_CHECKING:
    from hygge.sql.session import SQLSession
    from hygge.sql.settle.settler import Settler


class PooledConnection(DatabaseConnection):
    """Settings of every connection that hygge opens itself."""

    kept_idle: ClassVar[bool] = True
    """Whether open connections wait in the pool to be used again: one to a file holds its locks."""

    pool_size: int = Field(
        default=8, ge=1, le=1000, description="Connections that may be open at once", examples=[8]
    )
    limits: tuple[Limit, ...] = Field(
        default=(),
        description="Fewer connections at certain hours",
        examples=[[{"when": "mon-fri 07:00-18:00", "connections": 2}]],
    )
    session: tuple[Statement, ...] = Field(
        default=(),
        description="Statements that are run in every connection when it has been opened",
    )
    connect_timeout: str = Field(
        default="15s", description="How long connecting may take", examples=["5s"]
    )
    statement_timeout: str | None = Field(
        default=None, description="How long one statement may take", examples=["2h"]
    )

    @field_validator("connect_timeout", "statement_timeout")
    @classmethod
    def _duration(cls, value: str | None) -> str | None:
        if value is not None and not parse_duration(value):
            raise ValueError("a timeout is longer than nothing; leave it out for none")
        return value

    @abstractmethod
    def connect(self) -> Link:
        """Open a connection. Raises ConnectError, TransientError, MissingDriver."""

    @abstractmethod
    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        """A session over a leased connection; imported when first asked for, since drivers are."""

    def for_writing(self) -> Self:
        """This description, as a Store is to have it."""
        return self

    def settler(self) -> Settler:
        """How it takes loads. Raises UnsupportedError where it takes none."""
        raise UnsupportedError(f"a connection of type '{self.kind}' is for reading only")

    @property
    def opens_beside(self) -> bool:
        """Whether the driver copies rows in bulk over a connection that it opens beside."""
        return False

    def open_link(self) -> Link:
        """A connection on which the `session` statements have been run.

        Raises what connecting raises, and MissingDriver, which names the extra that brings it.
        """
        with needing(self.kind):
            link = self.connect()
        link.statement_s = seconds(self.statement_timeout)
        try:
            for statement in self.session:
                link.execute(statement)
        except BaseException:
            link.close()
            raise
        return link

    def slots(self) -> Sequence[Slots]:
        return (pool_of(self).slots,)

    def read(self, source: Source, context: Context) -> HomeSession:
        """A session for one attempt at reading, on a connection from the pool."""
        return self._reading(pool_of(self).lease(context), source, context)

    def read_beside(self, most: int, source: Source, context: Context) -> list[HomeSession]:
        """Further sessions, as many as the pool has free at once, at most `most`."""
        leases = pool_of(self).spare(most)
        try:
            return [self._reading(lease, source, context) for lease in leases]
        except BaseException:
            for lease in leases:
                lease.release(broken=True)
            raise

    def _reading(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        try:
            return self.reader(lease, source, context)
        except BaseException:
            lease.release(broken=True)
            raise

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view that is a person's own, with fields, in one pass."""
        lease = pool_of(self).lease(context)
        with self.reader(lease, Source(where=self.place()), context) as session:
            return session.tables()


class ServerConnection(PooledConnection):
    """Settings of every connection over a network: by a URL, by keys, or by both where the keys
    say what the URL leaves out."""

    default_port: ClassVar[int]

    url: Secret | None = Field(
        default=None,
        description="The address as a URL; what it leaves out may stand beside it",
        examples=["${SHOP_URL}"],
    )
    host: str | None = Field(
        default=None, description="The server's name or address", examples=["db.example.com"]
    )
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Its port; the usual one if left out"
    )
    database: str | None = Field(
        default=None, min_length=1, description="The database", examples=["shop"]
    )
    user: str | None = Field(default=None, description="Who connects", examples=["hygge"])
    password: Secret | None = Field(
        default=None, description="The user's password", examples=["${SHOP_PASSWORD}"]
    )
    tls: Literal["disable", "allow", "prefer", "require", "verify-ca", "verify-full"] = Field(
        default="prefer",
        description="Whether the way is encrypted, and whether the server must prove who it is",
        examples=["verify-full"],
    )
    tls_ca: str | None = Field(
        default=None, description="The certificates that vouch for the server", examples=["ca.pem"]
    )
    tls_cert: str | None = Field(default=None, description="The client's own certificate")
    tls_key: str | None = Field(default=None, description="The key of the client's certificate")
    tunnel: Tunnel | None = Field(
        default=None,
        description="A machine through which the server is reached, by `ssh`",
        examples=[{"host": "bastion.example.com", "user": "hygge"}],
    )

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.tunnel is not None and self.tls == "verify-full":
            raise ValueError(
                "through a `tunnel` the server is at 127.0.0.1, which no certificate is for; "
                "`tls: verify-ca` can be had"
            )
        if self.url is None or not self.url.is_reference:
            self._merged()
        return self

    def bind(self, root: Path) -> Self:
        """With the paths of certificates resolved against a folder."""
        files = {n: getattr(self, n) for n in ("tls_ca", "tls_cert", "tls_key")}
        bound: dict[str, object] = {
            n: str(root / Path(f).expanduser()) for n, f in files.items() if f
        }
        if self.tunnel is not None:
            bound["tunnel"] = self.tunnel.bind(root)
        return self.model_copy(update=bound)

    def address(self) -> Address:
        """Where to connect to: URL and keys as one, the password revealed, the tunnel open.

        Raises ConfigError where they contradict each other, leave out what is needed, or refer to
        a variable that is not set; ConnectError where the tunnel cannot be opened.
        """
        found = self._known()
        if self.tunnel is not None:
            far = found.host or "127.0.0.1", found.port or self.default_port
            host, port = through(self.tunnel, *far, seconds(self.connect_timeout))
            found = replace(found, host=host, port=port)
        return replace(found, password=self.password.reveal()) if self.password else found

    def place(self) -> str:
        """The server and the database; the reference as written while it cannot be resolved."""
        try:
            return shown(self.schemes[0], self._known(), self.default_port)
        except ConfigError:
            return self.url.written if self.url and self.url.is_reference else self.kind

    def identity(self) -> str:
        return f"{self.kind}:{self._known().database}"

    def _known(self) -> Address:
        try:
            return self._merged()
        except ValueError as error:
            raise ConfigError(f"a connection of type '{self.kind}': {error}") from None

    def _merged(self) -> Address:
        """URL and keys as one. Raises ValueError that shows no secret."""
        found = parse_url(self.url.reveal(), self.schemes) if self.url else Address()
        for name in ("host", "port", "database", "user", "password"):
            value = getattr(self, name)
            if value is None:
                continue
            if getattr(found, name) not in (None, ""):
                raise ValueError(f"`url` has a {name} already, and `{name}` gives another")
            if name != "password":  # which is revealed later, where a session opens
                found = replace(found, **{name: value})
        if not found.database:
            raise ValueError("it names no database; give `database`, or the URL a path")
        return found


def seconds(duration: str | None) -> float:
    """A timeout in seconds; 0 for none."""
    return parse_duration(duration).total_seconds() if duration else 0.0
