"""What a project comes to: frozen descriptions that nothing downstream has to look up again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError, Location, Problem
from hygge.core.home import Home
from hygge.core.store import Store
from hygge.project.documents import JournalSettings
from hygge.project.finding import FILES
from hygge.project.settings import EntitySettings


@dataclass(frozen=True)
class EntitySpec:
    """One entity, with everything that project, flow, overrides and entity say of it merged.

    Parameters
    ----------
    flow, name: its flow's name and its own.
    home, store: descriptions, not yet bound to the project.
    settings: validated.
    location: where it is written: its file, its list item, its flow, or the `tables:` pattern.
    provenance: where each value came from, by dotted path, e.g. `home.path`, `batch_size`.
    fingerprint: a digest of the merged configuration as written, without values of variables.
    """

    flow: str
    name: str
    home: Home
    store: Store
    settings: EntitySettings
    location: Location
    provenance: Mapping[str, Location] = field(default_factory=dict)
    fingerprint: str = ""

    @property
    def full_name(self) -> str:
        """`flow.entity`; a flow that is its only entity goes by its own name."""
        return full_name(self.flow, self.name)

    @property
    def tags(self) -> tuple[str, ...]:
        return self.settings.tags

    @property
    def enabled(self) -> bool:
        return self.settings.enabled


def full_name(flow: str, entity: str) -> str:
    """`flow.entity`; a flow of a single entity of its own name is called by it alone."""
    return flow if entity == flow else f"{flow}.{entity}"


@dataclass(frozen=True)
class FlowSpec:
    """One flow.

    Parameters
    ----------
    name: its name.
    location: where it is written.
    entities: those that are named; entities with problems are left out.
    tables: patterns that `expand_tables` looks up when a run is planned.
    """

    name: str
    location: Location
    entities: tuple[EntitySpec, ...] = ()
    tables: tuple[str, ...] = ()
    source: Any = field(default=None, repr=False, compare=False)
    """What `expand_tables` makes further entities of."""


@dataclass(frozen=True)
class Project:
    """A project, loaded. What is wrong with it is in `problems`; `check()` raises them.

    Parameters
    ----------
    name: its name.
    root: the folder that relative paths start from: that of the configuration file.
    file: the configuration file.
    flows_dir: the folder of flow folders; it need not exist.
    connections: Connection descriptions by name.
    environments: values by environment; texts as written.
    env: the environment that holds; None where there are none.
    run_date: what `{run_date}` stands for.
    concurrency: entities at a time; None leaves it to the run.
    journal: where runs are recorded.
    flows: in order of name as written, files after inline ones.
    problems: errors and warnings, by file and line.
    """

    name: str
    root: Path
    file: Path
    flows_dir: Path
    run_date: date
    connections: Mapping[str, Any] = field(default_factory=dict)
    environments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    env: str | None = None
    concurrency: int | None = None
    journal: JournalSettings = field(default_factory=JournalSettings)
    flows: tuple[FlowSpec, ...] = ()
    problems: tuple[Problem, ...] = ()

    @property
    def config(self) -> str:
        """The configuration file's name; "" for the `hygge.yml` that is meant unless one is
        named. Files that share a folder share its `.hygge`: this tells their runs apart. A link to
        another file of its folder is that file."""
        real = self.file.resolve()
        name = real.name if real.parent == self.file.parent.resolve() else self.file.name
        return "" if name in FILES else name

    @property
    def entities(self) -> tuple[EntitySpec, ...]:
        """The named entities of all flows."""
        return tuple(entity for flow in self.flows for entity in flow.entities)

    @property
    def errors(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        return tuple(p for p in self.problems if p.severity == "warning")

    def check(self) -> None:
        """Raise ConfigError with every problem, if any of them is an error."""
        if self.errors:
            raise ConfigError(problems=self.errors)

    def surroundings(self) -> Surroundings:
        """What homes and stores of this project are bound to."""
        return Surroundings(self.root, self.connections)
