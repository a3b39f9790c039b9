"""Connections to PostgreSQL."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

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


class PostgresConnection(ServerConnection):
    """A PostgreSQL database: `{type: postgres, host: db.example.com, database: shop}`, or by its
    URL. What both leave out is libpq's default; `host` may be the folder of a socket."""

    kind: ClassVar[str] = "postgres"
    schemes: ClassVar[tuple[str, ...]] = ("postgresql", "postgres")
    default_port: ClassVar[int] = 5432

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
        from hygge.sql.postgres.link import PostgresLink

        return PostgresLink.open(self.conninfo(), self.settings(), self.place())

    def settler(self) -> Settler:
        from hygge.sql.postgres.settler import PostgresSettler

        return PostgresSettler()

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.postgres.session import PostgresSession

        return PostgresSession(lease, source, context)
