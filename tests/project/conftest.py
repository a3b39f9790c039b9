"""Projects written for one test."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from textwrap import dedent

import pytest

MakeProject = Callable[[Mapping[str, str]], Path]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a `.env` brings into the environment goes with the test."""
    monkeypatch.setenv("HYGGE_ENV", "")  # noted as not set, so that it is not when the test ends
    monkeypatch.delenv("HYGGE_ENV")
    before = dict(os.environ)
    yield
    for name in set(os.environ) - set(before):
        del os.environ[name]
    os.environ.update(before)


@pytest.fixture
def make_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeProject:
    """Write files into an empty folder, which becomes the current one."""

    def make(files: Mapping[str, str]) -> Path:
        for name, content in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(content), encoding="utf-8")
        monkeypatch.chdir(tmp_path)
        return tmp_path

    return make
