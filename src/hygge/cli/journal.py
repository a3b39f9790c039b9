"""`hygge journal`: past runs, from the journal."""

from __future__ import annotations

import json
from pathlib import Path

from hygge.cli.console import bold, dim, raw, say
from hygge.cli.failure import OK
from hygge.cli.render import STATUS, details, failure_text
from hygge.cli.text import columns, command, count, duration, here, moment, size
from hygge.core.errors import ConfigError
from hygge.project import load_project
from hygge.run.earlier import origin_of
from hygge.run.journal import Journal
from hygge.run.records import RunRecord


def journal(config: Path | None, *, run: str | None, limit: int, output: str) -> int:
    """List the latest runs, or show one.

    Parameters
    ----------
    run: its id, how that begins, or `last`; None lists.
    limit: how many to list.
    """
    project = load_project(config_path=config)
    with Journal.open(project.journal, project.root) as records:
        if run is None:
            found = records.runs(limit)
            _list(found, output, command("go", config))
            return OK
        if run == "last":
            latest = records.last_run(origin_of(project), any_environment=True)
            run = latest.run_id if latest else ""
        one = records.run(run) if run else None
    if one is None:
        raise ConfigError(
            f"no run is called '{run}'" if run else "no run is recorded yet",
            hint="`hygge journal` lists the runs"
            if run
            else f"`{command('go', config)}` makes one",
        )
    if output == "json":
        raw(json.dumps(one.to_json(), indent=2, ensure_ascii=False))
    else:
        _show(one)
    return OK


def _list(runs: list[RunRecord], output: str, mover: str) -> None:
    if output == "json":
        raw(json.dumps([r.to_json() for r in runs], indent=2, ensure_ascii=False))
        return
    if not runs:
        say(f"No run is recorded yet. `{mover}` makes one.")
        return
    named = any(r.config for r in runs)
    heads = ("run", "started", "status", "entities", "rows", "bytes", "took")
    head = tuple(dim(t) for t in (*heads, *(("config",) if named else ())))
    rows = [
        (
            r.run_id,
            moment(r.started),
            STATUS[r.status],
            _counts(r),
            f"{r.rows:,}",
            size(r.bytes),
            duration(r.seconds) if r.seconds is not None else "",
            *((r.config,) if named else ()),
        )
        for r in runs
    ]
    say(columns([head, *rows], indent="", right=(4, 5, 6)))


def _counts(run: RunRecord) -> str:
    """How many entities have each status, those that moved first."""
    known = [status for status in STATUS if status in run.counts]
    return ", ".join(f"{run.counts[status]} {status}" for status in known)


def _show(run: RunRecord) -> None:
    facts = [("status", STATUS[run.status]), ("started", moment(run.started))]
    if run.finished:
        facts.append(("finished", moment(run.finished)))
    for name in ("project", "config", "environment", "fingerprint"):
        if getattr(run, name):
            facts.append((name, str(getattr(run, name))))
    facts.append(("by", f"hygge {run.hygge_version}, process {run.pid} on {run.host}"))
    if run.reason:
        facts.append(("reason", run.reason))
    say(bold(f"Run {run.run_id}"))
    say(columns([(dim(name), text) for name, text in facts]) + "\n")
    for entity in run.entities:
        result = entity.result
        moved = f"{count(result.rows, 'row')}, {size(result.bytes)}" if result.rows else ""
        took = duration(result.seconds) if entity.ended else ""
        said = "  ".join(part for part in (STATUS[entity.status], moved, took) if part)
        say(f"{bold(result.entity)}  {said}")
        facts = [("from", here(result.source))]
        facts += [("to", f"{here(result.destination)} ({result.mode})")] if result.mode else []
        facts += [*details(result), *(("warning", warning) for warning in result.warnings)]
        told = [(dim(name), text) for name, text in facts if text]
        if told:
            say(columns(told))
        if result.status == "failed":
            say("\n".join(failure_text(result).splitlines()[1:]))
    for warning in run.warnings:
        say(f"warning: {warning}")
