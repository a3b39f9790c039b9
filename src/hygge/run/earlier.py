"""What a project's earlier runs tell the next one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from hygge.core.errors import HyggeError
from hygge.core.home import Table
from hygge.project import Project
from hygge.run.journal import FILE, Journal
from hygge.run.records import Origin


def origin_of(project: Project) -> Origin:
    """What a run of this project, in its environment, is a run of."""
    return Origin(project.name, project.config, project.env)


def tables_before(project: Project) -> Mapping[str, Sequence[Table]]:
    """By flow, the tables that its `tables:` chose in its last run; none where no flow has any.

    A journal that cannot be read tells nothing here: a run says so itself. None is made.
    """
    here = project.journal.url is None
    if not any(flow.tables for flow in project.flows):
        return {}
    if here and not (project.root / FILE).is_file():
        return {}
    with suppress(HyggeError), Journal.open(project.journal, project.root) as journal:
        return journal.tables_before(origin_of(project))
    return {}
