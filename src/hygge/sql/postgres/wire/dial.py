"""How a connection to PostgreSQL is opened, and a statement of it cancelled.

https://www.postgresql.org/docs/current/protocol-flow.html, "Start-up" and "Canceling Requests in
Progress"; in what order things are tried: libpq's fe-connect.c.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

from hygge.sql.postgres.wire import auth
from hygge.sql.postgres.wire.asked import Asked
from hygge.sql.postgres.wire.line import GONE, Line, Unreached
from hygge.sql.postgres.wire.messages import (
    CANCEL,
    ERROR,
    KEY,
    PARAMETER,
    PASSING,
    READY,
    TLS,
    Beyond,
    ServerError,
    parameter,
    startup,
    state,
    untyped,
)

Address: TypeAlias = tuple[socket.AddressFamily, Any]
"""A family of addresses, and one of them."""

_TUNING = {
    "keepalives_idle": getattr(socket, "TCP_KEEPIDLE", getattr(socket, "TCP_KEEPALIVE", None)),
    "keepalives_interval": getattr(socket, "TCP_KEEPINTVL", None),
    "keepalives_count": getattr(socket, "TCP_KEEPCNT", None),
    "tcp_user_timeout": getattr(socket, "TCP_USER_TIMEOUT", None),
}
CANCEL_S = 10.0
"""How long a cancelling may take, unless connecting was given a time."""


class _Final(ServerError):
    """A refusal that would be the same with TLS, or without."""


@dataclass
class Dialled:
    """An open connection.

    Parameters
    ----------
    line: to the server.
    address: where that was found.
    status: of the transaction.
    key: which cancels its statements; empty where the server gave none.
    """

    line: Line
    address: Address
    status: str = "I"
    key: bytes = b""


def dial(asked: Asked) -> Dialled:
    """Connect, and prove who we are. Raises ServerError, Beyond."""
    if not hasattr(select, "poll") or not hasattr(socket, "AF_UNIX"):
        raise Beyond("a system without poll(2)")
    failed = []
    for address in _addresses(asked):
        try:
            return _dialled(asked, address)
        except ServerError as refused:
            failed.append(str(refused))
            if not isinstance(refused, Unreached):
                break  # who is refused at one address would be at the others
    raise ServerError("\n".join(dict.fromkeys(failed)))


def _dialled(asked: Asked, address: Address) -> Dialled:
    """Connect to an address. Raises Unreached where nobody answers there."""
    failed = []
    for tls in _ways(asked, address):
        try:
            return _log_in(asked, address, _line(asked, address, tls))
        except Unreached as unreached:
            raise Unreached(_where(asked, address) + str(unreached)) from None
        except ServerError as refused:
            failed.append(_where(asked, address) + str(refused))
            if isinstance(refused, _Final):
                break
    raise ServerError("\n".join(dict.fromkeys(failed)))


def _addresses(asked: Asked) -> list[Address]:
    """Where the server may be. Raises ServerError."""
    if asked.socket is not None:
        return [(socket.AF_UNIX, asked.socket)]
    try:
        found = socket.getaddrinfo(asked.host, asked.port, type=socket.SOCK_STREAM)
    except OSError as unknown:
        told = unknown.strerror or unknown
        raise ServerError(f'could not translate host name "{asked.host}" to address: {told}') from (
            None
        )
    return [(family, address) for family, _, _, _, address in found]


def _ways(asked: Asked, address: Address) -> Iterator[bool]:
    """With TLS or without, in the order in which they are tried."""
    if address[0] == socket.AF_UNIX or asked.sslmode == "disable":
        yield False
        return
    yield True
    if asked.sslmode == "prefer":
        yield False


def _where(asked: Asked, address: Address) -> str:
    if asked.socket is not None:
        return f'connection to server on socket "{asked.socket}" failed: '
    found = address[1][0]
    shown = "" if found == asked.host else f" ({found})"
    return f'connection to server at "{asked.host}"{shown}, port {asked.port} failed: '


# The line -----------------------------------------------------------------------------------------


def _line(asked: Asked, address: Address, tls: bool, timeout_s: float | None = None) -> Line:
    """A line, with TLS where it is asked for and the server has it, if it need not.

    Parameters
    ----------
    timeout_s: how long all that may take until somebody says otherwise; as asked for, if left out.
    """
    timeout_s = timeout_s or asked.timeout_s
    until = None if timeout_s is None else time.monotonic() + timeout_s
    end = _connected(asked, address, timeout_s)
    try:
        if tls:
            end.settimeout(None if until is None else max(0.001, until - time.monotonic()))
            end = _secured(end, asked)
        return Line(end, until)
    except TimeoutError:
        end.close()
        raise Unreached from None
    except OSError as broken:
        end.close()
        raise ServerError(f"could not receive data from server: {broken.strerror}") from None
    except BaseException:
        end.close()
        raise


def _connected(asked: Asked, address: Address, timeout_s: float | None) -> socket.socket:
    """A socket that is connected. Raises Unreached."""
    local = address[0] == socket.AF_UNIX
    with ExitStack() as failing:
        try:
            end = failing.enter_context(socket.socket(address[0], socket.SOCK_STREAM))
            end.settimeout(timeout_s)
            if not local:
                _tune(end, asked)
            end.connect(address[1])
        except OSError as error:
            if error.errno is None:
                raise Unreached from None  # of Python's own timeout
            asks = "locally and accepting connections on that socket?"
            if not local:
                asks = "on that host and accepting TCP/IP connections?"
            raise Unreached(f"{error.strerror}\n\tIs the server running {asks}") from None
        failing.pop_all()
    return end


def _tune(end: socket.socket, asked: Asked) -> None:
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if asked.keepalives:
        end.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for keyword, value in asked.tuning.items():
        option = _TUNING[keyword]
        if option is not None and value and (asked.keepalives or keyword == "tcp_user_timeout"):
            end.setsockopt(socket.IPPROTO_TCP, option, value)


def _secured(end: socket.socket, asked: Asked) -> socket.socket:
    """The socket with TLS, or as it is where the server has none and that will do."""
    end.sendall(untyped(TLS))
    answer = end.recv(1)
    if answer == b"S":
        from hygge.sql.postgres.wire.tls import encrypted

        return encrypted(end, asked)
    if answer == b"N":
        if asked.sslmode == "prefer":
            return end
        raise ServerError("server does not support SSL, but SSL was required")
    if not answer:
        raise ServerError(GONE)
    raise ServerError("received invalid response to SSL negotiation")


# Who we are ---------------------------------------------------------------------------------------


def _log_in(asked: Asked, address: Address, line: Line) -> Dialled:
    """Tell the server who we are, and wait until it is ready. Raises _Final where it is to no
    purpose to come again without TLS: whoever has a wrong password may be locked out for it."""
    once = not line.encrypted
    try:
        line.send(startup(asked.parameters))
        auth.authenticate(line, asked.user, asked.password)
        once = True
        found = _begun(Dialled(line, address))
    except BaseException as error:
        line.close()
        if once and isinstance(error, ServerError) and not isinstance(error, Unreached):
            raise _Final(str(error)) from None
        raise
    line.until = None
    return found


def _begun(found: Dialled) -> Dialled:
    """What the server says of a session before it is ready."""
    encoding = ""
    while True:
        kind, body = found.line.message()
        if kind == READY:
            found.status = state(body)
            if encoding != "UTF8":
                raise Beyond(f"client_encoding={encoding}")
            return found
        if kind == KEY:
            found.key = bytes(body)
        elif kind == PARAMETER:
            name, value = parameter(body)
            encoding = value if name == "client_encoding" else encoding
        elif kind == ERROR:
            raise auth.refusal(body)
        elif kind not in PASSING:
            found.line.fail(f'unexpected message "{chr(kind)}" while connecting')


# Cancelling ---------------------------------------------------------------------------------------


def cancel(asked: Asked, dialled: Dialled) -> None:
    """Have the server end what a connection does, and wait until it was told. What keeps it from
    being told is passed over: the statement goes on."""
    with suppress(ServerError, Beyond):
        tls = dialled.line.encrypted
        line = _line(asked, dialled.address, tls, asked.timeout_s or CANCEL_S)
        try:
            line.send(untyped(CANCEL, dialled.key))
            line.message()  # none comes: the server ends the line when it is done
        finally:
            line.close()
