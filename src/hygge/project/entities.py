"""An entity from the layers that speak of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase
from functools import cached_property

from hygge.core.errors import Location
from hygge.core.state import derive_fingerprint
from hygge.project.build import Builder, Names
from hygge.project.documents import Layer
from hygge.project.levels import ROLES
from hygge.project.names import name_problem
from hygge.project.nodes import Node, merge, merge_layers, plain, provenance
from hygge.project.problems import Problems, validated
from hygge.project.settings import EntitySettings
from hygge.project.specs import EntitySpec, full_name
from hygge.project.templates import PER_ENTITY, literal, names_in

_LAYER = frozenset(Layer.model_fields)
_FLAT = frozenset(EntitySettings.model_fields)


@dataclass(frozen=True)
class Named:
    """An entity as it is written: its name, what it says itself, and where.

    `table` is its schema and name where it was found by a `tables:` pattern.
    """

    name: str
    node: Node
    location: Location
    table: tuple[str, str] | None = None


@dataclass
class Override:
    """A layer for the entities that a glob matches.

    Parameters
    ----------
    pattern: the glob.
    of_project: whether it means `flow.entity`, not the entity's name alone.
    layer: its settings.
    used: whether any entity has matched.
    """

    pattern: str
    of_project: bool
    layer: Node
    used: bool = False

    def matches(self, flow: str, entity: str) -> bool:
        """Whether it means an entity."""
        names = {f"{flow}.{entity}", full_name(flow, entity)} if self.of_project else {entity}
        return any(fnmatchcase(name, self.pattern) for name in names)


@dataclass(frozen=True)
class FlowSource:
    """What a flow's entities are made of.

    Parameters
    ----------
    name, location: of the flow.
    layers: project defaults, the flow itself, its defaults; the weakest first.
    overrides: those of the project, then those of the flow.
    grouped: whether it has entities, so that paths are parents.
    builder: makes homes and stores.
    """

    name: str
    location: Location
    layers: tuple[Node, ...]
    overrides: tuple[Override, ...]
    grouped: bool
    builder: Builder

    @cached_property
    def base(self) -> Node:
        """The layers merged, which all its entities start from."""
        return merge_layers(layer.only(_LAYER.__contains__) for layer in self.layers)

    def with_problems(self, problems: Problems) -> FlowSource:
        """The same, gathering its problems elsewhere."""
        return replace(self, builder=replace(self.builder, problems=problems))

    def layers_for(self, entity: str) -> Iterator[Node]:
        """The overrides that match an entity."""
        for override in self.overrides:
            if override.matches(self.name, entity):
                override.used = True
                yield override.layer.only(_LAYER.__contains__)


def build_entity(flow: FlowSource, entity: Named) -> EntitySpec | None:
    """One entity, or None where something is wrong with it, which is then in the problems."""
    problems = flow.builder.problems
    reason = name_problem(entity.name)
    if reason is not None:
        at = entity.node.get("name")
        problems.error(
            f"{entity.name!r} cannot be an entity's name: {reason}",
            at.at if at else entity.location,
            "name it otherwise, and say `home: {table: ...}` or `home: {path: ...}`",
        )
        return None
    own = entity.node.only(_LAYER.__contains__)
    merged = merge_layers([flow.base, *flow.layers_for(entity.name), own])
    settings = settings_of(merged, flow.builder, problems)
    connectors = {}
    names = names_of(flow, entity, merged)
    for role in ("home", "store"):
        node = merged.get(role)
        if node is None or not isinstance(node.value, Mapping) or not node.value:
            if node is None or not problems.wrong_at(node.where):
                _homeless(role, flow, merged, problems)
            continue
        if role == "home":
            node = _with_batch_size(node, merged)
        connectors[role] = flow.builder.connector(
            role, node, entity.name, names, shared=_is_shared(flow, entity, role, node)
        )
    home, store = connectors.get("home"), connectors.get("store")
    if settings is None or home is None or store is None:
        return None
    return EntitySpec(
        flow=flow.name,
        name=entity.name,
        home=home,
        store=store,
        settings=settings,
        location=entity.location,
        provenance=provenance(merged),
        fingerprint=derive_fingerprint(
            {"flow": flow.name, "entity": entity.name, "settings": plain(merged)}
        ),
    )


def settings_of(merged: Node, builder: Builder, problems: Problems) -> EntitySettings | None:
    """The flat settings of a merged layer."""
    before = len(problems)
    flat = merged.only(_FLAT.__contains__)
    values = builder.texts(flat)
    policy = flat.get("on_bad_value")
    if policy is not None and policy.value is None and not policy.blank:
        values["on_bad_value"] = "null"  # a word of its own here, and who would quote it?
    if len(problems) > before:
        return None
    return validated(EntitySettings, values, flat, problems)


def _homeless(role: str, flow: FlowSource, merged: Node, problems: Problems) -> None:
    node = merged.get(role)
    if node is not None and node.value not in (None, {}):
        problems.error(
            f"'{role}' must be a mapping of settings",
            node.where,
            f"write `{role}: {{type: parquet, path: data/{role}}}`",
        )
        return
    unknown = [key for layer in flow.layers for key in layer.items if key not in _LAYER]
    if get_close_matches(role, unknown, n=1) or role in map(ROLES.get, unknown):
        return  # it is misspelt, which has been told
    problems.error(
        f"the flow '{flow.name}' has no {role}",
        node.where if node is not None else flow.location,
        f"add `{role}: {{type: parquet, path: data/{'source' if role == 'home' else 'out'}}}`",
    )


def _with_batch_size(home: Node, merged: Node) -> Node:
    size = merged.get("batch_size")
    if size is None or size.value is None or home.get("batch_size") is not None:
        return home
    return merge(home.with_items({"batch_size": size}), home)


def _is_shared(flow: FlowSource, entity: Named, role: str, node: Node) -> bool:
    """Whether the path is a parent: not where it names the entity, or is the entity's own."""
    if not flow.grouped:
        return False
    path = node.text("path")
    if path is not None and names_in(path) & PER_ENTITY:
        return False
    own = entity.node.get(role)
    return own is None or own.get("path") is None


def names_of(flow: FlowSource, entity: Named, merged: Node) -> Names:
    """What the templates of one entity stand for."""
    schema: str | None
    if entity.table is not None:
        schema, table = entity.table
    else:
        home = merged.get("home")
        written = (home.text("table") if home else None) or entity.name
        if names_in(written) or "${" in written:
            written = entity.name
        schema, _, table = written.rpartition(".")
        schema = schema or (home.text("schema") if home else None)
    return {
        **flow.builder.names,
        "entity": literal(entity.name),
        "flow": literal(flow.name),
        "table": literal(table),
        "schema": literal(schema) if schema else None,
    }


def flow_names(flow: FlowSource) -> Names:
    """What the templates of a flow's own home stand for, where it lists its tables."""
    return {**flow.builder.names, "flow": literal(flow.name)}
