"""Rows of the binary protocol: found in a stream cut anywhere, and decoded; by plain Python."""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymysql.constants import FIELD_TYPE as T
from pymysql.err import OperationalError

from hygge.core.errors import DataError
from hygge.sql.blocks import SPARE
from hygge.sql.mysql import wire
from hygge.sql.mysql.decode import decode, empty
from hygge.sql.mysql.wire import Block, Definition, Statement

EOF_PACKET = b"\xfe\x00\x00\x02\x00"


def packets(payload: bytes, longest: int = wire.LONGEST) -> bytes:
    """A payload as MySQL frames it: what fills a packet is continued in another, perhaps empty."""
    out = b""
    while True:
        part, payload = payload[:longest], payload[longest:]
        out += len(part).to_bytes(3, "little") + b"\x07" + part
        if len(part) < longest:
            return out


def lenenc(value: bytes) -> bytes:
    size = len(value)
    if size < 251:
        return bytes([size]) + value
    if size < 1 << 16:
        return b"\xfc" + struct.pack("<H", size) + value
    if size < 1 << 24:
        return b"\xfd" + struct.pack("<I", size)[:3] + value
    return b"\xfe" + struct.pack("<Q", size) + value


def moment(value: datetime | date | None, *, clock: bool = True) -> bytes:
    """As servers do: what is zero at the end is left out."""
    assert value is not None
    day = struct.pack("<HBB", value.year, value.month, value.day)
    if not isinstance(value, datetime):
        return bytes([4]) + day
    time = bytes([value.hour, value.minute, value.second])
    if value.microsecond:
        return bytes([11]) + day + time + struct.pack("<I", value.microsecond)
    return bytes([7]) + day + time if any(time) else bytes([4]) + day


def span(value: timedelta) -> bytes:
    if not value:
        return b"\0"
    total = abs(value)
    seconds = total.seconds
    body = struct.pack("<BIBBB", value < timedelta(), total.days, seconds // 3600,
                       seconds // 60 % 60, seconds % 60)  # fmt: skip
    if total.microseconds:
        return bytes([12]) + body + struct.pack("<I", total.microseconds)
    return bytes([8]) + body


LIMIT = timedelta(hours=838, minutes=59, seconds=59, microseconds=999_999)
TEXTS = st.text(max_size=20) | st.text(min_size=80, max_size=90).map(lambda t: t * 4)
KINDS: dict[str, tuple[Definition, Any, Any, Any]] = {
    "tiny": (Definition("", T.TINY), st.integers(-128, 127), "<b", pl.Int8),
    "utiny": (Definition("", T.TINY, unsigned=True), st.integers(0, 255), "<B", pl.UInt8),
    "short": (Definition("", T.SHORT), st.integers(-(2**15), 2**15 - 1), "<h", pl.Int16),
    "year": (Definition("", T.YEAR, unsigned=True), st.integers(1901, 2155), "<H", pl.UInt16),
    "int24": (Definition("", T.INT24), st.integers(-(2**23), 2**23 - 1), "<i", pl.Int32),
    "ulong": (Definition("", T.LONG, unsigned=True), st.integers(0, 2**32 - 1), "<I", pl.UInt32),
    "big": (Definition("", T.LONGLONG), st.integers(-(2**63), 2**63 - 1), "<q", pl.Int64),
    "ubig": (Definition("", T.LONGLONG, unsigned=True), st.integers(0, 2**64 - 1), "<Q", pl.UInt64),
    "float": (Definition("", T.FLOAT), st.floats(width=32, allow_nan=False), "<f", pl.Float32),
    "double": (Definition("", T.DOUBLE), st.floats(allow_nan=False), "<d", pl.Float64),
    "date": (Definition("", T.DATE), st.dates(), moment, pl.Date),
    "datetime": (Definition("", T.DATETIME), st.datetimes(), moment, pl.Datetime("us")),
    "timestamp": (Definition("", T.TIMESTAMP), st.datetimes(timezones=st.just(UTC)), moment,
                  pl.Datetime("us", "UTC")),
    "time": (Definition("", T.TIME), st.timedeltas(-LIMIT, LIMIT), span, pl.Duration("us")),
    "decimal": (Definition("", T.NEWDECIMAL, length=12, scale=2),
                st.integers(-(10**10) + 1, 10**10 - 1).map(lambda n: Decimal(n).scaleb(-2)),
                lambda v: lenenc(f"{v:.2f}".encode()), pl.Decimal(10, 2)),
    "wide": (Definition("", T.NEWDECIMAL, length=67, scale=30),
             st.just(Decimal("1" * 35 + "." + "2" * 30)),
             lambda v: lenenc(str(v).encode()), pl.String),
    "bit": (Definition("", T.BIT, binary=True, length=12), st.integers(0, 2**12 - 1),
            lambda v: lenenc(v.to_bytes(2, "big")), pl.UInt64),
    "one bit": (Definition("", T.BIT, binary=True, length=1), st.booleans(),
                lambda v: lenenc(bytes([v])), pl.Boolean),
    "text": (Definition("", T.VAR_STRING), TEXTS, lambda v: lenenc(v.encode()), pl.String),
    "bytes": (Definition("", T.BLOB, binary=True), st.binary(max_size=600), lenenc, pl.Binary),
    "json": (Definition("", T.JSON, binary=True), st.just("{}"), lambda v: lenenc(v.encode()),
             pl.String),
}  # fmt: skip


def row(values: Sequence[Any], kinds: Sequence[str]) -> bytes:
    nulls = bytearray((len(values) + 9) // 8)
    out = b""
    for at, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        if value is None:
            nulls[(at + 2) // 8] |= 1 << (at + 2) % 8
            continue
        write = KINDS[kind][2]
        out += struct.pack(write, value) if isinstance(write, str) else write(value)
    return b"\0" + bytes(nulls) + out


class Stream:
    """What a PyMySQL connection has, over bytes that come in pieces."""

    def __init__(self, data: bytes, piece: int) -> None:
        class Raw(io.RawIOBase):
            def __init__(self) -> None:
                self.rest = memoryview(data)

            def readable(self) -> bool:
                return True

            def readinto(self, into: Any) -> int:
                count = min(len(into), piece, len(self.rest))
                into[:count], self.rest = self.rest[:count], self.rest[count:]
                return count

        self._rfile = io.BufferedReader(Raw(), 64)


def blocks(data: bytes, most: int = 1000, piece: int = 1 << 20) -> list[Block]:
    statement = Statement.__new__(Statement)
    statement._connection = Stream(data, piece)
    return list(statement._rows(most))


@st.composite
def tables(draw: Any) -> tuple[list[str], list[list[Any]]]:
    kinds = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=12))
    one = st.tuples(*(st.none() | KINDS[kind][1] for kind in kinds))
    return kinds, draw(st.lists(one, max_size=12))


@settings(max_examples=300, deadline=None)
@given(tables(), st.integers(1, 5), st.integers(1, 300))
def test_any_rows_come_back(
    table: tuple[list[str], list[list[Any]]], most: int, piece: int
) -> None:
    kinds, rows = table
    columns = [
        Definition(str(n), d.type, d.binary, d.unsigned, d.length, d.scale)
        for n, d in enumerate(KINDS[kind][0] for kind in kinds)
    ]
    stream = b"".join(packets(row(values, kinds)) for values in rows) + packets(EOF_PACKET)
    frames = [decode(block, columns) for block in blocks(stream, most, piece)]
    assert all(1 <= frame.height <= most for frame in frames)
    whole = pl.concat([empty(columns), *frames])
    assert whole.dtypes == [KINDS[kind][3] for kind in kinds]
    expected = [
        tuple(str(v) if k == "wide" and v is not None else v
              for k, v in zip(kinds, values, strict=True))
        for values in rows
    ]  # fmt: skip
    assert whole.rows() == expected


@pytest.mark.parametrize("size", [0, 1, 250, 251, 65_535, 65_536, 9 << 20])
def test_texts_of_all_lengths(size: int) -> None:
    texts = ["x" * size, None, "é", "y" * size]
    stream = b"".join(packets(row([t, 7], ["text", "tiny"])) for t in texts) + packets(EOF_PACKET)
    columns = [Definition("t", T.BLOB), Definition("n", T.TINY)]
    frames = [decode(block, columns) for block in blocks(stream)]
    assert pl.concat(frames).rows() == [(t, 7) for t in texts]


@pytest.mark.parametrize("most", [1, 2, 9])
@pytest.mark.parametrize("longest", [11, 12, 13, 40])
def test_rows_that_take_several_packets(
    monkeypatch: pytest.MonkeyPatch, longest: int, most: int
) -> None:
    """The protocol's own length at which packets go on is 16 MB; here it is shorter."""
    monkeypatch.setattr(wire, "LONGEST", longest)
    monkeypatch.setattr(wire, "_head", lambda view, at: (Length.at(view, at),))
    texts = ["x" * n for n in range(60)]
    rows = [packets(row([t, 7], ["text", "tiny"]), longest) for t in texts]
    columns = [Definition("t", T.BLOB), Definition("n", T.TINY)]
    for piece in (1, 7, 64, 5000):
        found = blocks(b"".join(rows) + packets(EOF_PACKET, longest), most, piece)
        whole = pl.concat([decode(block, columns) for block in found])
        assert whole.rows() == [(t, 7) for t in texts]


class Length(int):
    """A length that no mask shortens, since the shorter LONGEST is no mask."""

    @classmethod
    def at(cls, view: memoryview, at: int) -> Length:
        return cls(int.from_bytes(view[at : at + 3], "little"))

    def __and__(self, other: int) -> int:
        return int(self)


def test_a_row_of_more_than_16_megabytes() -> None:
    text = "z" * (wire.LONGEST + 1000)
    stream = b"".join(
        packets(row([t, 7], ["text", "tiny"])) for t in ("a", text, "b")
    ) + packets(EOF_PACKET)  # fmt: skip
    columns = [Definition("t", T.BLOB), Definition("n", T.TINY)]
    found = pl.concat([decode(block, columns) for block in blocks(stream)])
    assert found["t"].to_list() == ["a", text, "b"]


def test_wide_rows_are_bounded_by_bytes() -> None:
    """However many rows a batch may have, it holds few bytes."""
    one = packets(row(["x" * 1_000_000, 7], ["text", "tiny"]))
    found = blocks(one * 40 + packets(EOF_PACKET), 100_000)
    assert sum(len(block.starts) for block in found) == 40
    assert max(len(block.buffer) for block in found) <= wire.BLOCK + SPARE


def test_an_error_after_some_rows() -> None:
    rows = packets(row([1], ["tiny"])) * 3
    killed = b"\xff" + struct.pack("<H", 1317) + b"#70100Query execution was interrupted"
    statement = Statement.__new__(Statement)
    statement._connection = Stream(rows + packets(killed), 1000)
    found = statement._rows(1000)
    assert len(next(found).starts) == 3
    with pytest.raises(OperationalError, match="interrupted"):
        next(found)


@pytest.mark.parametrize("cut", [0, 3, 5, 9])
def test_a_stream_that_ends_within(cut: int) -> None:
    whole = packets(row([1], ["tiny"])) * 2
    with pytest.raises(OperationalError, match="closed"):
        blocks(whole[: len(whole) - cut])


@pytest.mark.parametrize(
    ("day", "shown"),
    [
        (b"\0", "0000-00-00"),
        (b"\4" + struct.pack("<HBB", 2024, 0, 0), "2024-00-00"),
        (b"\4" + struct.pack("<HBB", 2023, 2, 29), "2023-02-29"),
        (b"\4" + struct.pack("<HBB", 0, 1, 1), "0000-01-01"),
        (b"\4" + struct.pack("<HBB", 2024, 13, 1), "2024-13-01"),
    ],
)
def test_days_that_no_calendar_has_are_text(day: bytes, shown: str) -> None:
    good = moment(date(2024, 2, 29))
    body = [b"\0\0" + value for value in (good, day)] + [b"\0" + bytes([1 << 2])]
    stream = b"".join(map(packets, body)) + packets(EOF_PACKET)
    for kind, tail in ((T.DATE, ""), (T.DATETIME, " 00:00:00.000000"),
                       (T.TIMESTAMP, " 00:00:00.000000+00:00")):  # fmt: skip
        (frame,) = [decode(block, [Definition("d", kind)]) for block in blocks(stream)]
        assert frame["d"].to_list() == [f"2024-02-29{tail}", f"{shown}{tail}", None]


def test_what_is_not_utf8_is_told() -> None:
    stream = packets(b"\0\0" + lenenc(b"\xff\xfe")) + packets(EOF_PACKET)
    (block,) = blocks(stream)
    with pytest.raises(DataError, match="'t' cannot be read"):
        decode(block, [Definition("t", T.VAR_STRING)])


@pytest.mark.parametrize("size", [1 << 30, (1 << 63) - 1, 1 << 63, (1 << 64) - 1])
@pytest.mark.parametrize("kind", [T.VAR_STRING, T.BLOB, T.NEWDECIMAL, T.BIT])
def test_a_length_that_leads_beyond_the_block_is_told(size: int, kind: int) -> None:
    good = packets(b"\0\0" + lenenc(b"1"))
    (block,) = blocks(good + packets(b"\0\0\xfe" + struct.pack("<Q", size)) + packets(EOF_PACKET))
    with pytest.raises(DataError, match="'t' cannot be read: a value ends beyond the last row"):
        decode(block, [Definition("t", kind, length=10)])


def test_a_type_that_is_not_known_is_told() -> None:
    block = Block(np.zeros(SPARE + 8, np.uint8), np.zeros(1, np.int64))
    with pytest.raises(DataError, match="'x' is of the wire's type 99"):
        decode(block, [Definition("x", 99)])
