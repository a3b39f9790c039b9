"""Opening a connection to MySQL or MariaDB by way of PyMySQL."""

from __future__ import annotations

import getpass
import ssl
from dataclasses import dataclass, field
from typing import Any

from hygge.core.errors import ConfigError, MissingDriver


@dataclass(frozen=True, slots=True)
class Route:
    """The way to a server.

    Parameters
    ----------
    host, port: of the server; not looked at where there is a `socket`, but for its certificate.
    socket: the path of a socket; "" for none.
    database, user: "" is this machine's user.
    password: revealed; never shown.
    tls: see `ServerConnection.tls`; MySQL's clients know no `allow`, which is like `prefer`.
    ca, cert, key: paths of certificates and a key, PEM; None for none.
    connect_timeout, read_timeout: seconds; None is no limit.
    writing: whether rows are to be sent in bulk, out of memory. PyMySQL itself still sends no file
        that a server asks for.
    """

    host: str
    port: int
    socket: str
    database: str
    user: str
    password: str = field(repr=False)
    tls: str = "prefer"
    ca: str | None = None
    cert: str | None = None
    key: str | None = None
    connect_timeout: float = 15.0
    read_timeout: float | None = None
    writing: bool = False


def open_route(route: Route) -> Any:
    """An open `pymysql.Connection` that commits by itself and speaks utf8mb4.

    Raises what PyMySQL raises; MissingDriver, ConfigError for certificates that cannot be read.
    """
    try:
        import pymysql
        from pymysql.constants import CLIENT
    except ModuleNotFoundError:
        raise MissingDriver("PyMySQL", "mysql") from None
    connection: Any = pymysql.connect(
        host=route.host, port=route.port, unix_socket=route.socket or None,
        database=route.database, user=route.user or getpass.getuser(),
        # Bytes, since PyMySQL takes text for Latin-1.
        password=route.password.encode(), charset="utf8mb4", autocommit=True,
        connect_timeout=route.connect_timeout, read_timeout=route.connect_timeout,
        program_name="hygge", ssl=_context(route), ssl_disabled=route.tls == "disable",
        client_flag=CLIENT.LOCAL_FILES if route.writing else 0,
    )  # fmt: skip
    connection._read_timeout = route.read_timeout  # until here it was part of connecting
    return connection


def _context(route: Route) -> ssl.SSLContext | None:
    """What TLS is to be held to; None for PyMySQL's own way, which takes it where it is offered."""
    if route.tls == "disable" or (route.tls in ("allow", "prefer") and not route.cert):
        return None
    try:
        context = ssl.create_default_context(cafile=route.ca)
        if route.cert:
            context.load_cert_chain(route.cert, route.key)
    except (OSError, ssl.SSLError) as error:
        named = ", ".join(f for f in (route.ca, route.cert, route.key) if f)
        reason = getattr(error, "strerror", None) or error
        raise ConfigError(
            f"the certificates {named} cannot be used: {reason}",
            hint="`tls_ca`, `tls_cert` and `tls_key` are files in PEM, relative to the project",
        ) from None
    # Certificates that MySQL makes for itself do not meet RFC 5280 to the letter, which Python
    # 3.13 began to ask for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.check_hostname = route.tls == "verify-full"
    if not route.tls.startswith("verify"):
        context.verify_mode = ssl.CERT_NONE
    return context
