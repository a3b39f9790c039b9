"""From errors to exit codes and lines that help."""

from __future__ import annotations

import errno
import io
import sys

import click
import pytest

from hygge.cli.app import app
from hygge.cli.failure import explain, guarded
from hygge.core.errors import (
    ConfigError,
    ConnectError,
    JournalError,
    Location,
    Problem,
    UnsupportedError,
)
from hygge.core.secrets import remember


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("wrong"), 2),
        (UnsupportedError("cannot"), 2),
        (ConnectError("unreachable"), 1),
        (JournalError("unwritten"), 1),
        (ValueError("a bug"), 1),
    ],
)
def test_codes(error: Exception, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(error) == code
    assert str(error) in capsys.readouterr().err


def test_what_the_file_system_refuses_is_no_surprise(capsys: pytest.CaptureFixture[str]) -> None:
    assert explain(PermissionError(13, "Permission denied", "/nope/x")) == 1
    assert capsys.readouterr().err == "error: /nope/x: Permission denied\n"
    assert explain(OSError(errno.ENOSPC, "No space left on device")) == 1
    assert capsys.readouterr().err == (
        "error: there is no room to write: No space left on device\n"
        "  hint: free some space where the output goes, or send it elsewhere\n"
    )


def test_every_problem_in_order_of_place(capsys: pytest.CaptureFixture[str]) -> None:
    problems = [
        Problem("last", Location("b.yml", 1, 1)),
        Problem("second", Location("a.yml", 9, 1), "mend it"),
        Problem("first", Location("a.yml", 2, 1), severity="warning"),
    ]
    explain(ConfigError(problems=problems))
    assert capsys.readouterr().err == (
        "a.yml:2:1: warning: first\n"
        "a.yml:9:1: error: second\n  hint: mend it\n"
        "b.yml:1:1: error: last\n\n2 errors and 1 warning.\n"
    )


def test_a_surprise_is_an_apology_and_a_trace_only_on_request(
    capsys: pytest.CaptureFixture[str],
) -> None:
    try:
        raise KeyError("odd")
    except KeyError as error:
        explain(error)
        short = capsys.readouterr().err
        explain(error, verbose=True)
        long = capsys.readouterr().err
    assert short == (
        "error: hygge met something it did not expect, and is sorry.\n"
        "  KeyError: 'odd'\n  hint: --verbose shows where it arose\n"
    )
    assert "Traceback" in long
    assert "test_failure.py" in long


def test_no_secret_in_any_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    remember("hunter2-in-a-trace")
    try:
        raise ValueError("postgres://me:pass-word-1@db refused hunter2-in-a-trace")
    except ValueError as error:
        explain(error, verbose=True)
    err = capsys.readouterr().err
    assert "hunter2" not in err
    assert "pass-word-1" not in err


def test_interrupts_are_130(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def interrupted() -> None:
        raise KeyboardInterrupt

    assert guarded(interrupted, []) == 130
    assert "Stopped." in capsys.readouterr().err


def test_a_terminal_that_cannot_show_a_character_shows_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding="ascii"))

    @click.command()
    def ears() -> None:
        from hygge.cli.console import say

        say("Ærø 🕯️")

    assert guarded(ears, []) == 0
    assert written.getvalue() == b"?r? ??\n"


@pytest.mark.parametrize("arguments", [["go", "pg://u:hunter2@h/d"], ["pg://u:hunter2@h/d"]])
def test_an_argument_that_is_an_address(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert guarded(app, arguments) == 2
    said = capsys.readouterr().err
    assert "pg://u:***@h/d" in said and said.startswith("Usage: hygge")
