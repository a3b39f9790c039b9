"""Every example runs, and prints what its reader is told it does."""

from __future__ import annotations

from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.acceptance.support import python

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
NAMES = sorted(p.name for p in EXAMPLES.glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_it_runs(name: str, tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    done = python("-W", "error", str(EXAMPLES / name), cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout == snapshot
    assert list(tmp_path.iterdir()) == []


def test_every_example_is_listed() -> None:
    text = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for name in NAMES:
        assert f"]({name})" in text
