"""MySQL's client/server protocol, as far as reading needs it: prepared SELECTs, rows as they come.

PyMySQL opens the connection, proves who we are, and frames commands; rows are taken from its
stream here, whole blocks at a time, since an object per value is what makes drivers slow. The
binary protocol is used rather than text, since it alone brings a FLOAT exactly, and says what a
query gives without running it.

Protocol: https://dev.mysql.com/doc/dev/mysql-server/latest/PAGE_PROTOCOL.html ("Prepared
Statements", "Binary Protocol Resultset") and https://mariadb.com/kb/en/clientserver-protocol/.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from pymysql.constants import CR
from pymysql.err import InternalError, OperationalError, raise_mysql_exception
from pymysql.protocol import FieldDescriptorPacket

from hygge.sql.blocks import SPARE, Bytes, Places

COM_STMT_PREPARE, COM_STMT_EXECUTE, COM_STMT_CLOSE = 0x16, 0x17, 0x19
HEADER = 4
"""Before each packet: three bytes of length, and a number."""
LONGEST = 0xFFFFFF
"""A packet of this length is continued in the next one."""
ROW, EOF, ERR = 0x00, 0xFE, 0xFF
"""What a packet of a binary result begins with."""
BLOCK = 8 << 20
"""Bytes of rows that are decoded together, unless one row is longer."""
NOT_NULL, UNSIGNED, ENUM, SET = 1, 32, 256, 2048
"""Flags of a column: https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__column__definition__flags.html.
ZEROFILL implies UNSIGNED."""
BINARY = 63
"""The character set that is none."""

_head = struct.Struct("<I").unpack_from


@dataclass(frozen=True, slots=True)
class Definition:
    """What the server says of a result's column before it sends rows.

    Parameters
    ----------
    name: as the query calls it.
    type: the wire's type, `MYSQL_TYPE_...`.
    binary: whether its values are bytes rather than text.
    unsigned: whether a number has no sign.
    length: in bytes, as declared; of a BIT, in bits.
    scale: digits after the point.
    required: whether it is never NULL.
    listed: `enum` or `set`, where its texts are those of a list.
    """

    name: str
    type: int
    binary: bool = False
    unsigned: bool = False
    length: int = 0
    scale: int = 0
    required: bool = False
    listed: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows as they came.

    Parameters
    ----------
    buffer: packets one after the other, then at least SPARE bytes of no meaning.
    starts: where each row's packet begins, with its header.
    """

    buffer: Bytes
    starts: Places


class Statement:
    """A SELECT, prepared on a connection: its columns are known, and it can be run once.

    Parameters
    ----------
    connection: a `pymysql.Connection`, without an open result.
    sql: the statement.

    Raises what PyMySQL raises, as every method here does.
    """

    def __init__(self, connection: Any, sql: str) -> None:
        self._connection = connection
        connection._execute_command(COM_STMT_PREPARE, sql)
        answer = connection._read_packet().get_all_data()
        self._number, columns, parameters = struct.unpack_from("<IHH", answer, 1)
        self._definitions(parameters)
        self.columns = self._definitions(columns)
        self.ended = True

    def _definitions(self, count: int) -> list[Definition]:
        found = [
            _definition(self._connection._read_packet(FieldDescriptorPacket)) for _ in range(count)
        ]
        if count:
            self._connection._read_packet()  # the EOF packet after them
        return found

    def blocks(self, most_rows: int) -> Iterator[Block]:
        """Run it; its rows in blocks of at most `most_rows`, as the server sends them."""
        if self.columns:
            self.ended = False
        execute = struct.pack("<IBI", self._number, 0, 1)  # no cursor: all rows, at once
        self._connection._execute_command(COM_STMT_EXECUTE, execute)
        answer = self._connection._read_packet()
        count = 0 if answer.is_ok_packet() else answer.read_length_encoded_integer()
        self.columns = self._definitions(count)
        if count:
            yield from self._rows(most_rows)
        self.ended = True

    def _rows(self, most_rows: int) -> Iterator[Block]:
        buffer = np.empty(BLOCK + SPARE, np.uint8)
        at, filled = 0, self._ahead(buffer.data)
        starts: list[int] = []
        while True:
            view = buffer.data
            at, filled = walk(view, at, filled, starts, most_rows)
            last = bool(starts) and view[starts[-1] + HEADER] != ROW
            end = bytes(view[starts.pop() : filled]) if last else b""
            full = filled == len(buffer) - SPARE
            if starts and (last or full or len(starts) == most_rows):
                yield Block(buffer, _checked(buffer, starts))
                starts = []
            elif full:  # of a part of a row: those that follow may need new room, or more of it
                size = 2 * len(buffer) if at == 0 else len(buffer)
                rest, buffer = buffer[at:filled], np.empty(max(size, BLOCK + SPARE), np.uint8)
                buffer[: len(rest)] = rest
                at, filled = 0, len(rest)
            elif not last:
                filled += self._more(view[filled : len(buffer) - SPARE])
            if last:
                _raise_error(end)
                return

    def _ahead(self, into: memoryview) -> int:
        """Take what was read ahead with the packets before, so that the raw stream can be used."""
        reader = self._connection._rfile
        count: int = reader.readinto(into[: len(reader.peek())])
        return count

    def _more(self, into: memoryview) -> int:
        """Take what there is, at least a byte."""
        # Not readinto1(), which waits for more although something was read ahead.
        count: int = self._connection._rfile.raw.readinto(into)
        if not count:
            raise OperationalError(CR.CR_SERVER_LOST, "the server closed the connection")
        return count

    def close(self) -> None:
        """Have the server forget it. Not while rows are still to come."""
        self._connection._execute_command(COM_STMT_CLOSE, struct.pack("<I", self._number))


def walk(view: memoryview, at: int, filled: int, starts: list[int], most: int) -> tuple[int, int]:
    """Find the packets that are there in whole, and join those that continue each other.

    Parameters
    ----------
    view: the packets.
    at: where the first begins.
    filled: where what was received ends.
    starts: gets where each begins, up to `most` in all.

    Returns where the first packet begins that is not whole, and where what was received ends now:
    joining takes the inner headers out.
    """
    add = starts.append
    for _ in range(most - len(starts)):
        if at + HEADER > filled:
            break
        length = _head(view, at)[0] & LONGEST
        after = at + HEADER + length
        if after > filled:
            break
        if length == LONGEST:
            parts = _parts(view, after, filled)
            if parts is None:
                break
            for start, end in parts:  # each without its header, to where the one before it ends
                view[after : after + end - start] = view[start:end]
                after += end - start
            view[after : after + filled - end] = view[end:filled]
            filled -= end - after
        add(at)
        at = after
    return at, filled


def _parts(view: memoryview, at: int, filled: int) -> list[tuple[int, int]] | None:
    """The packets that continue one, without their headers; None where they are not all there."""
    parts = []
    length = LONGEST
    while length == LONGEST:
        if at + HEADER > filled:
            return None
        length = _head(view, at)[0] & LONGEST
        start, at = at + HEADER, at + HEADER + length
        if at > filled:
            return None
        parts.append((start, at))
    return parts


def _checked(buffer: Bytes, starts: list[int]) -> Places:
    """The starts as an array, each of which is a row's."""
    places = np.fromiter(starts, np.int64, len(starts))
    if buffer[places + HEADER].any():
        raise InternalError(CR.CR_MALFORMED_PACKET, "what came among the rows is no row")
    return places


def _raise_error(packet: bytes) -> None:
    """Raise what the packet after the last row says, unless it is that there are no more."""
    if packet[HEADER] == ERR:
        raise_mysql_exception(packet[HEADER:])
    if packet[HEADER] != EOF:
        raise InternalError(
            CR.CR_MALFORMED_PACKET, f"what came after the rows begins with {packet[HEADER]}"
        )


def _definition(packet: Any) -> Definition:
    return Definition(
        name=packet.name, type=packet.type_code, binary=packet.charsetnr == BINARY,
        unsigned=bool(packet.flags & UNSIGNED), length=packet.length, scale=packet.scale,
        required=bool(packet.flags & NOT_NULL),
        listed="enum" if packet.flags & ENUM else "set" if packet.flags & SET else "",
    )  # fmt: skip
