"""TLS, as libpq has it: whose certificates are believed, and what must be in them.

https://www.postgresql.org/docs/current/libpq-ssl.html. `ssl` is imported where a server offers TLS.
"""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.sql.postgres.wire.asked import SYSTEM, Asked
from hygge.sql.postgres.wire.messages import Beyond, ServerError

if TYPE_CHECKING:
    import ssl

_NAME_DIFFERS = (62, 64)
"""X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH, of OpenSSL's x509_vfy.h."""


def encrypted(plain: socket.socket, asked: Asked) -> socket.socket:
    """The socket with TLS on it, whose own timeout bounds how long that may take.

    Raises ServerError where the server's certificate is not believed, Beyond where it is and its
    name is the question: libpq takes a few that OpenSSL alone does not.
    """
    import ssl

    try:
        context = _context(asked)
        name = None if asked.host.startswith("/") else asked.host
        if name and not context.check_hostname and _is_address(name):
            name = None  # libpq names no address in its greeting (RFC 6066, section 3)
        return context.wrap_socket(plain, server_hostname=name)
    except ssl.SSLCertVerificationError as error:
        if error.verify_code in _NAME_DIFFERS:
            raise Beyond(f"the server's certificate: {error.verify_message}") from None
        raise ServerError(f"SSL error: certificate verify failed: {error.verify_message}") from None
    except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
        raise ServerError("SSL SYSCALL error: EOF detected") from None
    except ssl.SSLError as error:
        raise ServerError(f"SSL error: {_said(error)}") from None


def _context(asked: Asked) -> ssl.SSLContext:
    """What one connection is opened with."""
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["postgresql"])
    context.check_hostname = asked.sslmode == "verify-full"
    context.verify_mode = ssl.CERT_REQUIRED
    if asked.root == SYSTEM:
        context.set_default_verify_paths()
    elif asked.root is not None and Path(asked.root).exists():
        _load_roots(context, asked.root)
    elif asked.sslmode.startswith("verify"):
        raise ServerError(
            f'root certificate file "{asked.root}" does not exist\n\tEither provide the file, use '
            "the system's trusted roots with sslrootcert=system, or change sslmode to disable "
            "server certificate verification."
        )
    else:
        context.verify_mode = ssl.CERT_NONE
    if asked.pair is not None:
        _load_pair(context, *asked.pair)
    return context


def _load_roots(context: ssl.SSLContext, file: str) -> None:
    try:
        context.load_verify_locations(cafile=file)
    except OSError as error:
        raise ServerError(
            f'could not read root certificate file "{file}": {_said(error)}'
        ) from None


def _load_pair(context: ssl.SSLContext, cert: str, key: str) -> None:
    def ask() -> str:
        raise Beyond("the key of the client's certificate has a pass phrase")

    try:
        context.load_cert_chain(cert, key, ask)
    except OSError as error:
        told = f'could not load certificate file "{cert}" with key "{key}": {_said(error)}'
        raise ServerError(told) from None


def _said(error: OSError) -> str:
    """What OpenSSL says, or the system, without where in them."""
    reason: str | None = getattr(error, "reason", None)
    return reason.replace("_", " ").lower() if reason else error.strerror or str(error)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
