"""Flows and their entities as they are written, in files or inline."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError, Location
from hygge.core.settings import Settings
from hygge.project.build import Builder
from hygge.project.documents import EntityFile, FlowFile
from hygge.project.entities import FlowSource, Named, Override, build_entity, settings_of
from hygge.project.expand import TableSource
from hygge.project.finding import flow_file, yaml_files
from hygge.project.names import flow_name_problem, key_of
from hygge.project.nodes import Node, empty, provenance
from hygge.project.problems import Problems, validated
from hygge.project.reader import read_file
from hygge.project.specs import EntitySpec, FlowSpec

_OF_FLOWS = frozenset({"name", "defaults", "overrides", "entities", "tables"})


@dataclass(frozen=True)
class WrittenFlow:
    """A flow as it is written: by what name it goes, what it says, and the folder it lies in."""

    key: str
    node: Node
    folder: Path | None = None


@dataclass(frozen=True)
class FlowReader:
    """Makes FlowSpecs of what is written.

    Parameters
    ----------
    builder: makes homes and stores, and holds the problems.
    defaults: the project's.
    overrides: the project's.
    around: what the project's descriptions are bound to.
    """

    builder: Builder
    defaults: Node
    overrides: tuple[Override, ...]
    around: Surroundings

    @property
    def problems(self) -> Problems:
        return self.builder.problems

    def in_folders(self, flows_dir: Path) -> Iterator[WrittenFlow]:
        """The flows that lie in folders, by name."""
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
            node = self._file(file, FlowFile)
            if node is not None:
                yield WrittenFlow(folder.name, node, folder)

    def _file(self, file: Path, model: type[Settings]) -> Node | None:
        node, problems = read_file(file)
        self.problems.extend(problems)
        if node is not None:
            validated(model, self.builder.texts(node), node, self.problems, partial=True)
        return node

    def flow(self, written: WrittenFlow) -> FlowSpec:
        """One flow; what is wrong with it is in the problems, and left out of it."""
        node = written.node
        name, location = self._name(written)
        direct = node.only(lambda key: key not in _OF_FLOWS)
        defaults = mapping_of(node, "defaults")
        self._refuse_twice(direct, defaults)
        overrides = overrides_of(node, of_project=False)
        entities = self._entities(written, name)
        source = FlowSource(
            name=name,
            location=location,
            layers=(self.defaults, direct, defaults),
            overrides=(*self.overrides, *overrides),
            grouped=entities is not None,
            builder=self.builder,
        )
        if entities is None:
            entities = [Named(name, empty(location), location)]
        distinct = self._distinct(name, entities)
        specs = [build_entity(source, entity) for entity in distinct]
        if not distinct:
            settings_of(source.base, self.builder, self.problems)
        tables = node.get("tables")
        listed = () if tables is None else tables.elements or (tables,)
        patterns = tuple(
            (str(self.builder.texts(p)), p.at) for p in listed if isinstance(p.value, str)
        )
        if not patterns:
            warn_unused(overrides, self.problems)
        return FlowSpec(
            name=name,
            location=location,
            entities=tuple(spec for spec in specs if isinstance(spec, EntitySpec)),
            tables=tuple(pattern for pattern, _ in patterns),
            source=TableSource(source, tuple(distinct), patterns, self.around),
        )

    def _name(self, written: WrittenFlow) -> tuple[str, Location]:
        name, location = written.key, written.node.key or written.node.at
        named = written.node.get("name")
        if named is not None and isinstance(named.value, str):
            name, location = str(self.builder.texts(named)), named.at
            if written.folder is None and name != written.key:
                self.problems.error(
                    f"this flow is named both '{written.key}' and '{name}'",
                    location,
                    "take `name` out",
                )
        reason = flow_name_problem(name)
        if reason is not None:
            self.problems.error(f"{name!r} cannot be a flow's name: {reason}", location)
        return name, location

    def _refuse_twice(self, direct: Node, defaults: Node) -> None:
        first = provenance(direct)
        for path, at in provenance(defaults).items():
            if path in first:
                self.problems.error(
                    f"'{path}' is given in the flow, in line {first[path].line}, "
                    "and in its defaults",
                    at,
                    "keep one of them",
                )

    def _entities(self, written: WrittenFlow, flow: str) -> list[Named] | None:
        """A flow's entities; None where it is one itself, having no list, folder or tables."""
        listed, tables = written.node.get("entities"), written.node.get("tables")
        folder = written.folder / "entities" if written.folder is not None else None
        has_folder = folder is not None and folder.is_dir()
        if listed is None and tables is None and not has_folder:
            return None
        found = list(self._listed(listed)) if listed is not None else []
        files = yaml_files(folder) if folder is not None and has_folder else []
        for file in files:
            found.extend(self._entity_file(file))
        if not files and not (listed and listed.elements) and not (tables and tables.value):
            empty_one = listed or tables
            self.problems.warn(
                f"the flow '{flow}' has no entities, and moves nothing",
                empty_one.where if empty_one is not None else Location(str(folder)),
                "name some; or take `entities` out, and the flow is one entity itself",
            )
        return found

    def _listed(self, entities: Node) -> Iterator[Named]:
        for item in entities.elements:
            named = item.get("name") if isinstance(item.value, Mapping) else item
            if named is not None and isinstance(named.value, str):
                own = item if isinstance(item.value, Mapping) else empty(item.at)
                yield Named(str(self.builder.texts(named)), own, named.at)
            elif isinstance(item.value, Mapping) and (named is None or named.value is None):
                self.problems.error("this entity has no name", item.at, "add `name: ...`")

    def _entity_file(self, file: Path) -> Iterator[Named]:
        node = self._file(file, EntityFile)
        if node is None:
            return
        named = node.get("name")
        if named is None or named.value is None:
            yield Named(file.stem, node, node.at)
        elif isinstance(named.value, str):
            yield Named(str(self.builder.texts(named)), node, named.at)

    def _distinct(self, flow: str, entities: list[Named]) -> list[Named]:
        seen: dict[str, Named] = {}
        for entity in entities:
            other = seen.setdefault(key_of(entity.name), entity)
            if other is not entity:
                self.problems.error(
                    f"the flow '{flow}' has another entity '{other.name}', at {other.location}",
                    entity.location,
                    "name one of them otherwise",
                )
        return list(seen.values())


def written_inline(flows: Node) -> Iterator[WrittenFlow]:
    """The flows of a project file's `flows:`."""
    for key, node in flows.items.items():
        if node.value is None:
            node = replace(node, value={})
        if isinstance(node.value, Mapping):
            yield WrittenFlow(key, node)


def mapping_of(node: Node, key: str) -> Node:
    """A member that is a mapping, or an empty one."""
    inner = node.get(key)
    return inner if inner is not None and isinstance(inner.value, Mapping) else empty(node.at)


def overrides_of(node: Node, *, of_project: bool) -> tuple[Override, ...]:
    """A file's `overrides:`, in order."""
    return tuple(
        Override(pattern, of_project, layer)
        for pattern, layer in mapping_of(node, "overrides").items.items()
        if isinstance(layer.value, Mapping)
    )


def warn_unused(overrides: tuple[Override, ...], problems: Problems) -> None:
    """Warn of overrides that no entity has matched."""
    for override in overrides:
        if not override.used:
            problems.warn(
                f"the override '{override.pattern}' matches no entity",
                override.layer.key or override.layer.at,
                "check its spelling, or take it out",
            )
