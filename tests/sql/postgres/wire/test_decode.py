"""Columns from COPY's binary rows, and back: what is laid down is what is read."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from hygge.core.errors import DataError
from hygge.sql.blocks import SPARE
from hygge.sql.postgres.wire.decode import NOTHING, SIGNATURE, decode, strip
from hygge.sql.postgres.wire.messages import Column

INFINITY = {">i": (2**31 - 1, -(2**31)), ">q": (2**63 - 1, -(2**63))}


def number(form: str) -> Any:
    return lambda value: struct.pack(f">{form}", value)


def text(value: str) -> bytes:
    return value.encode()


def ticks(value: datetime) -> bytes:
    return struct.pack(
        ">q", (value - datetime(2000, 1, 1, tzinfo=value.tzinfo)) // timedelta.resolution
    )


def array(oid: int, send: Any) -> Any:
    def made(values: list[Any]) -> bytes:
        if not values:
            return struct.pack(">iii", 0, 0, oid)
        head = struct.pack(">iiiii", 1, None in values, oid, len(values), 1)
        return head + b"".join(value_of(v, send) for v in values)

    return made


def value_of(value: Any, send: Any) -> bytes:
    sent = None if value is None else send(value)
    return struct.pack(">i", -1) if sent is None else struct.pack(">i", len(sent)) + sent


STRINGS = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=30)
MOMENTS = st.datetimes()
# By oid: values, how PostgreSQL sends one, and the dtype they come in.
TYPES: dict[int, tuple[st.SearchStrategy[Any], Any, Any]] = {
    16: (st.booleans(), number("B"), pl.Boolean),
    17: (st.binary(max_size=30), bytes, pl.Binary),
    20: (st.integers(-(2**63), 2**63 - 1), number("q"), pl.Int64),
    21: (st.integers(-(2**15), 2**15 - 1), number("h"), pl.Int16),
    23: (st.integers(-(2**31), 2**31 - 1), number("i"), pl.Int32),
    25: (STRINGS, text, pl.String),
    114: (STRINGS, text, pl.String),
    700: (st.floats(width=32, allow_nan=False), number("f"), pl.Float32),
    701: (st.floats(allow_nan=False), number("d"), pl.Float64),
    1043: (STRINGS, text, pl.String),
    1082: (st.dates(), lambda v: struct.pack(">i", (v - date(2000, 1, 1)).days), pl.Date),
    1083: (st.integers(0, 86_400_000_000), number("q"), pl.Int64),
    1114: (MOMENTS, ticks, pl.Datetime("us")),
    1184: (MOMENTS.map(lambda at: at.replace(tzinfo=UTC)), ticks, pl.Datetime("us", "UTC")),
    3802: (STRINGS, lambda v: b"\x01" + v.encode(), pl.String),
}
ARRAYS = {16: 1000, 17: 1001, 20: 1016, 21: 1005, 23: 1007, 25: 1009, 700: 1021, 701: 1022}
for inner, oid in ARRAYS.items():
    values, send, dtype = TYPES[inner]
    TYPES[oid] = (st.lists(values | st.none(), max_size=5), array(inner, send), pl.List(dtype))


def block(rows: list[tuple[Any, ...]], oids: list[int]) -> tuple[Any, Any, Any]:
    """Rows as a server sends them, each after some bytes that are none of it."""
    data, starts, ends = b"", [], []
    for row in rows:
        data += b"d...."
        starts.append(len(data))
        data += struct.pack(">h", len(row))
        data += b"".join(value_of(v, TYPES[o][1]) for v, o in zip(row, oids, strict=True))
        ends.append(len(data))
    buffer = np.frombuffer(data + b"\xaa" * SPARE, np.uint8)
    return buffer, np.array(starts, np.int64), np.array(ends, np.int64)


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[int], list[tuple[Any, ...]]]:
    oids = draw(st.lists(st.sampled_from(sorted(TYPES)), min_size=1, max_size=8))
    filled = [draw(st.booleans()) for _ in oids]  # columns without a NULL are found together
    row = st.tuples(*[
        TYPES[oid][0] if full else TYPES[oid][0] | st.none()
        for oid, full in zip(oids, filled, strict=True)
    ])  # fmt: skip
    return oids, draw(st.lists(row, max_size=12))


@given(tables())
def test_values_come_as_they_were_sent(table: tuple[list[int], list[tuple[Any, ...]]]) -> None:
    oids, rows = table
    wanted = [Column(f"c{n}", oid) for n, oid in enumerate(oids)]
    schema = {name: TYPES[oid][2] for name, oid, _ in wanted}
    assert_frame_equal(
        decode(*block(rows, oids), wanted), pl.DataFrame(rows, schema=schema, orient="row")
    )


@given(tables(), st.data())
def test_no_row_that_was_cut_or_lengthened_is_taken(
    table: tuple[list[int], list[tuple[Any, ...]]], data: st.DataObject
) -> None:
    oids, rows = table
    buffer, starts, ends = block(rows, oids)
    if not rows:
        return
    at = data.draw(st.integers(0, len(rows) - 1))
    ends = ends.copy()
    ends[at] += data.draw(st.sampled_from([-3, -1, 1, 4]))
    with pytest.raises(DataError, match="lengths"):
        decode(buffer, starts, ends, [Column(f"c{n}", oid) for n, oid in enumerate(oids)])


@given(tables(), st.binary(min_size=1, max_size=8), st.floats(0, 1, exclude_max=True))
def test_garbage_is_an_error_or_values_but_never_a_crash(
    table: tuple[list[int], list[tuple[Any, ...]]], garbage: bytes, where: float
) -> None:
    oids, rows = table
    buffer, starts, ends = block(rows, oids)
    changed = buffer.copy()
    at = int(where * len(changed))
    changed[at : at + len(garbage)] = np.frombuffer(garbage, np.uint8)[: len(changed) - at]
    try:
        frame = decode(changed, starts, ends, [Column(f"c{n}", o) for n, o in enumerate(oids)])
    except DataError:
        return
    assert frame.height == len(rows)


@pytest.mark.parametrize("oid", [1082, 1114, 1184])
def test_infinity_is_no_time_of_any_calendar(oid: int) -> None:
    """It is told from times by their range; see `frames.Fit`."""
    form = ">i" if oid == 1082 else ">q"
    data = b"".join(
        struct.pack(">hi", 1, struct.calcsize(form)) + struct.pack(form, v) for v in INFINITY[form]
    )
    size = len(data) // 2
    starts = np.array([0, size])
    buffer = np.frombuffer(data + bytes(SPARE), np.uint8)
    numbers = decode(buffer, starts, starts + size, [Column("t", oid)])["t"].to_physical()
    day = 1 if oid == 1082 else 86_400_000_000
    assert not numbers.is_between(-719_162 * day, 2_932_897 * day).any()


def test_what_begins_and_ends_a_copy_is_no_row() -> None:
    row = struct.pack(">hih", 1, 2, 7)
    head = SIGNATURE + struct.pack(">ii", 0, 3) + b"???"
    data = head + row + row + struct.pack(">h", -1)
    buffer = np.frombuffer(data + bytes(SPARE), np.uint8)
    first = len(head) + len(row)
    starts = np.array([0, first, first + len(row)])
    ends = np.array([first, first + len(row), len(data)])
    rows = strip(buffer, starts, ends, first=True)
    assert decode(buffer, *rows, [Column("n", 21)])["n"].to_list() == [7, 7]
    later = strip(buffer, starts[1:], ends[1:], first=False)
    assert decode(buffer, *later, [Column("n", 21)])["n"].to_list() == [7]


def test_a_copy_without_rows() -> None:
    data = SIGNATURE + bytes(8)
    buffer = np.frombuffer(data + b"\xff\xff" + bytes(SPARE), np.uint8)
    for starts, ends in (
        ([0, len(data)], [len(data), len(data) + 2]), ([0], [len(data)]),
    ):  # fmt: skip
        rows = strip(buffer, np.array(starts), np.array(ends), first=True)
        assert decode(buffer, *rows, [Column("n", 21)]).is_empty()
    assert strip(*NOTHING, first=True)[0].size == 0


def test_what_does_not_begin_as_a_copy_does_is_refused() -> None:
    buffer = np.frombuffer(b"PGCOPY\r\n" + bytes(SPARE), np.uint8)
    with pytest.raises(DataError, match="does not begin"):
        strip(buffer, np.array([0]), np.array([8]), first=True)


@pytest.mark.parametrize(
    ("row", "oid", "why"),
    [
        (struct.pack(">hih", 2, 2, 7), 21, "do not have 1 values"),
        (struct.pack(">hi", 1, 4) + b"abcd", 21, "not of 2 bytes"),
        (struct.pack(">hi", 1, 2) + b"\xff\xfe", 25, "cannot be read"),
        (struct.pack(">hi", 1, 3) + b"\x02[]", 3802, "another form"),
        (struct.pack(">hi", 1, 0), 3802, "another form"),
        (struct.pack(">hi", 1, 12) + struct.pack(">iii", 2, 0, 23), 1007, "one dimension"),
        (struct.pack(">hi", 1, -7), 25, "less than that of NULL"),
        (struct.pack(">hi", 1, 2**30), 25, "beyond the last row"),
        (struct.pack(">hi", 1, 2**31 - 1), 17, "beyond the last row"),
        (struct.pack(">hi5ii", 1, 24, 1, 0, 17, 1, 1, 2**30), 1001, "beyond the last row"),
        (struct.pack(">hi5ii", 1, 24, 1, 0, 23, 2, 1, -1) + b"\xff" * 4, 1007, "its elements"),
        (struct.pack(">hi", 1, 0), 4711, "not known"),
    ],
)
def test_what_is_not_as_described_is_refused(row: bytes, oid: int, why: str) -> None:
    buffer = np.frombuffer(row + bytes(SPARE), np.uint8)
    with pytest.raises(DataError, match=why):
        decode(buffer, np.array([0]), np.array([len(row)]), [Column("c", oid)])
