"""Of YAML that cannot be read, what is told shows no secret."""

from __future__ import annotations

import pytest

from hygge.project.reader import read_bytes


@pytest.mark.parametrize(
    "text",
    [
        "password: @hunter2", "password: *hunter2", "password: !hunter2 x", "api_key: `hunter2`",
        "a: {password: %hunter2, b: 1}", "a: 1\npassword hunter2", "password: &hunter2\n  - x: [",
        "- token: *hunter2", "pw: !!hunter2",
    ],
)  # fmt: skip
def test_a_secret_that_is_no_yaml(text: str) -> None:
    _, problems = read_bytes(text.encode(), "hygge.yml")
    told = " ".join(f"{p.message} {p.hint}" for p in problems)
    assert problems
    assert "hunter" not in told, told


def test_anything_else_is_quoted() -> None:
    _, (problem,) = read_bytes(b"path: @daily/x", "hygge.yml")
    assert problem.hint == 'quote it: "@daily/x"'


def test_a_secret_of_blanks_alone_is_none() -> None:
    _, (problem,) = read_bytes("a: {password: \u00a0, b: [\n".encode(), "hygge.yml")
    assert problem.location is not None and problem.location.line >= 1
