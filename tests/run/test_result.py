"""Results and their report: what is written is read back, and what is no report is refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import ConfigError
from hygge.core.events import Status
from hygge.core.fields import parse_type
from hygge.core.secrets import remember
from hygge.core.watermark import Watermark
from hygge.run.result import EntityResult, Proof, RunResult, RunStatus

START = datetime(2026, 1, 31, 9, 45, tzinfo=UTC)

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20).filter(
    lambda t: not any(word in t.lower() for word in ("pwd", "sas", "sig", "://"))
)
counts = st.none() | st.integers(0, 2**62)
watermarks = (
    st.none()
    | st.builds(Watermark, texts, st.just(parse_type("int64")), st.integers(-(2**63), 2**63 - 1))
    | st.builds(Watermark, texts, st.just(parse_type("date")), st.dates(min_value=date(1, 1, 1)))
    | st.builds(Watermark, texts, st.just(parse_type("timestamp(us)")), st.datetimes())
)
results = st.builds(
    EntityResult,
    entity=texts,
    status=st.sampled_from(get_args(Status)),
    rows=st.integers(0, 2**62),
    bytes=st.integers(0, 2**62),
    seconds=st.integers(0, 10**9).map(lambda ms: ms / 1000),
    source=texts,
    destination=texts,
    watermark_before=watermarks,
    watermark_after=watermarks,
    proof=st.none() | st.builds(Proof, counts, counts, counts, counts, texts),
    generation=counts,
    attempts=st.integers(0, 9),
    error=st.none() | texts,
    error_class=st.none() | texts,
    retryable=st.booleans(),
    hint=st.none() | texts,
    holds=texts,
    notes=st.lists(texts, max_size=3).map(tuple),
    warnings=st.lists(texts, max_size=3).map(tuple),
)


@given(
    st.lists(results, max_size=4).map(tuple), st.sampled_from(get_args(RunStatus)), texts, st.data()
)
def test_a_report_is_read_back_as_it_was(
    entities: tuple[EntityResult, ...], status: RunStatus, reason: str, data: st.DataObject
) -> None:
    took = timedelta(milliseconds=data.draw(st.integers(0, 10**9)))
    run = RunResult("r1", START, START + took, status, entities, reason, ("a warning",))
    assert RunResult.from_json(json.dumps(run.to_json())) == run


def test_a_report_names_its_version_and_adds_up() -> None:
    one = EntityResult("a.b", "moved", rows=3, bytes=10)
    two = EntityResult("a.c", "failed", error="no")
    three = EntityResult("a.d", "untouched")
    report = RunResult("r1", START, START + timedelta(seconds=1.5), "failed", (one, two, three))
    plain = report.to_json()
    assert plain["report_version"] == 1
    assert (plain["rows"], plain["bytes"], plain["seconds"]) == (3, 10, 1.5)
    assert plain["counts"] == {"moved": 1, "failed": 1, "untouched": 1}
    assert report.unfinished == ("a.c", "a.d")
    assert report.failed == (two,)


def test_no_secret_is_in_a_report() -> None:
    remember("open-sesame")
    one = EntityResult(
        "a.b", "failed", error="open-sesame was refused", hint="x", source="pg://u:pass1234@h/db",
        notes=("open-sesame",), warnings=("password=abc12",),
    )  # fmt: skip
    run = RunResult("r1", START, START, "failed", (one,), "open-sesame", ("open-sesame",))
    text = json.dumps(run.to_json())
    for secret in ("open-sesame", "pass1234", "abc12"):
        assert secret not in text


GOOD = RunResult("r1", START, START, "ok", (EntityResult("a.b", "moved"),)).to_json()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "not json",
        "null",
        json.dumps({**GOOD, "status": "splendid"}),
        json.dumps({**GOOD, "started": "yesterday"}),
        json.dumps({**GOOD, "entities": [{"entity": "a.b"}]}),
        json.dumps({**GOOD, "entities": [{"entity": "a.b", "status": "odd"}]}),
        json.dumps(
            {**GOOD, "entities": [{"entity": "a", "status": "moved", "watermark_after": {"x": 1}}]}
        ),
        json.dumps({**GOOD, "report_version": "one"}),
    ],
)
def test_what_is_no_report_is_refused_by_name(text: str) -> None:
    with pytest.raises(ConfigError, match=r"run\.json is no report") as caught:
        RunResult.from_json(text, place="run.json")
    assert "--report" in (caught.value.hint or "")


def test_a_newer_report_is_refused_and_an_extended_one_is_read() -> None:
    with pytest.raises(ConfigError, match="has version 2"):
        RunResult.from_json({**GOOD, "report_version": 2})
    more = {**GOOD, "mood": "calm", "entities": [{**GOOD["entities"][0], "mood": "calm"}]}
    assert RunResult.from_json(more).entities[0].entity == "a.b"
