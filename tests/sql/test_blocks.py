"""Values out of blocks of bytes, and buffers that are used again."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.sql.blocks import SPARE, Buffers, look, views


@given(st.lists(st.binary(max_size=40) | st.none(), max_size=20))
def test_slices_are_the_bytes_that_were_there(values: list[bytes | None]) -> None:
    data, places, lengths = b"", [], []
    for value in values:
        data += b"size"
        places.append(len(data))
        lengths.append(len(value or b""))
        data += value or b""
    buffer = np.frombuffer(data + b"\xee" * SPARE, np.uint8)
    valid = np.array([value is not None for value in values], np.bool_)
    found = views(
        buffer, np.array(places, np.int64), np.array(lengths, np.int64),
        None if valid.all() else valid,
    )  # fmt: skip
    found.validate(full=True)
    assert found.to_pylist() == values


def test_values_of_several_fields_are_looked_up_at_once() -> None:
    buffer = np.frombuffer(b"?\x00\x01\x02\x03\x04" + bytes(SPARE), np.uint8)
    kind = np.dtype([("a", ">i2"), ("b", "u1")])
    assert look(buffer, kind, np.array([1, 3])).tolist() == [(1, 2), (515, 4)]
    with pytest.raises(IndexError):
        look(buffer, kind, np.array([len(buffer) - 2]))


def test_a_buffer_is_taken_again_only_when_nothing_points_into_it() -> None:
    buffers = Buffers(most=2)
    first = buffers.take(100)
    first[:] = 7
    where = first.ctypes.data
    held = [first[10:20][2:], first.data, views(first, np.array([4]), np.array([30]), None)]
    del first
    while held:
        other = buffers.take(100)
        assert other.ctypes.data != where
        other[:] = 0
        assert bytes(memoryview(held[0].buffers()[2] if hasattr(held[0], "buffers") else held[0]))
        held.pop()
        gc.collect()
    again = [buffers.take(90) for _ in range(3)]
    assert where in [one.ctypes.data for one in again]
    assert [len(one) for one in again] == [90, 90, 90]


def test_a_buffer_of_another_size_is_new() -> None:
    """Larger than what was there, or so small that this would be kept for nothing."""
    buffers = Buffers()
    for size in (10, 1_000, 990, 10):
        taken = buffers.take(size)
        assert len(taken) == size
        whole: Any = taken.base
        assert whole.nbytes == (1_000 if size == 990 else size)
        del taken, whole
