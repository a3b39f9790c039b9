"""What a project's earlier runs tell the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from hygge.core.errors import HyggeError
from hygge.project import Project
from hygge.run.journal import FILE, Journal
from hygge.run.records import Origin


def origin_of(project: Project) -> Origin:
    """What a run of this project, in its environment, is a run of."""
    return Origin(project.name, project.config, project.env)


def moved_before(project: Project) -> Mapping[str, Sequence[tuple[str, str]]]:
    """By flow with `tables:`, what it moved of late; see `History.moved_before`.

    A journal that cannot be read tells nothing here: a run says so itself. None is made.
    """
    here = project.journal.url is None
    flows = [flow.name for flow in project.flows if flow.tables]
    if not flows:
        return {}
    if here and not (project.root / FILE).is_file():
        return {}
    with suppress(HyggeError), Journal.open(project.journal, project.root) as journal:
        origin, now = origin_of(project), datetime.now(UTC)
        return {flow: journal.moved_before(origin, flow, now) for flow in flows}
    return {}
