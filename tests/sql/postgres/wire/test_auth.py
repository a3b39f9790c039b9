"""SCRAM as its standards have it, from both sides, and what a false server tries."""

from __future__ import annotations

import hashlib
import hmac
import socket
from base64 import b64decode, b64encode
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.sql.postgres.wire.scripted import OK, Talk, heard, info, scripted, started

from hygge.sql.postgres.wire.auth import MOST_ITERATIONS, SCRAM, Scram, md5
from hygge.sql.postgres.wire.client import Beyond, ServerError, Wire
from hygge.sql.postgres.wire.messages import message

# https://www.rfc-editor.org/rfc/rfc7677#section-3
NONCE = "rOprNGfwEbeRWgbNEkqO"
CHALLENGE = (
    b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
)
FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,"
    b"p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
VERDICT = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def test_the_standards_example() -> None:
    scram = Scram("pencil", "user", NONCE)
    assert scram.first() == b"n,,n=user,r=" + NONCE.encode()
    assert scram.final(CHALLENGE) == FINAL
    assert not scram.proved
    scram.check(VERDICT)
    assert scram.proved


PRINTED = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1)


@settings(deadline=None, max_examples=50)
@given(password=PRINTED, salt=st.binary(min_size=1, max_size=40), count=st.integers(1, 50))
def test_who_has_the_verifier_alone_finds_the_proof_right(
    password: str, salt: bytes, count: int
) -> None:
    """By the server's side of RFC 5802, section 3."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, count)
    stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
    scram = Scram(password)
    bare = scram.first().removeprefix(b"n,,")
    nonce = bare.partition(b",r=")[2] + b"more"
    challenge = b"r=%s,s=%s,i=%d" % (nonce, b64encode(salt), count)
    final, _, proof = scram.final(challenge).rpartition(b",p=")
    signed = b",".join((bare, challenge, final))
    mask = hmac.digest(stored, signed, "sha256")
    key = bytes(a ^ b for a, b in zip(b64decode(proof), mask, strict=True))
    assert hashlib.sha256(key).digest() == stored
    told = hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), signed, "sha256")
    scram.check(b"v=" + b64encode(told))


@pytest.mark.parametrize(
    ("challenge", "told"),
    [
        (CHALLENGE.replace(b"r=r", b"r=x"), "nonce"),
        (b"r=" + NONCE.encode() + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096", "nonce"),
        (CHALLENGE.replace(b"i=4096", b"i=0"), "iteration"),
        (CHALLENGE.replace(b"i=4096", b"i=-1"), "iteration"),
        (CHALLENGE.replace(b"i=4096", b"i=%d" % (MOST_ITERATIONS + 1)), "iteration"),
        (CHALLENGE.replace(b",i=4096", b""), "iteration"),
        (CHALLENGE.replace(b"s=W", b"s=!"), "salt"),
        (CHALLENGE.replace(b"s=W22ZaJ0SNY7soEsUEjb6gQ==", b"s="), "salt"),
        (b"m=new," + CHALLENGE, "extension"),
        (b"nonsense", "attribute"),
        (b"r=\xff", "ASCII"),
        (b"", "attribute"),
    ],
)
def test_a_challenge_that_is_none(challenge: bytes, told: str) -> None:
    with pytest.raises(ServerError, match=told) as caught:
        Scram("pencil", "user", NONCE).final(challenge)
    assert "pencil" not in str(caught.value)


@pytest.mark.parametrize(
    "verdict", [b"v=AAAA", b"v=", b"x=1", b"e=invalid-proof", VERDICT[:-3] + b"A==", b"v=\xff"]
)
def test_a_verdict_that_proves_nothing(verdict: bytes) -> None:
    scram = Scram("pencil", "user", NONCE)
    scram.final(CHALLENGE)
    with pytest.raises(ServerError):
        scram.check(verdict)
    assert not scram.proved


def test_a_verdict_before_the_proof() -> None:
    with pytest.raises(ServerError):
        Scram("pencil", "user", NONCE).check(VERDICT)


def test_md5_as_the_server_computes_it() -> None:
    """`SELECT 'md5' || md5(substr(rolpassword, 4) || salt)`."""
    stored = hashlib.md5(b"secretme", usedforsecurity=False).hexdigest()
    told = hashlib.md5(stored.encode() + b"\1\2\3\4", usedforsecurity=False).hexdigest()
    assert md5("me", "secret", b"\1\2\3\4") == b"md5" + told.encode()


# Servers ------------------------------------------------------------------------------------------

SASL = message(b"R", b"\0\0\0\12" + SCRAM.encode() + b"\0\0")


def asking(*answers: Callable[[bytes], bytes] | bytes) -> Talk:
    """A server that begins with the first answer, and gives the next to each message."""

    def talk(end: socket.socket) -> None:
        said = started(end)
        for number, answer in enumerate(answers):
            said = heard(end)[1] if number else said
            end.sendall(answer if isinstance(answer, bytes) else answer(said))

    return talk


def challenge(said: bytes) -> bytes:
    nonce = said.rpartition(b"r=")[2]
    return message(b"R", b"\0\0\0\13" + b"r=%sx,s=AAAA,i=1" % nonce)


@pytest.mark.parametrize(
    ("answers", "told"),
    [
        ((SASL, OK), "did not complete"),
        ((SASL, challenge, OK), "did not complete"),
        ((SASL, challenge, message(b"R", b"\0\0\0\14v=AAAA")), "signature"),
        ((SASL, SASL), "did not complete"),
        ((message(b"R", b"\0\0\0\13r=x"),), "did not complete"),
        ((message(b"Z", b"I"),), 'received "Z"'),
        ((message(b"R", b"\0"),), "malformed"),
        ((OK + message(b"S", b"one"),), "malformed"), ((OK + message(b"Z"),), "malformed"),
        ((b"HTTP/1.1 400 Bad Request\r\n\r\n",), "lost synchronization"),
        ((message(b"E", b"SFATAL\0C53300\0Msorry, too many clients already\0\0"),), "too many"),
        ((message(b"E", b"SFATAL\0C28000\0Mcaf\xe9\0\0"),), "caf"),
        ((b"",), "closed the connection"),
    ],
)  # fmt: skip
def test_who_does_not_play_by_the_rules(answers: tuple[bytes, ...], told: str) -> None:
    with scripted(asking(*answers)) as port, pytest.raises(ServerError, match=told) as caught:
        Wire.open(info(port, password="unspoken"))
    assert caught.value.sqlstate is None
    assert "unspoken" not in str(caught.value)


@pytest.mark.parametrize(
    ("request_", "password"),
    [
        (SASL, ""), (message(b"R", b"\0\0\0\3"), ""), (message(b"R", b"\0\0\0\5salt"), ""),
        (message(b"R", b"\0\0\0\7"), "pw"), (message(b"R", b"\0\0\0\11"), "pw"),
        (message(b"R", b"\0\0\0\12SCRAM-SHA-512\0\0"), "pw"),
    ],
    ids=["sasl", "cleartext", "md5", "gss", "sspi", "another-sasl"],
)  # fmt: skip
def test_what_libpq_is_left(request_: bytes, password: str) -> None:
    """No password, which may stand in a file of its, and ways that are not spoken here."""
    with scripted(asking(request_)) as port, pytest.raises(Beyond):
        Wire.open(info(port, password=password))
