"""Connections that are opened and pooled: what every database's own connection has."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pydantic import Field, field_validator

from hygge.core.context import Context
from hygge.core.home import HomeSession, Table
from hygge.core.watermark import parse_duration
from hygge.sql.connection import Connection
from hygge.sql.limits import Limit
from hygge.sql.link import Link
from hygge.sql.pool import Lease, pool_of
from hygge.sql.source import Source

if TYPE_CHECKING:
    from hygge.sql.session import SQLSession


class PooledConnection(Connection):
    """Settings of every connection that hygge opens itself."""

    schemes: ClassVar[tuple[str, ...]] = ()
    """The schemes of URLs that name such a database, e.g. `postgresql`."""

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
    session: tuple[str, ...] = Field(
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
    def identity(self) -> str:
        """The database, whatever the route to it: no host, user or secret."""

    @abstractmethod
    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        """A session over a leased connection; imported when first asked for, since drivers are."""

    def open_link(self) -> Link:
        """A connection on which the `session` statements have been run."""
        link = self.connect()
        try:
            for statement in self.session:
                link.execute(statement)
        except BaseException:
            link.close()
            raise
        return link

    def read(self, source: Source, context: Context) -> HomeSession:
        """A session for one attempt at reading, on a connection from the pool."""
        return self.reader(pool_of(self).lease(context.cancel), source, context)

    def read_beside(self, most: int, source: Source, context: Context) -> list[HomeSession]:
        """Further sessions, as many as the pool has free at once, at most `most`."""
        return [self.reader(lease, source, context) for lease in pool_of(self).spare(most)]

    def tables(self, context: Context) -> Sequence[Table]:
        """Every table and view that is a person's own, with fields, in one pass."""
        lease = pool_of(self).lease(context.cancel)
        with self.reader(lease, Source(where=self.place()), context) as session:
            return session.tables()


def seconds(duration: str | None) -> float:
    """A timeout in seconds; 0 for none."""
    return parse_duration(duration).total_seconds() if duration else 0.0
