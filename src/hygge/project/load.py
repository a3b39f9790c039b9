"""Loads a project: finds its files, merges their layers, and gathers everything wrong with them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError, Location
from hygge.project.build import Builder
from hygge.project.custom import import_custom
from hygge.project.documents import ProjectFile
from hygge.project.finding import FILES, find_project, load_dotenv, project_file
from hygge.project.flows import (
    FlowReader,
    WrittenFlow,
    mapping_of,
    overrides_of,
    warn_unused,
    written_inline,
)
from hygge.project.names import key_of
from hygge.project.nodes import Node, empty, plain
from hygge.project.places import check_places
from hygge.project.problems import Problems, validated
from hygge.project.reader import read_file
from hygge.project.specs import FlowSpec, Project
from hygge.project.templates import literal


def load_project(
    path: Path | None = None,
    *,
    config_path: Path | None = None,
    env: str | None = None,
    run_date: date | None = None,
    flows: bool = True,
) -> Project:
    """A project, with everything wrong in its `problems`.

    Parameters
    ----------
    path: the project's folder or any below it; None is the current folder.
    config_path: a project's file or folder, instead of looking for one.
    env: the environment; None is HYGGE_ENV, else what the project says.
    run_date: what `{run_date}` stands for; None is today in UTC.
    flows: whether its flows are wanted; without them their files are not read.

    Raises ConfigError only where there is no project, or no such file.
    """
    file = _config_file(config_path) if config_path is not None else None
    if file is None:
        root = find_project(path)
        file = project_file(root)
        assert file is not None  # find_project has seen it
    loader = _Loader(file, env, run_date or datetime.now(UTC).date())
    return loader.project() if flows else loader.without_flows()


def _config_file(path: Path) -> Path:
    path = path.absolute()
    if path.is_dir():
        found = project_file(path)
        if found is None:
            raise ConfigError(
                f"there is no hygge.yml in {path}", hint="`hygge init my-project` makes one"
            )
        return found
    if not path.is_file():
        raise ConfigError(f"there is no file {path}")
    return path


class _Loader:
    """One loading of one project."""

    def __init__(self, file: Path, env: str | None, run_date: date) -> None:
        self.file, self.root, self.run_date = file, file.parent, run_date
        self.at = Location(str(file))
        self.problems = Problems()
        self.problems.extend(load_dotenv(self.root))
        self.problems.extend(import_custom(self.root))
        self.builder = Builder(self.problems)
        node, problems = read_file(file)
        self.problems.extend(problems)
        self.readable = node is not None
        if node is not None and not node.items and file.name not in FILES:
            self.problems.error(
                "this file is empty", self.at,
                "write `flows:` in it, or give a project's hygge.yml or its folder",
            )  # fmt: skip
        self.node = node or empty(self.at)
        values = self.builder.texts(self.node)
        validated(ProjectFile, values, self.node, self.problems, partial=True)
        own = {key: values[key] for key in ("concurrency", "journal") if key in values}
        self.own = validated(ProjectFile, own, self.node, self.problems) or ProjectFile()
        self.env = self._environment(env)
        self.builder.names = self._names()

    def _environment(self, asked: str | None) -> str | None:
        """The environment that holds, if there is such a one."""
        written = self.node.get("environment")
        known = mapping_of(self.node, "environments").items
        name, at = asked or os.environ.get("HYGGE_ENV"), self.at
        if not name and written is not None and isinstance(written.value, str):
            name, at = str(self.builder.texts(written)), written.at
        if not name or name in known or not self.readable:
            return name or None
        near = get_close_matches(name, sorted(known), n=1)
        listed = ", ".join(sorted(known))
        hint = f"did you mean '{near[0]}'?" if near else f"known: {listed}"
        if not known:
            hint = "add it under `environments:`"
        self.problems.error(f"there is no environment '{name}'", at, hint)
        return None

    def _names(self) -> dict[str, str | None]:
        environments = mapping_of(self.node, "environments").items
        names: dict[str, str | None] = {
            f"env.{key}": None for values in environments.values() for key in values.items
        }
        if self.env is not None and self.env in environments:
            for key, value in environments[self.env].items.items():
                # As written, so that a secret in it stays a reference.
                names[f"env.{key}"] = value.value if isinstance(value.value, str) else _text(value)
        return {**names, "run_date": literal(self.run_date.isoformat())}

    def _said(self, key: str) -> str | None:
        node = self.node.get(key)
        if node is None or not isinstance(node.value, str):
            return None
        return str(self.builder.texts(node))

    def connections(self) -> dict[str, Any]:
        """Those that are right, by name."""
        written = mapping_of(self.node, "connections").items
        self.builder.known_connections = frozenset(written)
        made = {
            name: self.builder.connection(name, node)
            for name, node in written.items()
            if isinstance(node.value, Mapping)
        }
        right = {name: found for name, found in made.items() if found is not None}
        self.builder.faulty_connections = frozenset(written) - frozenset(right)
        return right

    def without_flows(self) -> Project:
        """The project but for its flows."""
        return replace(self._base(), problems=self.problems.sorted)

    def _base(self) -> Project:
        journal = self.own.journal
        self.builder.warn_of_literals(journal, mapping_of(self.node, "journal"), "journal")
        return Project(
            name=self._said("name") or self.root.name,
            root=self.root,
            file=self.file,
            flows_dir=self.root / (self._said("flows_dir") or "flows"),
            run_date=self.run_date,
            connections=self.connections(),
            environments={
                name: plain(node)
                for name, node in mapping_of(self.node, "environments").items.items()
            },
            env=self.env,
            concurrency=self.own.concurrency,
            journal=journal,
        )

    def project(self) -> Project:
        """The whole project."""
        project = self._base()
        overrides = overrides_of(self.node, of_project=True)
        around = project.surroundings()
        reader = FlowReader(self.builder, mapping_of(self.node, "defaults"), overrides, around)
        flows = [reader.flow(written) for written in self._flows(reader, project.flows_dir)]
        self._check_flows(flows, project.flows_dir)
        if not any(flow.tables for flow in flows):
            warn_unused(overrides, self.problems)
        entities = [entity for flow in flows for entity in flow.entities]
        self.problems.extend(check_places(entities, around))
        return replace(project, flows=tuple(flows), problems=self.problems.sorted)

    def _flows(self, reader: FlowReader, flows_dir: Path) -> Iterator[WrittenFlow]:
        inline, asked = self.node.get("flows"), self.node.get("flows_dir")
        yield from written_inline(mapping_of(self.node, "flows"))
        if flows_dir.is_dir():
            # A single file with flows of its own does not take in those that lie beside it.
            if self.file.name in FILES or (inline is None and self.node.items) or asked is not None:
                yield from reader.in_folders(flows_dir)
        elif asked is not None:
            self.problems.error(
                f"there is no folder {flows_dir}", asked.at, "make it, or mend `flows_dir`"
            )

    def _check_flows(self, flows: list[FlowSpec], flows_dir: Path) -> None:
        seen: dict[str, FlowSpec] = {}
        for flow in flows:
            other = seen.setdefault(key_of(flow.name), flow)
            if other is not flow:
                self.problems.error(
                    f"there is another flow '{other.name}', at {other.location}",
                    flow.location,
                    "name one of them otherwise",
                )
        if not flows and not len(self.problems):
            self.problems.warn(
                f"there are no flows: no `flows:` here, and no folder in {flows_dir} with a "
                "flow.yml",
                self.at,
            )


def _text(node: Node) -> str:
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return "" if node.value is None else str(node.value)


def nearest_surroundings() -> Surroundings:
    """The surroundings of Homes and Stores used on their own: those of the project that the
    current folder is in, else the current folder without connections.

    Raises ConfigError where the project's connections are wrong.
    """
    try:
        root = find_project()
    except ConfigError as error:
        if error.problems:
            raise
        return Surroundings()
    file = project_file(root)
    assert file is not None  # find_project has seen it
    loader = _Loader(file, None, datetime.now(UTC).date())
    earlier = loader.problems.sorted if loader.readable else ()
    connections = loader.connections()
    wrong = [p for p in loader.problems.sorted if p.severity == "error" and p not in earlier]
    if wrong:
        raise ConfigError(problems=wrong)
    return Surroundings(root, connections)
