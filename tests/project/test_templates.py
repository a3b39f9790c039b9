"""`${VARIABLES}` and `{names}`."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import ConfigError
from hygge.core.secrets import Interpolated, Secret, interpolate
from hygge.project.templates import fill, literal, names_in, resolve

NAMES = {"entity": "users", "env.folder": "${FOLDER}/x", "schema": None, "odd": literal("${A}{b}")}


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FOLDER", "/srv/{entity}")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("MISSING", raising=False)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data/{entity}.x", "data/users.x"),
        ("{{entity}}", "{entity}"),
        ("{{{entity}}}", "{users}"),
        ('{"a": 1}', '{"a": 1}'),
        (r"\d{4}", r"\d{4}"),
        ("{}", "{}"),
        ("$${FOLDER}", "${FOLDER}"),
        ("${MISSING:-a b}", "a b"),
        ("${EMPTY:-a}", "a"),
        ("${EMPTY}", ""),
        ("{env.folder}", "/srv/{entity}/x"),  # what a variable brings is not read again
        ("{odd}", "${A}{b}"),
        ("$FOLDER", "$FOLDER"),
    ],
)
def test_filling(written: str, meant: str) -> None:
    assert fill(written, NAMES) == meant


def test_only_variables_where_there_are_no_names() -> None:
    assert resolve("{entity} {{x}} ${FOLDER}") == "{entity} {{x}} /srv/{entity}"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("${MISSING}", "MISSING is not set"),
        ("${1X}", "is no reference"),
        ("${A:?b}", "is no reference"),
        ("${A", "is no reference"),
        ("{entiti}", "did you mean '{entity}'"),
        ("{schema}", "is not known here"),
        ("{env.other_thing}", "under `environments:`"),
    ],
)
def test_what_cannot_be_filled(written: str, said: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(said)):
        fill(written, NAMES)


@pytest.mark.parametrize("written", ["${A-Zx9}", "${A:?Zx9}", "${A B:-Zx9}", "${A=Zx9"])
def test_what_may_be_a_default_is_not_quoted(written: str) -> None:
    with pytest.raises(ConfigError, match="is no reference") as caught:
        fill(written, NAMES)
    assert "Zx9" not in str(caught.value)


def test_a_secret_in_an_environment_stays_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", "hunter2{entity}")
    filled = fill("pg://{entity}:{env.pw}@db", {"entity": "users", "env.pw": "${PW}"})
    assert isinstance(filled, Interpolated)
    assert filled.template == "pg://users:${PW}@db"
    assert Secret(filled.template).reveal() == filled == "pg://users:hunter2{entity}@db"


@given(st.text())
def test_a_literal_is_taken_as_it_is(value: str) -> None:
    found = fill("<{entity}>", {"entity": literal(value)})
    assert found == f"<{value}>"


@given(st.text(st.sampled_from("${}a:-A ")))
def test_the_template_says_what_the_text_says(written: str) -> None:
    try:
        found = fill(written, {"a": "1", "A": "2"})
    except ConfigError:
        return
    if isinstance(found, Interpolated):
        assert interpolate(found.template) == found


def test_names_in_a_text() -> None:
    assert names_in("{a}/{{b}}/${c}/$${d}/{env.e}") == {"a", "env.e"}
