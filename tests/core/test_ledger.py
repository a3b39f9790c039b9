"""The ledger: what may be reused, what fits, and what is read back from a torn or altered file."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge import StateError
from hygge.core.chunk import Chunk
from hygge.core.fields import Schema, parse_type
from hygge.core.ledger import Done, Head, decode, encode, ledger_of, may_reuse, misfit
from hygge.core.state import Receipt
from hygge.core.watermark import Window

FIELDS = Schema.of({"id": pl.Int64, "at": pl.Datetime("us", "UTC")})
WINDOW = Window("at", parse_type("timestamp(us, UTC)"), datetime(2024, 1, 1, tzinfo=UTC),
                datetime(2024, 2, 1, tzinfo=UTC))  # fmt: skip
CHUNKS = tuple(Chunk(i, f"chunk {i}", {"from": i * 10, "key": ["id"]}, 10, True) for i in range(4))
HEAD = Head(
    entity="flow.t", fingerprint="f" * 32, load_id="l" * 20, run_id="run", generation=3,
    mode="merge", keys=("id",), source=FIELDS, fields=FIELDS, window=WINDOW, asked="auto",
    chunks=CHUNKS, version="1.0", store="parquet",
)  # fmt: skip

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
records = st.lists(st.dictionaries(st.text(), values, max_size=4), max_size=6)
dones = st.builds(
    Done,
    st.builds(
        Receipt, st.integers(0, 3), st.integers(0, 10**12), st.integers(0, 10**12),
        st.lists(st.fixed_dictionaries({"name": st.text(), "rows": st.integers(0)}), max_size=2)
        .map(tuple),
    ),
    st.integers(0, 10**12), st.none() | st.integers(0, 10**12), st.none() | st.text(),
)  # fmt: skip


def written(items: list[dict[str, Any]]) -> tuple[bytes, list[int], str]:
    """The bytes of a ledger, where each record ends, and the last digest."""
    data, ends, before = b"", [0], ""
    for item in items:
        line, before = encode(item, before)
        data += line
        ends.append(len(data))
    return data, ends, before


@given(records)
def test_what_was_written_is_read(items: list[dict[str, Any]]) -> None:
    data, _, last = written(items)
    assert decode(data) == (items, last, len(data))


@given(records, st.data())
def test_a_torn_tail_is_left_out(items: list[dict[str, Any]], data: st.DataObject) -> None:
    whole, ends, _ = written(items)
    cut = data.draw(st.integers(0, len(whole)))
    found, last, good = decode(whole[:cut])
    kept = max(number for number, end in enumerate(ends) if end <= cut)
    assert found == items[:kept]
    assert good == ends[kept]
    # It can be written on from there.
    line, _ = encode({"more": True}, last)
    assert decode(whole[:good] + line)[0] == [*items[:kept], {"more": True}]


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=5), max_size=2), min_size=1,
             max_size=4),
    st.integers(0), st.integers(1, 255),
)  # fmt: skip
def test_what_was_altered_is_never_read(items: list[dict[str, Any]], where: int, by: int) -> None:
    whole, ends, _ = written(items)
    at = where % len(whole)
    try:
        found, _, _ = decode(whole[:at] + bytes([whole[at] ^ by]) + whole[at + 1 :])
    except StateError:
        return
    before = max(number for number, end in enumerate(ends) if end <= at)
    assert found == items[:before], "at most the records before it, and only as a torn tail"
    assert before == len(items) - 1


@given(records.filter(lambda items: len(items) > 1), st.data())
def test_a_record_taken_out_is_noticed(items: list[dict[str, Any]], data: st.DataObject) -> None:
    whole, ends, _ = written(items)
    out = data.draw(st.integers(0, len(items) - 2))
    if items[out] == items[out + 1]:
        return  # what is left is a ledger that could have been written
    left = whole[: ends[out]] + whole[ends[out + 1] :]
    if out == len(items) - 2:
        assert decode(left)[0] == items[:out], "the last one no longer follows: torn"
    else:
        with pytest.raises(StateError, match="is damaged"):
            decode(left)


@given(st.lists(dones, max_size=6))
def test_a_ledger_comes_back(done: list[Done]) -> None:
    data, _, _ = written([HEAD.to_json(), *(d.to_json() for d in done)])
    ledger, _, good = ledger_of(data)
    assert ledger is not None and good == len(data)
    assert ledger.head == HEAD
    assert ledger.done == {d.receipt.chunk: d for d in done}


def test_a_ledger_without_a_head_is_none() -> None:
    assert ledger_of(b"") == (None, "", 0)
    assert ledger_of(written([HEAD.to_json()])[0][:-2])[0] is None


@pytest.mark.parametrize(
    "record",
    [
        HEAD.to_json() | {"ledger": 99},
        HEAD.to_json() | {"chunks": [{}]},
        {k: v for k, v in HEAD.to_json().items() if k != "fields"},
        HEAD.to_json() | {"window": {"column": "at", "type": "decimal(9,0)", "lower": "x"}},
    ],
)
def test_a_head_of_another_kind_is_not_used(record: dict[str, Any]) -> None:
    with pytest.raises(StateError, match="it is damaged"):
        ledger_of(written([record])[0])


def test_a_chunk_of_another_load_is_noticed() -> None:
    strange = Done(Receipt(9, 1, 1), 1).to_json()
    with pytest.raises(StateError, match="none of its own"):
        ledger_of(written([HEAD.to_json(), strange])[0])


def test_bounds_that_are_no_plain_values_are_refused() -> None:
    with pytest.raises(TypeError):
        encode(replace(HEAD, chunks=(Chunk(0, "a", {"from": Decimal(1)}),)).to_json(), "")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"run_id": "other", "load_id": "other", "chunks": (), "store": "other"}, ""),
        ({"entity": "renamed"}, ""),
        ({"fingerprint": "g"}, "configured differently"),
        ({"generation": 4}, "has been loaded since"),
        ({"mode": "replace"}, "the mode or the key"),
        ({"keys": ("at",)}, "the mode or the key"),
        ({"source": Schema.of({"id": pl.Int64})}, "fields are not the same"),
        ({"fields": Schema.of({"id": pl.Int32})}, "fields are not the same"),
        ({"asked": "8"}, "is set otherwise"),
        ({"version": "1.1"}, "another version"),
        ({"window": None}, "begin elsewhere"),
        ({"window": replace(WINDOW, lower=None)}, "begin elsewhere"),
        ({"window": replace(WINDOW, column="id")}, "begin elsewhere"),
        ({"window": replace(WINDOW, upper=datetime(2024, 3, 1, tzinfo=UTC))}, ""),
        ({"window": replace(WINDOW, upper=datetime(2024, 1, 9, tzinfo=UTC))}, "begin elsewhere"),
        ({"window": replace(WINDOW, upper=None)}, "begin elsewhere"),
    ],
)
def test_what_fits(changes: dict[str, Any], why: str) -> None:
    assert why in misfit(HEAD, replace(HEAD, **changes))
    assert bool(why) == bool(misfit(HEAD, replace(HEAD, **changes)))


digests = st.none() | st.sampled_from("abc")


@given(digests, digests, st.booleans())
def test_what_may_be_reused(then: str | None, now: str | None, frozen: bool) -> None:
    reused = may_reuse(then, now, frozen=frozen)
    if then is not None or now is not None:
        assert reused == (then == now), "the source's word goes before everything"
    else:
        assert reused == frozen
