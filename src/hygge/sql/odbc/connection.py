"""Connections through ODBC drivers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from math import ceil
from typing import ClassVar, Literal, Self

from pydantic import Field, model_validator

from hygge.core.context import Context
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.sql.address import parse_url
from hygge.sql.link import Link
from hygge.sql.odbc.missing import missing_odbc
from hygge.sql.pool import Lease
from hygge.sql.server import PooledConnection, seconds
from hygge.sql.session import SQLSession
from hygge.sql.source import Source

_DATABASE = re.compile(r"(?:^|;)\s*(?:database|dsn)\s*=\s*(?P<name>\{[^}]*\}|[^;]*)", re.IGNORECASE)
_NOT_PLAIN = re.compile(r"[\[\]{}(),;?*=!@\s]")
"""What must be in braces: https://learn.microsoft.com/sql/odbc/reference/syntax/sqldriverconnect-function"""


class ODBCConnection(PooledConnection):
    """A database through an ODBC driver: `{type: odbc, dsn: shop}`, or by the driver and its keys,
    or by a connection string."""

    kind: ClassVar[str] = "odbc"
    schemes: ClassVar[tuple[str, ...]] = ("odbc",)

    url: Secret | None = Field(
        default=None, description="The same as a URL, whose options are keys of the driver",
        examples=["odbc://hygge@db.example.com/shop?driver=PostgreSQL+Unicode"],
    )  # fmt: skip
    connection_string: Secret | None = Field(
        default=None, description="What the driver is told, word for word",
        examples=["${SHOP_ODBC}"],
    )  # fmt: skip
    dsn: str | None = Field(
        default=None, description="A data source of odbc.ini", examples=["shop"]
    )
    driver: str | None = Field(
        default=None, description="A driver of odbcinst.ini, or the path of its library",
        examples=["PostgreSQL Unicode"],
    )  # fmt: skip
    host: str | None = Field(default=None, description="`Server`", examples=["db.example.com"])
    port: int | None = Field(default=None, ge=1, le=65535, description="`Port`")
    database: str | None = Field(default=None, description="`Database`", examples=["shop"])
    user: str | None = Field(default=None, description="`UID`", examples=["hygge"])
    password: Secret | None = Field(
        default=None, description="`PWD`", examples=["${SHOP_PASSWORD}"]
    )
    options: Mapping[str, str | int] = Field(
        default_factory=dict, description="Other keys of the driver",
        examples=[{"UseDeclareFetch": 1, "Fetch": 10000}],
    )  # fmt: skip
    quote: Literal['"', "`", "["] | None = Field(
        default=None, description="What quotes names there; found by asking if left out"
    )
    longest_text: int = Field(
        default=65_536, ge=1, description="Bytes that one text may have; a longer one is an error"
    )
    longest_binary: int = Field(
        default=65_536, ge=1, description="The same of binary values"
    )  # fmt: skip

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        ways = ("connection_string", "url", "dsn", "driver")
        given = [name for name in ways if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("one of `dsn`, `driver`, `url` and `connection_string` is needed")
        beside = [n for n in ("host", "port", "database") if getattr(self, n) is not None]
        if given[0] in ways[:2] and (beside or self.options):
            raise ValueError(f"`{(beside or ['options'])[0]}` belongs into the `{given[0]}`")
        return self

    def __hash__(self) -> int:
        """Of what can be hashed: pools are found by it, and by equality."""
        return hash((self.kind, self.dsn, self.driver, self.host, self.port, self.database))

    def place(self) -> str:
        secret = self.connection_string or self.url
        if secret is not None and secret.is_reference:
            return f"odbc:{secret.written}"
        if secret is not None:
            return self.identity()
        where = f"{self.host or ''}/{self.database or ''}".strip("/")
        return f"odbc:{self.dsn or self.driver}" + (f"/{where}" if where else "")

    def identity(self) -> str:
        known = self._keyed()
        name = known.database or known.dsn or ""
        if self.connection_string is not None:
            found = _DATABASE.search(self.connection_string.reveal())
            name = found["name"].strip("{} ") if found else ""
        return f"odbc:{name}"

    def string(self) -> str:
        """The connection string, without user and password unless it was given as one."""
        if self.connection_string is not None:
            return self.connection_string.reveal().rstrip().rstrip(";") + ";"
        known = self._keyed()
        keys = {
            "DSN": known.dsn, "Driver": known.driver, "Server": known.host, "Port": known.port,
            "Database": known.database, **known.options,
        }  # fmt: skip
        return "".join(f"{k}={_braced(str(v))};" for k, v in keys.items() if v is not None)

    def _keyed(self) -> Self:
        """The same by keys, if it was given as a URL. Raises ConfigError for a wrong one."""
        if self.url is None:
            return self
        try:
            found = parse_url(self.url.reveal(), self.schemes)
        except ValueError as error:
            raise ConfigError(f"a connection of type 'odbc': {error}") from None
        options = dict(found.options)
        ways = {key.lower(): options.pop(key) for key in found.options
                if key.lower() in ("driver", "dsn")}  # fmt: skip
        if len(ways) != 1:
            raise ConfigError(
                "the URL of an ODBC connection names no driver",
                hint="add it: odbc://host/database?driver=...",
            )
        password = self.password or (found.password and Secret(found.password)) or None
        return self.model_copy(
            update={
                "url": None, **ways, "options": options, "host": found.host or None,
                "port": found.port, "database": found.database or None,
                "user": self.user or found.user or None, "password": password,
            }
        )  # fmt: skip

    def connect(self) -> Link:
        try:
            from hygge.sql.odbc.link import ODBCLink
        except (ImportError, OSError) as error:
            raise missing_odbc(error) from error
        timeout, known = seconds(self.statement_timeout), self._keyed()
        return ODBCLink.open(
            self.string(), self.place(), quote=self.quote, user=known.user,
            password=known.password.reveal() if known.password else None,
            login_s=ceil(seconds(self.connect_timeout)), longest_text=self.longest_text,
            longest_binary=self.longest_binary, timeout_s=ceil(timeout) if timeout else None,
        )  # fmt: skip

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.odbc.session import ODBCSession

        return ODBCSession(lease, source, context)


def _braced(value: str) -> str:
    return "{" + value.replace("}", "}}") + "}" if _NOT_PLAIN.search(value) else value
