"""On a real terminal: a table that lives and leaves nothing behind, colours, narrow windows."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pexpect
import pytest
from tests.cli.screen import Screen
from tests.cli.support import SLOW, environment, numbers, project, steady


class Terminal:
    """A program on a pseudo-terminal of a given width."""

    def __init__(self, root: Path, *arguments: str, width: int = 100, **env: str) -> None:
        wanted = environment({"TERM": "xterm-256color", **env})
        self.child = pexpect.spawn(
            sys.executable, ["-m", "hygge", *arguments], cwd=str(root), env=wanted,
            dimensions=(24, width), encoding="utf-8", timeout=60,
        )  # fmt: skip
        self.raw = ""
        self.screen = Screen(width)

    def _read(self, seconds: float) -> bool:
        try:
            piece = self.child.read_nonblocking(65_536, seconds)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self.raw += piece
        self.screen.feed(piece)
        return True

    def until(self, seen: Callable[[str], object]) -> str:
        """Read on until the screen shows something; returns the screen."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and self._read(0.05):
            if seen(self.screen.text):
                return self.screen.text
        raise AssertionError(f"it never came; at the end:\n{self.screen.text}")

    def end(self) -> int:
        """Read to the end; returns the exit code."""
        while self._read(1):
            pass
        self.child.close()
        assert isinstance(self.child.exitstatus, int), self.child.signalstatus
        return self.child.exitstatus


@pytest.fixture
def slow(tmp_path: Path) -> Path:
    return project(
        tmp_path, flow=SLOW.format(batches=12, pause=0.1, entities="one, two, three"),
        extra="",
    )  # fmt: skip


def test_a_live_table_that_leaves_only_the_summary(slow: Path) -> None:
    terminal = Terminal(slow, "go", "--concurrency", "2")
    frame = terminal.until(lambda text: re.search(r"main\.two .* rows", text))
    assert re.search(r"^main\.one +\d+ rows +\S+/s +\S+ K?B +\d", frame, re.MULTILINE), frame
    assert re.search(r"^0 of 3 done  1 waiting  \S+ rows  \S+ s$", frame, re.MULTILINE), frame
    assert terminal.screen.cursor_hidden
    assert terminal.end() == 0
    assert not terminal.screen.cursor_hidden
    assert steady(terminal.screen.text).strip() == (
        "main.one  1,200 rows  SIZE  SECONDS  -> lake/one\n"
        "  main.two  1,200 rows  SIZE  SECONDS  -> lake/two\n"
        "  main.three  1,200 rows  SIZE  SECONDS  -> lake/three\n\n"
        "Moved all of 3 entities: 3,600 rows, SIZE in SECONDS  run RUN"
    )


def test_a_failure_is_told_at_once_and_again_at_the_end(tmp_path: Path) -> None:
    flow = SLOW.format(batches=20, pause=0.05, entities="{name: bad, home: {fail_at: 2}}, good")
    terminal = Terminal(project(tmp_path, flow=flow), "go")
    frame = terminal.until(lambda text: "main.good" in text)
    assert "failed main.bad: RuntimeError: the shelf fell down" in frame
    assert "1 failed" in frame
    assert terminal.end() == 1
    assert terminal.screen.text.count("the shelf fell down") == 2
    assert "cause" in terminal.screen.text


def test_a_narrow_terminal(slow: Path) -> None:
    terminal = Terminal(slow, "go", width=32)
    frame = terminal.until(lambda text: re.search(r"main\.one .*rows", text))
    assert all(len(line) <= 32 for line in frame.splitlines())
    assert terminal.end() == 0
    assert terminal.screen.text.count("main.one") == 1  # no frame is left standing


def test_control_c(slow: Path) -> None:
    terminal = Terminal(slow, "go", "--concurrency", "2")
    terminal.until(lambda text: re.search(r"main\.two .* rows", text))
    terminal.child.sendintr()
    assert terminal.end() == 130
    said = terminal.screen.text
    assert "Ctrl-C: stopping before the commit points; once more leaves at once" in said
    assert "stopped before the commit point, nothing changed: main.one, main.two" in said
    assert "never started: 1 entity" in said
    assert not terminal.screen.cursor_hidden


def test_a_second_control_c_puts_the_terminal_right(tmp_path: Path) -> None:
    root = project(tmp_path, flow=SLOW.format(batches=2, pause=600, entities="a"))
    terminal = Terminal(root, "go")
    terminal.until(lambda text: "main.a" in text)
    terminal.child.sendintr()
    terminal.until(lambda text: "once more leaves at once" in text)
    terminal.child.sendintr()
    assert terminal.end() == 130
    assert "Left at once." in terminal.screen.text
    assert not terminal.screen.cursor_hidden


@pytest.mark.parametrize("env", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_no_colours_where_they_are_not_wanted(env: dict[str, str], tmp_path: Path) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    flow = "home: {type: parquet, path: source}\nstore: {type: parquet, path: lake}\n"
    root = project(tmp_path, flow=flow + "entities: [users]\n")
    for verb in ("ls", "go"):
        terminal = Terminal(root, verb, **env)
        assert terminal.end() == 0
        assert not re.search(r"\x1b\[[0-9;]*[1-9][0-9;]*m", terminal.raw), terminal.raw
        if env.get("TERM") == "dumb":
            assert "\x1b" not in terminal.raw


def test_colours_where_they_are_welcome(slow: Path) -> None:
    terminal = Terminal(slow, "ls")
    assert terminal.end() == 0
    assert "\x1b[2m" in terminal.raw
