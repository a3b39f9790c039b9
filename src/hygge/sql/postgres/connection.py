"""Connections to PostgreSQL."""

from __future__ import annotations

from math import ceil
from typing import ClassVar, Literal

from pydantic import Field

from hygge.core.context import Context
from hygge.sql.link import Link
from hygge.sql.pool import Lease
from hygge.sql.server import ServerConnection, seconds
from hygge.sql.session import SQLSession
from hygge.sql.settle.settler import Settler
from hygge.sql.source import Source

# What the text forms of values depend on: https://www.postgresql.org/docs/current/runtime-config-client.html
SETTINGS = {
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "iso_8601",
    "TimeZone": "UTC",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    # Who holds a snapshot for others is idle for as long as they read.
    "idle_in_transaction_session_timeout": "0",
}


_BEYOND: dict[frozenset[tuple[str, str]], str] = {}
"""What libpq alone can connect to, as it is told, and why: no server is asked in vain each time."""


class PostgresConnection(ServerConnection):
    """A PostgreSQL database: `{type: postgres, host: db.example.com, database: shop}`, or by its
    URL. What both leave out is libpq's default; `host` may be the folder of a socket."""

    kind: ClassVar[str] = "postgres"
    schemes: ClassVar[tuple[str, ...]] = ("postgresql", "postgres")
    default_port: ClassVar[int] = 5432

    driver: Literal["native", "libpq"] = Field(
        default="native",
        description="`native` speaks the server's protocol itself, and leaves to libpq what only "
        "that can do, e.g. GSSAPI, service files or several hosts; `libpq` is slower",
    )
    application_name: str = Field(
        default="hygge", description="What the server's statistics call its connections"
    )

    def conninfo(self) -> dict[str, str]:
        """What libpq is told, the password revealed; options of the URL go before the keys.

        Its words: https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
        """
        address = self.address()
        said: dict[str, object] = {
            "host": address.host, "port": address.port, "dbname": address.database,
            "user": address.user, "password": address.password,
            "sslmode": self.tls if "tls" in self.model_fields_set else None,
            "sslrootcert": self.tls_ca, "sslcert": self.tls_cert, "sslkey": self.tls_key,
        }  # fmt: skip
        return {
            "connect_timeout": str(ceil(seconds(self.connect_timeout))),
            "application_name": self.application_name,
            "client_encoding": "UTF8",
            **address.options,
            **{key: str(value) for key, value in said.items() if value not in (None, "")},
        }

    def settings(self) -> dict[str, str]:
        """The server's settings for every connection."""
        timeout = round(seconds(self.statement_timeout) * 1000)
        return {**SETTINGS, "statement_timeout": str(timeout)}

    def connect(self) -> Link:
        told = self.conninfo(), self.settings(), self.place()
        who = frozenset(told[0].items())
        if self.driver == "native" and who not in _BEYOND:
            from hygge.sql.postgres.wire.client import Beyond
            from hygge.sql.postgres.wire.link import WireLink

            try:
                return WireLink.open(*told)
            except Beyond as beyond:
                _BEYOND[who] = str(beyond)
        from hygge.sql.postgres.adbc import ADBCPostgresLink

        link = ADBCPostgresLink.open(*told)
        link.by = f"libpq ({_BEYOND.get(who, '`driver` says so')})"
        return link

    def settler(self) -> Settler:
        from hygge.sql.postgres.settler import PostgresSettler

        return PostgresSettler()

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.postgres.session import PostgresSession

        return PostgresSession(lease, source, context)
