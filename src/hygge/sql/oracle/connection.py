"""Connections to Oracle Database."""

from __future__ import annotations

import ssl
from typing import Any, ClassVar

from pydantic import Field

from hygge.core.context import Context
from hygge.core.errors import MissingDriver
from hygge.sql.link import Link
from hygge.sql.pool import Lease
from hygge.sql.server import ServerConnection, seconds
from hygge.sql.session import SQLSession
from hygge.sql.source import Source

_SECURE = ("require", "verify-ca", "verify-full")


class OracleConnection(ServerConnection):
    """An Oracle Database: `{type: oracle, host: db.example.com, database: shop}`, where `database`
    is the service's name, or by its URL. Without a host, `database` is an alias of tnsnames.ora or
    a whole connect descriptor."""

    kind: ClassVar[str] = "oracle"
    schemes: ClassVar[tuple[str, ...]] = ("oracle",)
    default_port: ClassVar[int] = 1521

    sid: bool = Field(
        default=False, description="Whether `database` is a SID, of old, and no service"
    )
    config_dir: str | None = Field(
        default=None, description="The folder of tnsnames.ora", examples=["/etc/oracle"]
    )
    wallet: str | None = Field(
        default=None,
        description="The folder of the wallet, for encrypted ways",
        examples=["wallet"],
    )

    def arguments(self) -> dict[str, Any]:
        """What the driver's `connect()` is told, the password revealed.

        https://python-oracledb.readthedocs.io/en/latest/api_manual/module.html
        """
        address = self.address()
        found: dict[str, Any] = {
            "user": address.user or None, "password": address.password,
            "config_dir": self.config_dir, "wallet_location": self.wallet,
            "tcp_connect_timeout": seconds(self.connect_timeout),
        }  # fmt: skip
        if not address.host:
            found["dsn"] = address.database
        else:
            name = "sid" if self.sid else "service_name"
            found |= {"host": address.host, "port": address.port or 1521, name: address.database}
        if self.tls in _SECURE:
            found |= {"protocol": "tcps", "ssl_context": self._context(),
                      "ssl_server_dn_match": self.tls == "verify-full"}  # fmt: skip
        return {name: value for name, value in found.items() if value is not None}

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.tls_ca)
        context.check_hostname = False  # the driver compares names itself, as Oracle's rules are
        if self.tls == "require":
            context.verify_mode = ssl.CERT_NONE
        if self.tls_cert is not None:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        return context

    def connect(self) -> Link:
        try:
            from hygge.sql.oracle.link import OracleLink
        except ModuleNotFoundError as error:
            raise MissingDriver(error.name or "oracledb", "oracle") from error
        timeout = round(seconds(self.statement_timeout) * 1000)
        return OracleLink.open(self.place(), self.arguments(), timeout_ms=timeout)

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.oracle.session import OracleSession

        return OracleSession(lease, source, context)
