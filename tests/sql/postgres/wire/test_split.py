"""Where messages begin: the same places by many ways at once as one after the other."""

from __future__ import annotations

import struct
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.sql.blocks import Bytes, Places
from hygge.sql.postgres.wire import split
from hygge.sql.postgres.wire.split import boundaries


def message(payload: bytes, kind: bytes = b"d") -> bytes:
    return kind + struct.pack(">I", 4 + len(payload)) + payload


def row(*values: bytes) -> bytes:
    return message(struct.pack(">h", len(values)) + b"".join(
        struct.pack(">i", len(v)) + v for v in values
    ))  # fmt: skip


def places(messages: list[bytes]) -> list[int]:
    return [0, *np.cumsum([len(one) for one in messages]).tolist()]


def found(data: bytes) -> list[int]:
    return boundaries(np.frombuffer(data, np.uint8)).tolist()


@given(st.lists(st.binary(max_size=300).map(message), max_size=50), st.integers(0, 400))
def test_whole_messages_are_found_and_what_is_cut_off_is_left(
    messages: list[bytes], cut: int
) -> None:
    data = b"".join(messages)
    there = data[: max(0, len(data) - cut)]
    assert found(there) == [place for place in places(messages) if place <= len(there)]


@given(st.integers(0, 2**32), st.integers(1, 6), st.integers(0, 2_000))
def test_many_ways_come_out_where_one_does(seed: int, columns: int, cut: int) -> None:
    """Rows of very different lengths, among which are other messages, in texts that look like the
    beginnings of rows."""
    random = Random(seed)
    like = row(*[b"x" * 11] * columns)
    texts = [b"", b"d", like[:7], like, like * 5, b"d" * 90, b"ab" * 400]
    messages = [message(b"PGCOPY" + like[5:])]
    size = 0
    while size < 3 * split._FEW:
        if random.random() < 0.01:
            messages.append(message(b"a notice", b"N"))
        else:
            messages.append(row(*random.choices(texts, k=columns)))
        size += len(messages[-1])
    data = b"".join(messages)
    there = data[: len(data) - cut]
    assert found(there) == [place for place in places(messages) if place <= len(there)]


def test_ways_that_began_at_no_message_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that looks like a beginning is inside of a value, but for the first two messages."""
    monkeypatch.setattr(split, "_walked", lambda data, at=0: np.array([-1]))
    small = row(b"x")
    large = row((small * 600)[: 60 * len(small) + 3] * 40)
    assert found(small + small + large * 30) == [-1]


def test_rows_are_followed_by_many_ways(monkeypatch: pytest.MonkeyPatch) -> None:
    walked, begun = split._walked, list[int]()

    def counted(data: Bytes, at: int = 0) -> Places:
        begun.append(at)
        return walked(data, at)

    monkeypatch.setattr(split, "_walked", counted)
    messages = [row(b"%d" % number, b"x" * (number % 200)) for number in range(5_000)]
    data = b"".join(messages)
    assert found(data) == places(messages)
    assert len(begun) == 1 and begun[0] > len(data) * 9 // 10  # the last way alone
