"""Errors are for the reader, and cross processes whole."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from hygge.core import errors
from hygge.core.errors import BadValue, ConfigError, HyggeError, Location, MissingDriver, Problem

MADE: dict[str, Any] = {
    "BadValue": lambda: BadValue(entity="t", column="c", row="id=1", value=b"x", declared="int8"),
    "MissingDriver": lambda: MissingDriver("driver", "extra"),
    "RunFailed": lambda: errors.RunFailed("2 failed", result={"a": 1}, hint="look"),
}


def every() -> list[type[HyggeError]]:
    found, waiting = [], [HyggeError]
    while waiting:
        kind = waiting.pop()
        if kind.__module__ == errors.__name__:
            found.append(kind)
        waiting += kind.__subclasses__()
    return found


@pytest.mark.parametrize("kind", every(), ids=lambda kind: kind.__name__)
def test_errors_pickle_whole(kind: type[HyggeError]) -> None:
    error = MADE.get(kind.__name__, lambda: kind("what, where, why", hint="next step"))()
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == str(error)
    assert again.__dict__ == error.__dict__
    assert again.hint and str(again).endswith(f"\n  hint: {again.hint}")


def test_every_error_stands_in_the_tree() -> None:
    assert errors.__doc__
    for kind in every():
        assert kind.__name__ in errors.__doc__
        assert kind.__doc__


def test_problems_are_all_told_in_order_of_place() -> None:
    problems = [
        Problem("third", Location("b.yml", 1, 1)), Problem("first"),
        Problem("second", Location("a.yml", 9, 2), hint="do this"),
    ]  # fmt: skip
    error = ConfigError(problems=problems)
    assert str(error) == "first\na.yml:9:2: second\n  hint: do this\nb.yml:1:1: third"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_place_is_shown_from_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert str(Location(str(tmp_path / "flows" / "a.yml"), 3, 4)) == "flows/a.yml:3:4"
    assert str(Location("/elsewhere/a.yml", 3, 4)) == "/elsewhere/a.yml:3:4"
    assert str(Location("a.yml")) == "a.yml"
