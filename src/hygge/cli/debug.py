"""`hygge debug`: is the configuration sound, and can every source and destination be reached?"""

from __future__ import annotations

import os
import platform
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from hygge.cli.console import bold, dim, green, red, say, yellow
from hygge.cli.failure import FAILED, OK, USAGE
from hygge.cli.render import problems_text
from hygge.cli.text import columns, command, count, here, indented
from hygge.core.chunk import ReadRequest
from hygge.core.context import Context
from hygge.core.errors import ConfigError, HyggeError, Problem
from hygge.core.fields import Schema
from hygge.core.reading import HomeSession
from hygge.core.watermark import check_type
from hygge.project import EntitySpec, Project, check_places, expand, load_project
from hygge.run.asking import held_now
from hygge.run.earlier import moved_before, origin_of
from hygge.run.journal import Journal
from hygge.run.plan import Plan
from hygge.run.planning import plan_entity
from hygge.run.shape import unknown_column

AT_ONCE = 8


@dataclass(frozen=True)
class Check:
    """How one side of an entity answered: in words, or with what went wrong; and as whom the server
    knows hygge, where it says."""

    side: str
    place: str
    found: str = ""
    who: str = ""
    error: str = ""
    hint: str = ""


def debug(config: Path | None, *, env: str | None, verbose: bool) -> int:
    """Show the project, everything wrong with it, and how each side of each entity answers.

    Returns 2 where the configuration is wrong, 1 where something could not be reached.
    """
    project = load_project(config_path=config, env=env)
    journal, journal_ok = _journal(project)
    _show_project(project, journal)
    specs, unlisted, problems = _entities(project)
    plans = [_plan(spec, project) for spec in specs if spec.enabled]
    problems += [p for plan in plans for p in plan.untold(problems)]
    if not project.errors:  # among them would be the places that entities of files share
        problems += check_places(specs, project.surroundings())
    say(f"\n{bold('Configuration')}")
    say(f"  {green('ok')}" if not problems else problems_text(problems))
    if os.environ.get("GITHUB_ACTIONS") == "true":
        from hygge.cli.github import annotate_problems

        annotate_problems(problems)
    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="debug") as pool:
        sound = [plan for plan in plans if not plan.errors]
        answers = list(pool.map(_checks, sound))
    if answers or unlisted:
        say(f"\n{bold('Sources and destinations')}")
    introduced: set[tuple[str, str]] = set()
    for plan, checks in zip(sound, answers, strict=True):
        _show_checks(plan, checks, introduced, verbose=verbose)
    for flow, error in unlisted:
        say(f"  {red('error')} {bold(flow)}: its tables cannot be listed")
        _show_error(error.message, error.hint)
    failing = sum(any(c.error for c in checks) for checks in answers) + len(unlisted)
    wrong = sum(p.severity == "error" for p in problems)
    say("")
    if wrong or failing or not journal_ok:
        told = [count(wrong, "problem")] if wrong else []
        asked = len(answers) + len(unlisted)
        told += [f"{failing} of {asked} cannot be reached"] if failing else []
        told += [] if journal_ok else ["no journal"]
        say(red(bold("Not yet: ")) + ", ".join(told) + ".")
        return USAGE if wrong else FAILED
    if not answers:
        say("Nothing to move: there is no entity.")
        return OK
    ready = count(len(answers), "entity is", "entities are")
    moved = f"`{command('go', config, env)}` moves them."
    say(f"{green(bold('All well:'))} {ready} ready. {dim(moved)}")
    return OK


def _show_project(project: Project, journal: str) -> None:
    facts = [("file", here(str(project.file)))]
    if project.environments:
        others = ", ".join(project.environments)
        facts.append(("environment", f"{project.env or 'none chosen'} (of {others})"))
    for name, connection in project.connections.items():
        facts.append(("connection", f"{name}: {connection.type} {here(connection.place())}"))
    for flow in project.flows:
        told = [count(len(flow.entities), "entity", "entities")] if flow.entities else []
        told += [f"tables {', '.join(flow.tables)}"] if flow.tables else []
        facts.append(("flow", f"{flow.name}: {', '.join(told) or 'nothing yet'}"))
    facts.append(("journal", journal))
    packages = f"Python {platform.python_version()}, Polars {version('polars')}"
    facts.append(("by", f"hygge {version('hygge')}, {packages}"))
    say(f"{bold('Project')} {project.name}")
    say(columns([(dim(name), text) for name, text in facts]))


def _journal(project: Project) -> tuple[str, bool]:
    """The journal's place and last run, or what is wrong with it; and whether it is well."""
    try:
        with Journal.open(project.journal, project.root) as journal:
            latest = journal.last_run(origin_of(project))
            last = f"last run {latest.run_id}, {latest.status}" if latest else "no run yet"
            return f"{here(journal.place)}: {last}", True
    except HyggeError as error:
        hint = f"; {here(error.hint)}" if error.hint else ""
        return f"{red('error:')} {indented(here(error.message), '  ')}{hint}", False


def _entities(
    project: Project,
) -> tuple[list[EntitySpec], list[tuple[str, HyggeError]], list[Problem]]:
    """All entities, the flows whose tables could not be listed, and what is wrong."""
    specs: list[EntitySpec] = []
    unlisted: list[tuple[str, HyggeError]] = []
    problems = list(project.problems)
    before = moved_before(project)
    for flow in project.flows:
        try:
            expansion = expand(flow, Context(), before.get(flow.name, ()))
            specs += expansion.entities
            problems += [p for p in expansion.problems if p not in problems]
            problems += [expansion.gone] if expansion.gone is not None else []
        except ConfigError as error:
            specs += flow.entities
            found = error.problems or [Problem(error.message, flow.location, error.hint)]
            problems += [p for p in found if p not in problems]
        except HyggeError as error:
            specs += flow.entities
            unlisted.append((flow.name, error))
    return specs, unlisted, problems


def _plan(spec: EntitySpec, project: Project) -> Plan:
    return plan_entity(
        spec.home, spec.store, spec.settings, full_name=spec.full_name,
        around=project.surroundings(), tags=spec.tags, location=spec.location,
    )  # fmt: skip


def _checks(plan: Plan) -> tuple[Check, Check]:
    return (
        _asked("from", plan.source, lambda: _source(plan)),
        _asked("to", plan.destination, lambda: _destination(plan)),
    )


def _asked(side: str, place: str, ask: Callable[[], tuple[str, str]]) -> Check:
    try:
        return Check(side, place, *ask())
    except HyggeError as error:
        return Check(side, place, error=error.message, hint=error.hint or "")
    except Exception as error:  # noqa: BLE001 - a connector's own trouble is what is looked for
        return Check(side, place, error=f"{type(error).__name__}: {error}")


def _source(plan: Plan) -> tuple[str, str]:
    with plan.home.open(Context(run_id="debug")) as session:
        schema = session.schema()
        _check_columns(plan, schema, session)
        estimate = session.estimate(ReadRequest())
        about = "" if estimate.exact else "about "
        rows = f", {about}{count(estimate.rows, 'row')}" if estimate.rows is not None else ""
        return f"{count(len(schema.names), 'column')}{rows}", session.who()


def _check_columns(plan: Plan, schema: Schema, session: HomeSession) -> None:
    """Raise ConfigError for a setting that names a column which the source does not have."""
    settings, by = plan.settings, plan.settings.incremental
    named = {
        "columns": settings.columns, "rename": settings.rename, "cast": settings.cast,
        "key_column": settings.keys if plan.needs_key else (),
        "incremental": (by.column,) if by is not None and by.column else (),
    }  # fmt: skip
    for setting, names in named.items():
        for name in names:
            if name not in schema:
                raise unknown_column(name, schema, f"`{setting}`")
    if by is not None and by.by:
        session.told_by(by.by)
    elif by is not None and by.column:
        check_type(by.column, session.positions(schema[by.column]))


def _destination(plan: Plan) -> tuple[str, str]:
    with plan.store.open(Context(run_id="debug")) as session:
        state = held_now(plan, session.state())
        who = session.who()
        if state is None:
            return "nothing of hygge's yet" if plan.store.keeps_state else "keeps no state", who
        rows = count(state.rows, "row") if state.rows is not None else "rows"
        return f"{rows}, generation {state.generation}, of {state.committed_at}", who


def _show_checks(
    plan: Plan, checks: Sequence[Check], introduced: set[tuple[str, str]], *, verbose: bool
) -> None:
    """Show how both sides answered; as whom a database knows hygge, unless that was told before."""
    ok = not any(check.error for check in checks)
    say(f"  {green('ok   ') if ok else red('error')} {bold(plan.full_name)}")
    for check in checks:
        said = f"{red('error:')} " if check.error else ""
        there = (check.place.partition("#")[0], check.who)
        known = f"; known there as {check.who}" if check.who and there not in introduced else ""
        introduced.add(there)
        text = indented(here(check.error or check.found + known), " " * 13)
        say(f"        {dim(check.side.ljust(4))} {here(check.place)}: {said}{text}")
        if check.error:
            _show_error("", check.hint)
    if verbose:
        facts: list[tuple[str, Any]] = [("mode", plan.mode), ("reads", plan.bounds)]
        facts += [("note", note) for note in plan.notes]
        say(columns([(dim(name), text) for name, text in facts], indent="        "))


def _show_error(message: str, hint: str | None) -> None:
    if message:
        say(f"        {indented(here(message), '        ')}")
    if hint:
        say(f"        {yellow('hint:')} {indented(here(hint), '        ')}")
