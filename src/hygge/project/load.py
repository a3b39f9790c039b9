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
from hygge.project.entities import FlowSource, Named, build_entity, settings_of
from hygge.project.expand import TableSource
from hygge.project.finding import (
    FILES,
    find_project,
    flow_file,
    load_dotenv,
    project_file,
    yaml_files,
)
from hygge.project.names import flow_name_problem, key_of
from hygge.project.nodes import Node, empty, plain, provenance
from hygge.project.places import check_places
from hygge.project.problems import Problems, validated
from hygge.project.reader import read_file
from hygge.project.settings import EntityFile, FlowFile, JournalSettings, ProjectFile
from hygge.project.specs import EntitySpec, FlowSpec, Project
from hygge.project.templates import literal

_OF_FLOWS = frozenset({"name", "defaults", "overrides", "entities", "tables"})


def load_project(
    path: Path | None = None,
    *,
    config_path: Path | None = None,
    env: str | None = None,
    run_date: date | None = None,
) -> Project:
    """A project, with everything wrong in its `problems`.

    Parameters
    ----------
    path: the project's folder or any below it; None is the current folder.
    config_path: a project's file or folder, instead of looking for one.
    env: the environment; None is HYGGE_ENV, else what the project says.
    run_date: what `{run_date}` stands for; None is today in UTC.

    Raises ConfigError only where there is no project, or no such file.
    """
    file = _config_file(config_path) if config_path is not None else None
    if file is None:
        root = find_project(path)
        file = project_file(root)
        assert file is not None  # find_project has seen it
    return _Loader(file, env, run_date or datetime.now(UTC).date()).project()


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
        self.around = Surroundings(self.root)
        self.problems = Problems()
        self.problems.extend(load_dotenv(self.root))
        self.problems.extend(import_custom(self.root))
        self.builder = Builder(self.problems)
        node, problems = read_file(file)
        self.problems.extend(problems)
        self.readable = node is not None
        self.node = node or empty(self.at)
        self.model = self._checked(ProjectFile, self.node)
        self.env = self._environment(env)
        self.builder.names = self._names()

    def _checked(self, model: Any, node: Node) -> Any:
        return validated(model, self.builder.texts(node), node, self.problems)

    def _environment(self, asked: str | None) -> str | None:
        """The environment that holds, if there is such a one."""
        written = self.node.get("environment")
        known = self._mapping("environments").items
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
        environments = self._mapping("environments").items
        names: dict[str, str | None] = {
            f"env.{key}": None for values in environments.values() for key in values.items
        }
        if self.env is not None and self.env in environments:
            for key, value in environments[self.env].items.items():
                # As written, so that a secret in it stays a reference.
                names[f"env.{key}"] = value.value if isinstance(value.value, str) else _text(value)
        return {**names, "run_date": literal(self.run_date.isoformat())}

    def _mapping(self, key: str) -> Node:
        node = self.node.get(key)
        return node if node is not None and isinstance(node.value, Mapping) else empty(self.at)

    def connections(self) -> dict[str, Any]:
        """Those that are right, by name."""
        written = self._mapping("connections").items
        self.builder.known_connections = frozenset(written)
        made = {
            name: self.builder.connection(node)
            for name, node in written.items()
            if isinstance(node.value, Mapping)
        }
        return {name: connection for name, connection in made.items() if connection is not None}

    def project(self) -> Project:
        flows_dir = self.root / (self.node.text("flows_dir") or "flows")
        journal = self.model.journal if self.model else JournalSettings()
        self.builder.warn_of_literals(journal, self._mapping("journal"))
        project = Project(
            name=str(self.builder.texts(self.node.get("name") or Node(self.root.name, self.at))),
            root=self.root,
            file=self.file,
            flows_dir=flows_dir,
            run_date=self.run_date,
            connections=self.connections(),
            environments={
                name: plain(node) for name, node in self._mapping("environments").items.items()
            },
            env=self.env,
            concurrency=self.model.concurrency if self.model else None,
            journal=journal,
        )
        self.around = project.surroundings()
        overrides = _overrides(self.node, of_project=True)
        sources = []
        flows = []
        for name, node, folder in self._flows(flows_dir):
            source, entities = self._flow(name, node, folder, overrides)
            sources.append(source)
            flows.append(self._flow_spec(source, entities, node))
        self._check_flows(flows, flows_dir)
        if not any(flow.tables for flow in flows):
            self._warn_unused(overrides, sources)
        specs = [entity for flow in flows for entity in flow.entities]
        for problem in check_places(specs, self.around):
            self.problems.add(problem)
        return replace(project, flows=tuple(flows), problems=self.problems.sorted)

    def _flows(self, flows_dir: Path) -> Iterator[tuple[str, Node, Path | None]]:
        """Every flow as written: name, content, and the folder it lies in, if it does."""
        for key, node in self._mapping("flows").items.items():
            if node.value is None:
                node = replace(node, value={})
            if isinstance(node.value, Mapping):
                yield key, node, None
        inline_only = self.file.name not in FILES and self.node.get("flows") is not None
        if inline_only and self.node.get("flows_dir") is None:
            return
        if not flows_dir.is_dir():
            asked = self.node.get("flows_dir")
            if asked is not None:
                self.problems.error(f"there is no folder {flows_dir}", asked.at, "make it")
            return
        for folder in sorted(p for p in flows_dir.iterdir() if p.is_dir()):
            if folder.name.startswith((".", "_")):
                continue
            try:
                file = flow_file(folder)
            except ConfigError as error:
                self.problems.raised(error, Location(str(folder)))
                continue
            if file is None:
                self.problems.warn(
                    "this folder has no flow.yml, and is left out",
                    Location(str(folder)),
                    "add one, or begin the folder's name with '_'",
                )
                continue
            node_read, problems = read_file(file)
            self.problems.extend(problems)
            if node_read is not None:
                self._checked(FlowFile, node_read)
                yield folder.name, node_read, folder

    def _flow(
        self,
        key: str,
        node: Node,
        folder: Path | None,
        project_overrides: tuple[tuple[str, bool, Node], ...],
    ) -> tuple[FlowSource, list[Named]]:
        named = node.get("name")
        location = node.key or node.at
        name = key
        if named is not None and isinstance(named.value, str):
            name, location = str(self.builder.texts(named)), named.at
            if folder is None and name != key:
                self.problems.error(f"this flow is named '{key}' and '{name}'", location)
        reason = flow_name_problem(name)
        if reason is not None:
            self.problems.error(f"{name!r} cannot be a flow's name: {reason}", location)
        direct = node.only(lambda k: k not in _OF_FLOWS)
        defaults = _mapping_of(node, "defaults")
        self._check_twice(direct, defaults)
        overrides = _overrides(node, of_project=False)
        source = FlowSource(
            name=name,
            location=location,
            layers=(self._mapping("defaults"), direct, defaults),
            overrides=(*project_overrides, *overrides),
            grouped=True,
            builder=self.builder,
        )
        entities = list(self._entities(node, folder, source))
        if not source.grouped:
            entities = [Named(name, empty(location), location)]
        return source, entities

    def _entities(self, node: Node, folder: Path | None, flow: FlowSource) -> Iterator[Named]:
        """A flow's entities as written; `flow.grouped` becomes false where it is one itself."""
        written = node.get("entities")
        listed = written.elements if written is not None else ()
        entity_folder = folder / "entities" if folder is not None else None
        has_folder = entity_folder is not None and entity_folder.is_dir()
        files = yaml_files(entity_folder) if entity_folder is not None and has_folder else []
        tables = node.get("tables")
        if written is None and tables is None and not has_folder:
            flow.grouped = False
            return
        if not listed and not files and not (tables and tables.value):
            self.problems.warn(
                f"the flow '{flow.name}' has no entities, and moves nothing",
                (written or tables or Node(None, Location(str(entity_folder)))).where,
                "name some; or take `entities` out, and the flow is one entity itself",
            )
        for item in listed:
            named = item.get("name") if isinstance(item.value, Mapping) else item
            if named is not None and isinstance(named.value, str):
                own = item if isinstance(item.value, Mapping) else empty(item.at)
                yield Named(str(self.builder.texts(named)), own, named.at)
            elif isinstance(item.value, Mapping) and named is None:
                self.problems.error("this entity has no name", item.at, "add `name: ...`")
        for file in files:
            own_file, problems = read_file(file)
            self.problems.extend(problems)
            if own_file is None:
                continue
            self._checked(EntityFile, own_file)
            named = own_file.get("name")
            if named is None or named.value is None:
                yield Named(file.stem, own_file, own_file.at)
            elif isinstance(named.value, str):
                yield Named(str(self.builder.texts(named)), own_file, named.at)

    def _flow_spec(self, source: FlowSource, entities: list[Named], node: Node) -> FlowSpec:
        seen: dict[str, Named] = {}
        made: list[EntitySpec] = []
        for entity in entities:
            other = seen.setdefault(key_of(entity.name), entity)
            if other is not entity:
                self.problems.error(
                    f"the flow '{source.name}' has another entity '{other.name}', "
                    f"at {other.location}",
                    entity.location,
                    "name one of them otherwise",
                )
                continue
            spec = build_entity(source, entity)
            if spec is not None:
                made.append(spec)
        if not entities:
            settings_of(source.base, self.builder, self.problems)
        tables = node.get("tables")
        written = () if tables is None else tables.elements or (tables,)
        patterns = tuple(
            (str(self.builder.texts(p)), p.at) for p in written if isinstance(p.value, str)
        )
        if not patterns:
            self._warn_unused(tuple(o for o in source.overrides if not o[1]), [source])
        return FlowSpec(
            name=source.name,
            location=source.location,
            entities=tuple(made),
            tables=tuple(pattern for pattern, _ in patterns),
            source=TableSource(source, tuple(seen.values()), patterns, self.around),
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
                "there are no flows: neither `flows:` here nor folders with a flow.yml in "
                f"{flows_dir}",
                self.at,
            )

    def _check_twice(self, direct: Node, defaults: Node) -> None:
        first = provenance(direct)
        for path, at in provenance(defaults).items():
            if path in first and path:
                self.problems.error(
                    f"'{path}' is given in the flow, at {first[path]}, and in its defaults",
                    at,
                    "keep one of them",
                )

    def _warn_unused(
        self, overrides: tuple[tuple[str, bool, Node], ...], sources: list[FlowSource]
    ) -> None:
        used = {number for source in sources for number in source.used}
        for pattern, _, layer in overrides:
            if id(layer) not in used:
                self.problems.warn(
                    f"the override '{pattern}' matches no entity",
                    layer.key or layer.at,
                    "check its spelling, or take it out",
                )


def _mapping_of(node: Node, key: str) -> Node:
    inner = node.get(key)
    return inner if inner is not None and isinstance(inner.value, Mapping) else empty(node.at)


def _overrides(node: Node, *, of_project: bool) -> tuple[tuple[str, bool, Node], ...]:
    return tuple(
        (pattern, of_project, layer)
        for pattern, layer in _mapping_of(node, "overrides").items.items()
        if isinstance(layer.value, Mapping)
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
    connections = loader.connections()
    wrong = [p for p in loader.problems.sorted if p.severity == "error"]
    if wrong:
        raise ConfigError(problems=wrong)
    return Surroundings(root, connections)
