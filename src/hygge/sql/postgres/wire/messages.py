"""Messages of PostgreSQL's frontend/backend protocol 3.0: laid down, and taken apart.

Pure functions. Formats: https://www.postgresql.org/docs/current/protocol-message-formats.html;
fields of errors: https://www.postgresql.org/docs/current/protocol-error-fields.html.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import NamedTuple

from hygge.sql.blocks import Bytes, Places

PROTOCOL, CANCEL, TLS = 196608, 80877102, 80877103
"""What begins a connection: version 3.0 (3 << 16), CancelRequest, SSLRequest."""
HEAD = 5
"""Before each message: its kind, and the length of the rest, itself included."""
AUTHENTICATION, KEY, PARAMETER, READY = ord("R"), ord("K"), ord("S"), ord("Z")
ERROR, NOTICE, NOTIFICATION = ord("E"), ord("N"), ord("A")
ROWS, ROW, COMPLETE, EMPTY = ord("T"), ord("D"), ord("C"), ord("I")
COPY_IN, COPY_OUT, COPY_BOTH, COPY_DATA = b"GHWd"
PASSING = frozenset((PARAMETER, NOTICE, NOTIFICATION))
"""What may come at any time: "Asynchronous Operations" in protocol-flow.html."""
KNOWN = frozenset(b"RKSZENATDCI1tnGHWdcv")
"""All that a server may send to what is asked here."""
LONG = frozenset(b"TDdENAv")
MOST_SHORT = 30_000
"""Of the others none is longer: by this libpq too knows that it lost its place (fe-protocol3.c)."""

_NO_TEXT = "22021"
"""The SQLSTATE character_not_in_repertoire."""

_int16, _int32 = struct.Struct("!h"), struct.Struct("!i")
_head, _field = struct.Struct("!Bi"), struct.Struct("!IhIhih")


class ServerError(Exception):
    """What the server refused, or what became of the connection, as libpq writes it.

    Parameters
    ----------
    text: `ERROR:  ...`, then lines of DETAIL, HINT, CONTEXT.
    sqlstate: its code; None where the connection failed.
    """

    def __init__(self, text: str, sqlstate: str | None = None) -> None:
        super().__init__(text)
        self.sqlstate = sqlstate


class Beyond(Exception):
    """What is asked is not spoken here: the connection is to be opened through libpq."""


class Column(NamedTuple):
    """A column of a result.

    Parameters
    ----------
    name: as the statement calls it.
    oid: its type's.
    modifier: of the type, as pg_attribute.atttypmod has it; -1 where there is none.
    """

    name: str
    oid: int
    modifier: int = -1


class Answer(NamedTuple):
    """What one statement came to.

    Parameters
    ----------
    columns: of its rows; none where it gives none.
    rows: the text of each value, None for NULL.
    tag: what was done, as `UPDATE 3`; empty of an empty statement.
    """

    columns: tuple[Column, ...]
    rows: list[tuple[str | None, ...]]
    tag: str


class Block(NamedTuple):
    """CopyData as it came: message i carries `data[starts[i]:ends[i]]`.

    Parameters
    ----------
    data: a buffer of the block's own.
    starts, ends: of what each message carries, in order.
    """

    data: Bytes
    starts: Places
    ends: Places


def message(kind: bytes, *parts: bytes) -> bytes:
    """A message of a kind, its parts one after the other."""
    body = b"".join(parts)
    return kind + _int32.pack(len(body) + 4) + body


def untyped(code: int, *parts: bytes) -> bytes:
    """What begins a connection, which alone has no kind."""
    body = b"".join(parts)
    return struct.pack("!ii", len(body) + 8, code) + body


def text(value: str) -> bytes:
    """A text as the protocol has it. Raises ServerError, as of what the server refuses, where it
    has a NUL, which would end it, or half of a surrogate pair."""
    if "\0" in value:
        raise ServerError("ERROR:  a statement has a NUL character", _NO_TEXT)
    try:
        return value.encode() + b"\0"
    except UnicodeEncodeError as error:
        raise ServerError(f"ERROR:  a statement is no text: {error.reason}", _NO_TEXT) from None


def startup(parameters: Mapping[str, str]) -> bytes:
    """StartupMessage."""
    told = b"".join(text(part) for pair in parameters.items() for part in pair)
    return untyped(PROTOCOL, told, b"\0")


def describe(sql: str) -> bytes:
    """Parse as the unnamed statement, Describe, Sync."""
    parse = message(b"P", b"\0", text(sql), b"\0\0")
    return parse + message(b"D", b"S\0") + message(b"S")


def copy_data(size: int) -> bytes:
    """What stands before so many bytes of CopyData."""
    return b"d" + _int32.pack(size + 4)


def head(view: memoryview, at: int) -> tuple[int, int]:
    """The kind of the message that begins at a place, and its length without the kind."""
    kind, length = _head.unpack_from(view, at)
    return kind, length


@contextmanager
def well_formed() -> Iterator[None]:
    """What a message is taken apart in. Raises ServerError where it is none."""
    try:
        yield
    except (struct.error, LookupError, ValueError):
        raise ServerError("lost synchronization with server: a malformed message") from None


@well_formed()
def number(body: memoryview) -> int:
    """The 32 bits that a message begins with."""
    value: int = _int32.unpack_from(body)[0]
    return value


@well_formed()
def state(body: memoryview) -> str:
    """Of the transaction, as ReadyForQuery tells it."""
    return {ord(known): known for known in "ITE"}[body[0]]


@well_formed()
def parameter(body: memoryview) -> tuple[str, str]:
    """The name and the value that a ParameterStatus tells."""
    name, value = texts(body)
    return name, value


def texts(body: memoryview) -> list[str]:
    """All texts of a message; what is no UTF-8, as a server says before it knows what is wanted of
    it, with marks in its place."""
    return bytes(body).decode(errors="replace").split("\0")[:-1]


@well_formed()
def columns(body: memoryview) -> tuple[Column, ...]:
    """Of a RowDescription."""
    raw, at, found = bytes(body), 2, []
    for _ in range(_int16.unpack_from(raw)[0]):
        end = raw.index(b"\0", at)
        _, _, oid, _, modifier, _ = _field.unpack_from(raw, end + 1)
        found.append(Column(raw[at:end].decode(), oid, modifier))
        at = end + 1 + _field.size
    return tuple(found)


@well_formed()
def values(body: memoryview) -> tuple[bytes | None, ...]:
    """Of a DataRow."""
    raw, at = bytes(body), 2
    found: list[bytes | None] = []
    for _ in range(_int16.unpack_from(raw)[0]):
        length = _int32.unpack_from(raw, at)[0]
        at += 4
        if length < 0:
            found.append(None)
            continue
        found.append(raw[at : at + length])
        at += length
    if at != len(raw):
        raise ValueError("the values are not as long as they say")
    return tuple(found)


def counted(tag: str) -> int | None:
    """How many rows a command's tag tells of; None where it tells of none."""
    last = tag.rpartition(" ")[2]
    return int(last) if last.isdecimal() else None


_AFTER = (("D", "DETAIL"), ("H", "HINT"), ("q", "QUERY"), ("W", "CONTEXT"))


def error(body: memoryview, sql: str = "") -> ServerError:
    """An ErrorResponse, worded as libpq does by default (pqBuildErrorMessage3 in fe-protocol3.c).

    Parameters
    ----------
    sql: what was asked, to show where in it the error is.
    """
    fields = {part[0]: part[1:] for part in texts(body) if part}
    lines = [f"{fields.get('S', 'ERROR')}:  {fields.get('M', '')}"]
    place, asked = (fields.get("P"), sql) if "P" in fields else (fields.get("p"), fields.get("q"))
    if place and asked and place.isdecimal():
        lines += _pointed(asked, int(place) - 1)
    lines += [f"{name}:  {fields[key]}" for key, name in _AFTER if key in fields]
    return ServerError("\n".join(lines), fields.get("C"))


_LEFT, _RIGHT = 40, 20
"""Characters of a line that are shown before and after where an error is."""


def _pointed(sql: str, at: int) -> list[str]:
    """The line of a statement with a mark below a place in it; nothing where it has no such one."""
    if not 0 <= at <= len(sql):
        return []
    line = len(re.findall(r"\r\n|\r|\n", sql[:at])) + 1
    begin = max(sql.rfind("\n", 0, at), sql.rfind("\r", 0, at)) + 1
    shown = re.split(r"[\r\n]", sql[begin:], maxsplit=1)[0].replace("\t", " ")
    at -= begin
    cut = max(0, at - _LEFT)
    lead = f"LINE {line}: {'...' if cut else ''}"
    tail = "..." if len(shown) > at + _RIGHT else ""
    return [f"{lead}{shown[cut : at + _RIGHT]}{tail}", " " * (len(lead) + at - cut) + "^"]
