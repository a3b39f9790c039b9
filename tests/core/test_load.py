"""State, receipts and the names of loads."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.core.strategies import types

from hygge.core.errors import StateError
from hygge.core.fields import Field, Schema, parse_type
from hygge.core.load import LoadRequest
from hygge.core.state import (
    Receipt,
    State,
    checksum_of,
    derive_fingerprint,
    derive_load_id,
    with_store_facts,
)
from hygge.core.watermark import Watermark, Window

INT = parse_type("int64")
schemas = st.lists(
    st.builds(Field, st.text(min_size=1, max_size=5), types, key=st.integers(0, 2)),
    max_size=4, unique_by=lambda f: f.name,
).map(Schema)  # fmt: skip
marks = st.none() | st.builds(Watermark, st.text(), st.just(INT), st.integers())
states = st.builds(
    State, entity=st.text(), fingerprint=st.text(), generation=st.integers(1), load_id=st.text(),
    fields=schemas, watermark=marks, rows=st.none() | st.integers(0), loaded=st.integers(0),
    checksum=st.text(), run_id=st.text(), committed_at=st.text(),
    extra=st.dictionaries(st.text(), st.integers() | st.lists(st.text())),
)  # fmt: skip


@given(states)
def test_states_read_back(state: State) -> None:
    assert State.from_json(state.to_json(), place="here") == state
    assert State.from_json(state.to_json().encode(), place="here") == state


def a_state() -> State:
    return State(
        entity="f.e", fingerprint="f", generation=3, load_id="l", fields=Schema([Field("a", INT)])
    )


@pytest.mark.parametrize("text", ["", "null", "[]", "{}", "{", '"x"', "\x00", "1", b"\xff\xfe"])
def test_what_is_no_state_is_an_error_with_a_way_out(text: str | bytes) -> None:
    with pytest.raises(StateError, match=r"data/users: its state is damaged[\s\S]*hint: restore"):
        State.from_json(text, place="data/users")


@given(st.data())
def test_a_state_cut_short_or_altered_is_never_another_error(data: st.DataObject) -> None:
    text = a_state().to_json()
    at = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(StateError):
        State.from_json(text[:at], place="here")
    altered = text[:at] + data.draw(st.characters(codec="utf-8")) + text[at + 1 :]
    try:
        State.from_json(altered, place="here")
    except StateError:
        pass


@pytest.mark.parametrize("key", list(json.loads(a_state().to_json())))
@pytest.mark.parametrize("value", [None, [], {}, "x", -1])
def test_any_key_missing_or_of_another_sort(key: str, value: Any) -> None:
    raw = json.loads(a_state().to_json())
    del raw[key]
    with pytest.raises(StateError):
        State.from_json(json.dumps(raw), place="here")
    raw[key] = value
    try:
        State.from_json(json.dumps(raw), place="here")
    except StateError:
        pass


def test_a_state_of_a_newer_format_says_so() -> None:
    raw = json.loads(a_state().to_json()) | {"format_version": 99, "fields": "in a new form"}
    with pytest.raises(StateError, match=r"has format 99, this hygge reads to 1[\s\S]*newer"):
        State.from_json(json.dumps(raw), place="here")


def test_a_load_s_name_is_the_same_for_the_same_work_and_no_other() -> None:
    at = datetime(2024, 1, 1, tzinfo=UTC)
    kind = parse_type("timestamp(us, UTC)")
    given_ = [
        ("f", 0, None), ("f", 1, None), ("g", 0, None), ("f", 0, Window("c", INT, None, 5)),
        ("f", 0, Window("c", INT, 1, 5)), ("f", 0, Window("c", INT, None, 6)),
        ("f", 0, Window("d", INT, None, 5)), ("f", 0, Window("c", kind, None, at)),
        ("f", 0, Window("c", INT, None, None)),
    ]  # fmt: skip
    names = [derive_load_id(*each) for each in given_]
    assert len(set(names)) == len(names)
    assert names == [derive_load_id(*each) for each in given_]


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none()))
def test_a_fingerprint_does_not_depend_on_order(parts: dict[str, Any]) -> None:
    backwards = dict(reversed(parts.items()))
    assert derive_fingerprint(parts) == derive_fingerprint(backwards)
    assert derive_fingerprint({**parts, "more": 1}) != derive_fingerprint({**parts, "more": 2})


def test_a_checksum_is_of_what_receipts_prove_in_chunk_order() -> None:
    one = Receipt(0, 5, 10, ({"name": "a", "rows": 5, "bytes": 10, "digest": "x"},))
    two = Receipt(1, 7, 10, ({"name": "b", "rows": 7, "bytes": 10, "digest": "y"},))
    assert checksum_of([one, two]) == checksum_of([two, one])
    other = Receipt(1, 7, 10, ({"name": "b", "rows": 7, "bytes": 10, "digest": "z"},))
    assert len({checksum_of(r) for r in ([], [one], [one, two], [one, other])}) == 4


def test_the_state_that_a_load_is_to_leave() -> None:
    request = LoadRequest(
        entity="f.e", mode="append", fields=Schema([Field("a", INT)]), fingerprint="f",
        load_id="l", run_id="r", generation=4,
    )  # fmt: skip
    mark = Watermark("a", INT, 9)
    receipts = [Receipt(0, 5, 1), Receipt(1, 7, 1)]
    state = request.state(watermark=mark, receipts=receipts, committed_at="now")
    assert (state.generation, state.loaded, state.watermark) == (5, 12, mark)
    assert (state.rows, dict(state.extra)) == (None, {})
    whole = with_store_facts(state, rows=99, extra={"files": 2})
    assert (whole.rows, whole.extra, whole.loaded) == (99, {"files": 2}, 12)
