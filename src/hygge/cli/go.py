"""`hygge go`: run the project's flows, or a part of them."""

from __future__ import annotations

import json
import os
from datetime import date
from pathlib import Path
from typing import Literal

from hygge.cli.console import dim, say, yellow
from hygge.cli.failure import FAILED, OK, USAGE
from hygge.cli.render import plan_text, problems_text
from hygge.cli.running import exit_code, follower, tell_summary, watched
from hygge.cli.text import command, count
from hygge.core.context import CancelToken
from hygge.core.durations import parse_duration
from hygge.core.errors import ConfigError
from hygge.project import Project, load_project
from hygge.run.coordinator import Coordinator
from hygge.run.earlier import origin_of
from hygge.run.journal import Journal
from hygge.run.options import RunOptions
from hygge.run.result import RunResult


def go(
    config: Path | None,
    *,
    flow: tuple[str, ...],
    entity: tuple[str, ...],
    select: tuple[str, ...],
    exclude: tuple[str, ...],
    full_refresh: bool,
    dry_run: bool,
    connect: bool,
    env: str | None,
    run_date: str | None,
    concurrency: int | None,
    fail_fast: bool,
    if_running: Literal["skip", "wait", "fail"],
    max_duration: str | None,
    report: Path | None,
    retry_failed: bool,
    from_report: Path | None,
    warn_error: bool,
    skip_exit_code: int,
    log_format: str,
    quiet: bool,
    verbose: bool,
) -> int:
    """Run, show and report; returns the exit code. The parameters are those of the command."""
    if from_report and not retry_failed:
        raise ConfigError("--from goes with --retry-failed")
    if connect and not dry_run:
        raise ConfigError("--connect goes with --dry-run")
    day = _date(run_date)
    project = load_project(config_path=config, env=env, run_date=day)
    as_json = log_format == "json"
    only = None
    if retry_failed:
        only = _unfinished(project, from_report, command("go", config, env))
    if only is not None and not only:
        say("Nothing to try again: the last run left nothing unfinished.")
        return OK
    options = RunOptions(
        flows=flow, entities=entity, select=select, exclude=exclude, full_refresh=full_refresh,
        env=env, run_date=day, concurrency=concurrency, fail_fast=fail_fast,
        if_running=if_running, max_duration=_seconds(max_duration), only=only,
    )  # fmt: skip
    if project.warnings and not project.errors:  # with errors, they are told together
        say(problems_text(project.warnings) + "\n", to_stderr=True)
    shown = follower(quiet=quiet, verbose=verbose, as_json=as_json)
    coordinator = Coordinator(options=options, project=project, listeners=(shown,))
    if dry_run:
        return show_plan(coordinator, connect=connect, mover=command("go", config, env))
    if report is not None:
        _check_writable(report)
    ended = watched(coordinator.execute, coordinator.cancel, shown)
    tell_summary(
        ended, quiet=quiet, verbose=verbose, as_json=as_json,
        retry=command("go --retry-failed", config, env),
    )  # fmt: skip
    if ended.result is not None:
        if report is not None:
            write_report(ended.result, report)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            from hygge.cli.github import annotate_result

            annotate_result(ended.result, coordinator)
    code = exit_code(ended, warn_error=warn_error, skip_exit_code=skip_exit_code)
    return FAILED if code == OK and warn_error and project.warnings else code


def show_plan(coordinator: Coordinator, *, connect: bool = False, mover: str = "hygge go") -> int:
    """Print the plan of every entity; returns 2 where something stands in the way.

    Parameters
    ----------
    connect: whether to ask sources and destinations too; 1 is returned where one has an error.
    mover: the command that moves what is shown.
    """
    plans = coordinator.plan()
    previews = {}
    if connect:
        from hygge.run.preview import preview_all

        sound = [plan for plan in plans if not plan.errors]
        previews = {p.entity: p for p in preview_all(sound, CancelToken())}
    for plan in plans:
        say(plan_text(plan))
        if plan.full_name in previews:
            from hygge.cli.preview import preview_text

            say(preview_text(previews[plan.full_name]))
        say()
    for warning in coordinator.warnings:
        say(f"{yellow('warning:')} {warning}\n")
    if coordinator.problems:
        say(problems_text(coordinator.problems) + "\n")
    wrong = len(coordinator.problems) + sum(len(p.errors) for p in plans)
    which = count(len(plans), "entity", "entities")
    if wrong:
        say(f"{which}; {count(wrong, 'problem')} in the way. Nothing was moved.")
        return USAGE
    failing = [p.error for p in previews.values() if p.error is not None]
    if failing:
        say(f"{which}; {len(failing)} would fail. Nothing was moved.")
        return USAGE if all(isinstance(error, ConfigError) for error in failing) else FAILED
    say(f"{which}, nothing in the way. {dim(f'`{mover}` without --dry-run moves them.')}")
    return OK


def write_report(result: RunResult, path: Path) -> None:
    """Write the report: whole or not at all, where a file is; a link to one stays a link."""
    text = json.dumps(result.to_json(), indent=2, ensure_ascii=False) + "\n"
    if _is_device(path):
        path.write_text(text, encoding="utf-8")
        return
    path = Path(os.path.realpath(path))
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _is_device(path: Path) -> bool:
    """Whether a path is there and is neither file nor folder, but `/dev/stdout`, say, or a pipe."""
    return path.exists() and not (path.is_file() or path.is_dir())


def _check_writable(report: Path) -> None:
    folder = report.parent
    if _is_device(report) and os.access(report, os.W_OK):
        return
    if not folder.is_dir() or not os.access(folder, os.W_OK) or report.is_dir():
        raise ConfigError(
            f"--report: {report} cannot be written", hint=f"is {folder} a folder you may write to?"
        )


def _unfinished(project: Project, from_report: Path | None, mover: str) -> frozenset[str]:
    """What the report, or the journal's last run of this configuration, left unfinished."""
    if from_report is not None:
        try:
            text = from_report.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            why = getattr(error, "strerror", None) or "it is not UTF-8"
            raise ConfigError(
                f"--from: {from_report} cannot be read: {why}",
                hint="give a file written by `hygge go --report`",
            ) from None
        return frozenset(RunResult.from_json(text, place=str(from_report)).unfinished)
    with Journal.open(project.journal, project.root) as journal:
        last = journal.last_result(origin_of(project))
    if last is None:
        raise ConfigError(
            "--retry-failed: no run is recorded yet",
            hint=f"`{mover}` runs everything; --from takes a report instead of the journal",
        )
    return frozenset(last.unfinished)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    try:
        seconds = parse_duration(text).total_seconds()
    except ValueError as error:
        raise ConfigError(f"--max-duration: {error}") from None
    if seconds <= 0:
        raise ConfigError("--max-duration: it must be more than nothing")
    return seconds


def _date(text: str | None) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"--run-date: '{text}' is no date", hint="write it as 2026-01-31"
        ) from None
