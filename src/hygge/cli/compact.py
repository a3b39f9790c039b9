"""`hygge compact`: many small files at a destination become few."""

from __future__ import annotations

from pathlib import Path

from hygge.cli.console import dim, green, red, say, yellow
from hygge.cli.failure import FAILED, OK
from hygge.cli.render import error_text
from hygge.cli.text import count, here
from hygge.core.context import CancelToken, Context
from hygge.core.errors import HyggeError, UnsupportedError
from hygge.project import Project, load_project
from hygge.run.coordinator import Coordinator
from hygge.run.ids import new_run_id
from hygge.run.locks import Overlap, entity_lock
from hygge.run.options import RunOptions
from hygge.run.plan import Plan


def compact(config: Path | None, *, select: tuple[str, ...], env: str | None) -> int:
    """Compact the destinations chosen, one after another; returns 1 where one failed."""
    project = load_project(config_path=config, env=env)
    names = tuple(name for text in select for name in text.split(",") if name)
    options = RunOptions(select=names, env=env)
    plans = Coordinator(options=options, project=project).plan()
    run_id = new_run_id()
    outcomes = [_one(plan, project, run_id) for plan in plans]
    if not plans:
        say("There is nothing to compact.")
    return FAILED if "failed" in outcomes else OK


def _one(plan: Plan, project: Project, run_id: str) -> str:
    """Compact one destination, under the lock that runs take; returns how it went."""
    where = f"{plan.full_name}  {dim(here(plan.destination))}"
    try:
        with entity_lock(project.root, plan.lock, "fail", CancelToken()):
            before, after = plan.store.compact(Context(run_id=run_id))
    except UnsupportedError:
        say(f"{dim('left')}     {where}: a Store of type '{plan.store.type}' has no files to join")
        return "left"
    except Overlap as overlap:
        say(f"{yellow('skipped')}  {where}: {overlap.message}")
        return "skipped"
    except HyggeError as error:
        say(f"{red('failed')}   {where}\n{error_text(error)}")
        return "failed"
    if after < before:
        say(f"{green('joined')}   {where}: {count(before, 'file')} are now {after}")
        return "joined"
    say(f"{dim('left')}     {where}: {count(before, 'file')}, well filled")
    return "left"
