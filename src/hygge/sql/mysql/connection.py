"""Connections to MySQL and MariaDB."""

from __future__ import annotations

from typing import ClassVar, Self

from pydantic import Field, field_validator, model_validator

from hygge.core.context import Context
from hygge.core.durations import parse_duration
from hygge.core.errors import ConfigError
from hygge.core.importing import needing
from hygge.sql.link import Link
from hygge.sql.mysql.route import Route
from hygge.sql.pool import Lease, pool_of
from hygge.sql.server import ServerConnection, seconds
from hygge.sql.session import SQLSession
from hygge.sql.settle.settler import Settler
from hygge.sql.source import Source

MODES = {
    "disabled": "disable", "preferred": "prefer", "required": "require",
    "verify_ca": "verify-ca", "verify_identity": "verify-full",
}  # fmt: skip
"""MySQL's own words for `tls`: https://dev.mysql.com/doc/refman/8.4/en/connection-options.html."""
OPTIONS = ("ssl-mode", "ssl-ca", "ssl-cert", "ssl-key", "socket", "charset")


class MySQLConnection(ServerConnection):
    """A MySQL or MariaDB database: `{type: mysql, host: db.example.com, database: shop}`, or by
    its URL. `host` may be the path of a socket. Without `user` it is this machine's user."""

    kind: ClassVar[str] = "mysql"
    schemes: ClassVar[tuple[str, ...]] = ("mysql", "mariadb")
    default_port: ClassVar[int] = 3306

    read_timeout: str | None = Field(
        default=None,
        description="How long the server may be silent, in the middle of a result too",
        examples=["10m"],
    )

    writing: bool = Field(default=False, exclude=True, description="Set by hygge")

    @field_validator("read_timeout")
    @classmethod
    def _some_time(cls, value: str | None) -> str | None:
        if value is not None and not parse_duration(value):
            raise ValueError("a timeout is longer than nothing; leave it out for none")
        return value

    @model_validator(mode="after")
    def _known_options(self) -> Self:
        if self.url is None or not self.url.is_reference:
            self._options()
        return self

    def _options(self) -> dict[str, str]:
        """The URL's options by their names, `-` for `_`. Raises ValueError for one not known."""
        options = {k.replace("_", "-"): v for k, v in self._merged().options.items()}
        if "unix-socket" in options:
            options["socket"] = options.pop("unix-socket")
        for name, value in options.items():
            if name not in OPTIONS:
                raise ValueError(f"`url` has the option '{name}'; known are {', '.join(OPTIONS)}")
            if name == "charset" and value.lower() not in ("utf8", "utf8mb4"):
                raise ValueError("`url` has a `charset`; hygge always speaks utf8mb4")
            if name == "ssl-mode" and value.lower() not in MODES:
                raise ValueError(f"`ssl-mode` is one of {', '.join(MODES).upper()}")
        return options

    def route(self) -> Route:
        """How to connect, the password revealed.

        Raises ConfigError where URL and keys contradict each other, or refer to a variable that
        is not set.
        """
        address = self.address()
        try:
            options = self._options()
        except ValueError as error:
            raise ConfigError(f"a connection of type '{self.kind}': {error}") from None
        mode = MODES.get(options.get("ssl-mode", "").lower(), self.tls)
        socket = options.get("socket") or (address.host if address.host[:1] == "/" else "")
        return Route(
            host=address.host or "localhost", port=address.port or self.default_port,
            socket=socket, database=address.database, user=address.user,
            password=address.password or "",
            tls=self.tls if "tls" in self.model_fields_set else mode,
            ca=self.tls_ca or options.get("ssl-ca"),
            cert=self.tls_cert or options.get("ssl-cert"),
            key=self.tls_key or options.get("ssl-key"),
            connect_timeout=seconds(self.connect_timeout),
            read_timeout=seconds(self.read_timeout) or None, writing=self.writing,
        )  # fmt: skip

    def connect(self) -> Link:
        from hygge.sql.mysql.link import MySQLLink

        return MySQLLink.open(self.route(), self.place(), seconds(self.statement_timeout))

    def for_writing(self) -> Self:
        return self.model_copy(update={"writing": True})

    def settler(self) -> Settler:
        with needing("mysql"):
            from hygge.sql.mysql.settler import MySQLSettler

        return MySQLSettler()

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.mysql.session import MySQLSession

        return MySQLSession(lease, source, context, pool_of(self).spare)
