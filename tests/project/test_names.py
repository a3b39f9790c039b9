"""Names that cannot reach outside their place."""

from __future__ import annotations

import os
import string
from pathlib import PurePosixPath, PureWindowsPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.project.names import flow_name_problem, key_of, name_problem, place_key


@pytest.mark.parametrize(
    "name",
    ["..", ".", "", "a/b", "a\\b", "/etc", "C:x", ".git", "a\0", "a\n", "a\u202e", "con", "NUL.txt",
     "com1", "lpt9.log", "a.", "a ", " a", "x" * 201, "é" * 101, "a|b", "a*", 'a"', "\ud800"],
)  # fmt: skip
def test_refused(name: str) -> None:
    assert name_problem(name)


@pytest.mark.parametrize(
    "name",
    ["users", "dbo.users", "Année", "a b", "x" * 200, "con_x", "1", "-", "_x", "日本語", "a'b"],
)
def test_allowed(name: str) -> None:
    assert name_problem(name) is None


@given(st.text(max_size=250) | st.text(string.printable, max_size=10))
def test_an_allowed_name_is_one_step_below(name: str) -> None:
    if name_problem(name) is not None:
        return
    for kind in (PurePosixPath, PureWindowsPath):
        path = kind("root") / name
        assert path.parent == kind("root")
        assert path.name == name
    assert os.path.normpath(f"root/{name}") == f"root/{name}"


def test_a_flow_has_no_dot() -> None:
    assert "flow.entity" in (flow_name_problem("a.b") or "")
    assert flow_name_problem("shop") is None


def test_names_that_a_file_system_takes_for_one() -> None:
    assert key_of("Users") == key_of("users")
    assert key_of("e\u0301") == key_of("\u00e9")


def test_this_machine_is_one_place_by_all_its_names() -> None:
    here = ("localhost", "LOCALHOST", "127.0.0.1", "[::1]")
    assert len({place_key(f"postgresql://{host}:5433/shop#users") for host in here}) == 1
    others = ("localhost", "127.0.0.2", "127.0.0.1.example.com", "[::2]")
    assert len({place_key(f"mysql://{host}/shop#users") for host in others}) == len(others)
    assert place_key("data/127.0.0.1/users") == "data/127.0.0.1/users"
