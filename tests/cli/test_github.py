"""Under GitHub Actions: annotations at the right lines, and a step summary."""

from __future__ import annotations

from pathlib import Path

from syrupy.assertion import SnapshotAssertion
from tests.cli.support import hygge, project, steady

from hygge.cli.github import annotation
from hygge.core.errors import Location

FLOW = """\
home: {type: slow}
store: {type: parquet, path: lake}
retries: 0
entities:
  - good
  - {name: bad, home: {fail_at: 1, passing: true}}
"""
ACTIONS = {"GITHUB_ACTIONS": "true"}


def test_failures_are_annotated_where_they_are_configured(
    tmp_path: Path, snapshot: SnapshotAssertion
) -> None:
    root = project(tmp_path, flow=FLOW)
    summary = tmp_path / "summary.md"
    env = {**ACTIONS, "GITHUB_STEP_SUMMARY": str(summary)}
    out = hygge("go", cwd=root, code=1, env=env).out
    (line,) = [line for line in out.splitlines() if line.startswith("::")]
    assert line == (
        "::error file=flows/main/flow.yml,line=6,col=12::"
        "main.bad: the line was busy%0Ahint: call again"
    )
    assert steady(summary.read_text(encoding="utf-8")) == snapshot
    hygge("go", "--quiet", cwd=root, code=1, env=env)
    assert summary.read_text(encoding="utf-8").count("### hygge") == 2  # appended, as GitHub asks


def test_problems_are_annotated(tmp_path: Path) -> None:
    root = project(tmp_path, flow=FLOW.replace("retries", "retreis"))
    for verb in ("go", "debug"):
        out = hygge(verb, cwd=root, code=2, env=ACTIONS).out
        assert "::error file=flows/main/flow.yml,line=3,col=1::unknown setting 'retreis'" in out
    assert "::" not in hygge("go", cwd=root, code=2).out


def test_text_is_escaped() -> None:
    assert annotation("warning", "50 %\r\nof it", None) == "::warning::50 %25%0D%0Aof it"
    place = Location("a,b:c%.yml", 3)
    assert annotation("error", "x", place) == "::error file=a%2Cb%3Ac%25.yml,line=3::x"
