"""What the tests of the command line share: running it, and texts that are the same every time."""

from __future__ import annotations

import contextlib
import io
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

DEADLINE_S = 60

SLOW_HOME = '''
"""Gives batches at its own pace, and may fail."""
import time
from pathlib import Path

import polars as pl
from pydantic import Field

from hygge import Home, HomeConfig, TransientError


class SlowHome(Home):
    class Config(HomeConfig):
        batches: int = Field(default=3, description="How many")
        pause: float = Field(default=0.0, description="Seconds before each")
        fail_at: int = Field(default=-1, description="The batch that fails")
        passing: bool = Field(default=False, description="Whether the failure is a passing one")
        until: str = Field(default="", description="A file to wait for, after the first")

    config: Config

    def fields(self):
        return {"id": "int64"}

    def read_batches(self):
        for number in range(self.config.batches):
            if number == self.config.fail_at:
                if self.config.passing:
                    raise TransientError("the line was busy", hint="call again")
                raise RuntimeError("the shelf fell down")
            time.sleep(self.config.pause)
            while number and self.config.until and not Path(self.config.until).exists():
                time.sleep(0.02)
            yield pl.DataFrame({"id": range(number * 100, number * 100 + 100)})
'''


@dataclass(frozen=True)
class Done:
    """What a command left: its exit code and what it printed."""

    code: int
    out: str
    err: str

    @property
    def text(self) -> str:
        """All of it, made the same on every machine and at every hour."""
        return steady(f"$ exit {self.code}\n{self.out}--- stderr\n{self.err}")


def hygge(
    *arguments: str, cwd: Path, code: int | None = 0, env: Mapping[str, str] | None = None
) -> Done:
    """Run `hygge ARGUMENTS...` in a folder, in this process, and hold it to an exit code.

    All that a run leaves behind in a process is put back: the folder, the environment, and the
    connectors that a project brought.
    """
    from hygge.cli.app import app
    from hygge.cli.failure import guarded
    from hygge.core import registry

    out, err = io.StringIO(), io.StringIO()
    folder, before = Path.cwd(), dict(os.environ)
    known = {role: dict(classes) for role, classes in registry._defined.items()}
    try:
        os.chdir(cwd)
        os.environ.clear()
        os.environ.update(environment(env))
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            left = guarded(app, list(arguments))
    finally:
        os.chdir(folder)
        os.environ.clear()
        os.environ.update(before)
        for role, classes in known.items():
            registry._defined[role].clear()
            registry._defined[role].update(classes)
    return _held(Done(left, out.getvalue(), err.getvalue()), arguments, code)


def process(
    *arguments: str, cwd: Path, code: int | None = 0, env: Mapping[str, str] | None = None
) -> Done:
    """Run `hygge ARGUMENTS...` as a process of its own, and hold it to an exit code."""
    done = subprocess.run(
        [sys.executable, "-m", "hygge", *arguments],
        cwd=cwd, env=environment(env), capture_output=True, text=True, encoding="utf-8",
        timeout=DEADLINE_S,
    )  # fmt: skip
    return _held(Done(done.returncode, done.stdout, done.stderr), arguments, code)


def _held(done: Done, arguments: Sequence[str], code: int | None) -> Done:
    said = f"{arguments} left with {done.code}:\n{done.out}\n{done.err}"
    assert code is None or done.code == code, said
    return done


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's environment without what changes hygge's behaviour."""
    unwanted = ("HYGGE_", "GITHUB_", "NO_COLOR", "FORCE_COLOR", "COLUMNS", "_HYGGE")
    plain = {k: v for k, v in os.environ.items() if not k.startswith(unwanted)}
    return {**plain, "PYTHONIOENCODING": "utf-8", **(more or {})}


def steady(text: str) -> str:
    """A text with times, runs, sizes, versions and temporary places put as words."""
    for pattern, word in (
        (r"\d{8}T\d{6}-[0-9a-f]{6}", "RUN"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:Z|\+00:00)", "TIME"),
        (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "TIME"),
        (r"process \d+", "process PID"),
        (r" on \S+$", " on HOST"),
        (r"\b\d+(?:\.\d+)? s\b", "SECONDS"),
        (r"\b\d+(?:\.\d+)? [KM]?B\b", "SIZE"),
        (r"\b[0-9a-f]{32}\b", "FINGERPRINT"),
        (r"(hygge|Python|Polars) \d+\.\d+\.\d+\S*?(?=[,\s]|$)", r"\1 VERSION"),
        (r"/\S*/pytest-of-[^/]+/pytest-\d+/(?:popen-gw\d+/)?[^/\s]+", "ROOT"),
        (r"(?<=\S) {2,}", "  "),
    ):
        text = re.sub(pattern, word, text, flags=re.MULTILINE)
    return text


def numbers(path: Path, rows: int = 3) -> None:
    """A Parquet file of `id` and `name`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pl.DataFrame({"id": range(rows), "name": [f"n{n}" for n in range(rows)]}).write_parquet(path)


def project(root: Path, *, flow: str, extra: str = "") -> Path:
    """A project of one flow, `main`, with the text given; the slow Home is at hand."""
    (root / "hygge.yml").write_text(f"name: test\nconcurrency: 1\n{extra}", encoding="utf-8")
    (root / "homes").mkdir()
    (root / "homes" / "slow.py").write_text(SLOW_HOME, encoding="utf-8")
    (root / "flows" / "main").mkdir(parents=True)
    (root / "flows" / "main" / "flow.yml").write_text(flow, encoding="utf-8")
    return root


FILES = """\
home: {type: parquet, path: source}
store: {type: parquet, path: lake}
entities:
  - {name: users, tags: [nightly]}
  - orders
"""

SLOW = """\
home: {{type: slow, batches: {batches}, pause: {pause}}}
store: {{type: parquet, path: lake}}
retries: 0
entities: [{entities}]
"""
