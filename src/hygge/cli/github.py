"""GitHub Actions: problems and failures as annotations, results as a step summary.

https://docs.github.com/actions/reference/workflow-commands-for-github-actions
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hygge.cli.console import say
from hygge.cli.text import count, duration, size
from hygge.core.errors import HyggeError, Location, Problem
from hygge.core.secrets import redact

if TYPE_CHECKING:
    from hygge.run.coordinator import Coordinator
    from hygge.run.result import EntityResult, RunResult


def annotate_problems(problems: Sequence[Problem]) -> None:
    """One annotation per problem, at its place in its file."""
    for one in problems:
        hint = f"\nhint: {one.hint}" if one.hint else ""
        say(annotation(one.severity, one.message + hint, one.location))


def annotate_result(result: RunResult, coordinator: Coordinator) -> None:
    """One annotation per failure and warning, and the step summary where GitHub wants one."""
    places = _places(coordinator) if result.failed or result.has_warnings else {}
    for entity in result.entities:
        where = places.get(entity.entity)
        for warning in entity.warnings:
            say(annotation("warning", f"{entity.entity}: {warning}", where))
        if entity.status == "failed":
            hint = f"\nhint: {entity.hint}" if entity.hint else ""
            say(annotation("error", f"{entity.entity}: {entity.error}{hint}", where))
    for warning in result.warnings:
        say(annotation("warning", warning, None))
    target = os.environ.get("GITHUB_STEP_SUMMARY")
    if target:
        with Path(target).open("a", encoding="utf-8") as file:
            file.write(redact(step_summary(result)))


def annotation(severity: str, message: str, location: Location | None) -> str:
    """A workflow command; text is escaped as GitHub's own toolkit does."""
    facts = []
    if location is not None:
        facts.append(f"file={_property(_relative(location.file))}")
        if location.line:
            facts.append(f"line={location.line}")
        if location.column:
            facts.append(f"col={location.column}")
    body = message.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return f"::{severity} {','.join(facts)}::{body}" if facts else f"::{severity}::{body}"


def step_summary(result: RunResult) -> str:
    """The results as a Markdown table."""
    facts = f"{count(result.rows, 'row')}, {size(result.bytes)} in {duration(result.seconds)}"
    lines = [
        f"### hygge: {result.status}, {facts}",
        "",
        "| entity | status | rows | bytes | time | settled in |",
        "| --- | --- | ---: | ---: | ---: | --- |",
        *(_row(e) for e in result.entities),
        "",
    ]
    return "\n".join(lines) + "\n"


def _row(entity: EntityResult) -> str:
    cells = (
        entity.entity, entity.status, f"{entity.rows:,}", size(entity.bytes),
        duration(entity.seconds), entity.error or entity.destination,
    )  # fmt: skip
    safe = (cell.replace("|", "\\|").replace("\n", " ") for cell in cells)
    return f"| {' | '.join(safe)} |"


def _places(coordinator: Coordinator) -> dict[str, Location]:
    try:
        plans = coordinator.plan_listed()
        return {p.full_name: p.location for p in plans if p.location is not None}
    except HyggeError:  # a source that cannot be listed any more; the failure itself is told
        return {}


def _relative(file: str) -> str:
    base = Path(os.environ.get("GITHUB_WORKSPACE") or Path.cwd())
    path = Path(file)
    return str(path.relative_to(base)) if path.is_relative_to(base) else file


def _property(text: str) -> str:
    for char, code in (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"), (":", "%3A"), (",", "%2C")):
        text = text.replace(char, code)
    return text
