"""How a server is told who connects, and a password proved to it.

https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-START-UP

SCRAM-SHA-256: https://www.rfc-editor.org/rfc/rfc5802, https://www.rfc-editor.org/rfc/rfc7677, as
PostgreSQL has it: https://www.postgresql.org/docs/current/sasl-authentication.html.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from binascii import Error

from hygge.sql.postgres.wire.line import Line
from hygge.sql.postgres.wire.messages import (
    AUTHENTICATION,
    ERROR,
    PASSING,
    Beyond,
    ServerError,
    error,
    message,
    number,
    text,
    texts,
)

SCRAM = "SCRAM-SHA-256"
NO_BINDING = b"n,,"
"""The header that says that the client binds no channel (RFC 5802, section 7)."""
MOST_ITERATIONS = 10_000_000
"""More would keep a processor busy for seconds: PostgreSQL's default is 4096."""
_OK, _CLEARTEXT, _MD5, _SASL, _SASL_GOES_ON, _SASL_ENDS = 0, 3, 5, 10, 11, 12
"""Kinds of Authentication messages."""


def refusal(body: memoryview) -> ServerError:
    """An ErrorResponse to who is not let in: libpq tells no SQLSTATE of it."""
    return ServerError(str(error(body)))


def authenticate(line: Line, user: str, password: str) -> None:
    """Answer what the server asks, until it lets us in.

    Parameters
    ----------
    line: on which StartupMessage has been sent.
    user, password: whose they are; an empty password is none.

    Raises ServerError, and Beyond where it is for libpq to answer.
    """
    scram: Scram | None = None
    while True:
        kind, body = line.message()
        if kind == ERROR:
            raise refusal(body)
        if kind in PASSING:
            continue
        if kind != AUTHENTICATION:
            line.fail(f'expected authentication request from server, but received "{chr(kind)}"')
        way, rest = number(body), bytes(body[4:])
        if way == _OK and (scram is None or scram.proved):
            return
        if way in (_CLEARTEXT, _MD5, _SASL) and not password:
            raise Beyond("a password is asked for, and none is given")
        if way == _CLEARTEXT:
            line.send(message(b"p", text(password)))
        elif way == _MD5:
            line.send(message(b"p", md5(user, password, rest[:4]), b"\0"))
        elif way == _SASL and scram is None:
            if SCRAM not in texts(memoryview(rest)):
                raise Beyond("none of the server's SASL mechanisms is spoken here")
            scram = Scram(password)
            first = scram.first()
            line.send(message(b"p", text(SCRAM), len(first).to_bytes(4, "big"), first))
        elif way == _SASL_GOES_ON and scram is not None:
            line.send(message(b"p", scram.final(rest)))
        elif way == _SASL_ENDS and scram is not None:
            scram.check(rest)
        elif way in (_OK, _SASL, _SASL_GOES_ON, _SASL_ENDS):
            line.fail("the server did not complete authentication")
        else:
            raise Beyond(f"authentication of kind {way}")


def md5(user: str, password: str, salt: bytes) -> bytes:
    """The answer to AuthenticationMD5Password."""
    inner = hashlib.md5((password + user).encode(), usedforsecurity=False).hexdigest()
    outer = hashlib.md5(inner.encode() + salt, usedforsecurity=False).hexdigest()
    return b"md5" + outer.encode()


class Scram:
    """One exchange, from the client's side.

    Parameters
    ----------
    password: plain ASCII, of which SASLprep changes nothing.
    user: as the exchange names them; PostgreSQL knows it already, and looks at none.
    nonce: of the client; a fresh one where none is given.
    """

    def __init__(self, password: str, user: str = "", nonce: str | None = None) -> None:
        self._password = password.encode("ascii")
        self._nonce = nonce or secrets.token_urlsafe(18)
        self._bare = f"n={user},r={self._nonce}".encode()
        self._signature: bytes | None = None
        self.proved = False
        """Whether the server has proved that it knows the password too."""

    def first(self) -> bytes:
        """The client's first message."""
        return NO_BINDING + self._bare

    def final(self, challenge: bytes) -> bytes:
        """The client's last message, to the server's first. Raises ServerError where that is not
        what the protocol asks for."""
        told = _attributes(challenge)
        nonce, iterations = told.get("r", ""), told.get("i", "")
        try:
            salt = b64decode(told.get("s", ""), validate=True)
        except Error:
            raise ServerError("malformed SCRAM message (invalid salt)") from None
        if "m" in told:
            raise ServerError("malformed SCRAM message (an extension that is not known)")
        if not nonce.startswith(self._nonce) or len(nonce) == len(self._nonce):
            raise ServerError("invalid SCRAM response (nonce mismatch)")
        if not iterations.isdecimal() or not 1 <= int(iterations) <= MOST_ITERATIONS or not salt:
            raise ServerError("malformed SCRAM message (invalid iteration count or salt)")
        salted = hashlib.pbkdf2_hmac("sha256", self._password, salt, int(iterations))
        client = hmac.digest(salted, b"Client Key", "sha256")
        unproved = b"c=" + b64encode(NO_BINDING) + b",r=" + nonce.encode()
        signed = b",".join((self._bare, challenge, unproved))
        mask = hmac.digest(hashlib.sha256(client).digest(), signed, "sha256")
        proof = bytes(a ^ b for a, b in zip(client, mask, strict=True))
        self._signature = hmac.digest(
            hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256"
        )
        return unproved + b",p=" + b64encode(proof)

    def check(self, verdict: bytes) -> None:
        """The server's last message. Raises ServerError where it does not prove who sends it."""
        told = _attributes(verdict)
        if "e" in told:
            raise ServerError(f"error received from server in SCRAM exchange: {told['e']}")
        if self._signature is None or not hmac.compare_digest(
            told.get("v", "").encode(), b64encode(self._signature)
        ):
            raise ServerError("incorrect server signature: password authentication failed")
        self.proved = True


def _attributes(message: bytes) -> dict[str, str]:
    """A message's attributes by their letters. Raises ServerError where it is none."""
    try:
        parts = message.decode("ascii").split(",")
    except UnicodeDecodeError:
        raise ServerError("malformed SCRAM message (not ASCII)") from None
    if any(part[1:2] != "=" for part in parts):
        raise ServerError("malformed SCRAM message (attribute expected)")
    return {part[0]: part[2:] for part in reversed(parts)}
