"""Homes, Stores and Connections from what was written of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from hygge.core import registry
from hygge.core.errors import ConfigError, HyggeError
from hygge.core.secrets import MASK, Secret, redact
from hygge.core.settings import Settings
from hygge.project.nodes import Node, find, plain
from hygge.project.problems import Problems, validated
from hygge.project.templates import fill, names_in, resolve

Names = Mapping[str, str | None]


@dataclass
class Builder:
    """Makes descriptions, and gathers what is wrong with them.

    Parameters
    ----------
    problems: takes what is wrong.
    names: what `{env.x}`, `{run_date}` and their like stand for in this load; see `templates.fill`.
    known_connections: the names under `connections:`, also of those that are wrong.
    faulty_connections: those that are wrong, which has been told.
    """

    problems: Problems
    names: Names = field(default_factory=dict)
    known_connections: frozenset[str] = frozenset()
    faulty_connections: frozenset[str] = frozenset()
    _types: dict[tuple[registry.Role, str], type[Any] | HyggeError] = field(default_factory=dict)

    def texts(self, node: Node, names: Names | None = None) -> Any:
        """The plain value with variables filled in and, where there are `names`, names too.

        A text that cannot be filled is a problem, and stays as it was written.
        """

        def change(inner: Node) -> Any:
            if not isinstance(inner.value, str):
                return inner.value
            try:
                return resolve(inner.value) if names is None else fill(inner.value, names)
            except ConfigError as error:
                self.problems.raised(error, inner.at)
                return inner.value

        return plain(node, change)

    def find_type(self, role: registry.Role, node: Node, names: Names) -> type[Any] | None:
        """The class that a mapping's `type` names."""
        written = node.get("type")
        if written is None:
            known = ", ".join(registry.names(role))
            self.problems.error(f"the {role} has no `type`", node.where, f"known types: {known}")
            return None
        name = self.texts(written, names)
        if not isinstance(name, str):
            if not self.problems.wrong_at(written.at):
                self.problems.error("'type' must be a text", written.at)
            return None
        found = self._types.get((role, name))
        if found is None:
            found = self._types[role, name] = look_up(role, name)
        if isinstance(found, HyggeError):
            if not self.problems.wrong_at(written.at):
                self.problems.raised(found, written.at)
            return None
        return found

    def connection(self, name: str, node: Node) -> Any:
        """A Connection, which is its own settings model; None where it is wrong."""
        cls = self.find_type("connection", node, self.names)
        if cls is None:
            return None
        before = len(self.problems)
        settings = self.texts(node, self.names)
        if len(self.problems) > before:
            return None
        about = f"a connection of type '{settings['type']}'"
        connection = validated(cls, settings, node, self.problems, about=about)
        if connection is not None:
            self.warn_of_literals(connection, node, name)
        return connection

    def connector(
        self, role: registry.Role, node: Node, entity: str, names: Names, *, shared: bool
    ) -> Any:
        """A Home or Store of one entity, or None where it is wrong.

        Parameters
        ----------
        role: `home` or `store`.
        node: its merged mapping.
        entity: the entity's name; "" for that of the flow itself.
        names: what templates stand for.
        shared: whether a path is the parent of several entities' places.
        """
        cls = self.find_type(role, node, names)
        if cls is None:
            return None
        before = len(self.problems)
        written = self.texts(node, names)
        about = f"a {role} of type '{cls.type}'"
        filled = len(self.problems) == before
        self._check_connection(cls, node, written)
        if (
            len(self.problems) > before
            or any(self.problems.wrong_at(inner.at) for inner in node.items.values())
            or self._rests_on_a_fault(cls, written)
        ):
            if filled:  # what else is wrong is told at once
                validated(
                    cls.Config, written, node, self.problems, about=about, partial=True, within=role
                )
            return None
        placed = written
        if entity:
            try:
                placed = cls.place_entity(written, entity, shared=shared)
            except Exception as error:  # noqa: BLE001 - a connector's own code, on unchecked settings
                self._misplaced(cls, node, written, error)
                return None
        config = validated(cls.Config, placed, node, self.problems, about=about, within=role)
        if config is None:
            return None
        self.warn_of_literals(config, node, entity)
        made = cls.from_config(entity, config)
        return made.copy_with(everyday=self._everyday(cls, node, entity, names, shared=shared))

    def _everyday(
        self, cls: type[Any], node: Node, entity: str, names: Names, *, shared: bool
    ) -> Any:
        """The same description with `{run_date}` left as it is; None where it has none. Where it
        is in what makes no sense as it is, such as a date, it is none either."""
        if "run_date" not in _names_in(node):
            return None
        settings = self.texts(node, {**names, "run_date": "{run_date}"})
        if entity:
            settings = cls.place_entity(settings, entity, shared=shared)
        config = validated(cls.Config, settings, node, Problems())
        return None if config is None else cls.from_config(entity, config)

    def _misplaced(
        self, cls: type[Any], node: Node, settings: Mapping[str, Any], error: Exception
    ) -> None:
        """Say why a place could not be found: a wrong setting, if there is one."""
        before = len(self.problems)
        validated(cls.Config, settings, node, self.problems)
        if len(self.problems) > before:
            return
        if isinstance(error, HyggeError):
            self.problems.raised(error, node.where)
            return
        said = redact(f"{type(error).__name__}: {error}")
        self.problems.error(f"{cls.__name__}.place_entity() failed: {said}", node.where)

    def _check_connection(self, cls: type[Any], node: Node, settings: Mapping[str, Any]) -> None:
        name, written = settings.get("connection"), node.get("connection")
        if written is None or not isinstance(name, str) or "connection" not in _fields(cls):
            return
        if "://" in name or name in self.known_connections:
            return
        near = get_close_matches(name, sorted(self.known_connections), n=1)
        known = ", ".join(sorted(self.known_connections))
        if near:
            hint = f"did you mean '{near[0]}'?"
        else:
            hint = f"known: {known}" if known else "add it under `connections:` in the project"
        before, at, after = name.rpartition("@")  # an address that is none may hold a password
        shown = redact(f"{MASK if before else ''}{at}{after}")
        self.problems.error(f"there is no connection '{shown}'", written.at, hint)

    def _rests_on_a_fault(self, cls: type[Any], settings: Mapping[str, Any]) -> bool:
        """Whether it uses a connection that is wrong, which is all there is to tell: by name, or
        as the only one there may be."""
        if not self.faulty_connections or "connection" not in _fields(cls):
            return False
        if (name := settings.get("connection")) is not None:
            return name in self.faulty_connections
        return not any(settings.get(way) for way in ("url", "path"))

    def warn_of_literals(self, config: Settings, node: Node, owner: str) -> None:
        """Warn of every secret that is written out instead of referred to."""
        for name in type(config).model_fields:
            value = getattr(config, name)
            if isinstance(value, Settings):
                self.warn_of_literals(value, find(node, [name]), owner)
            elif isinstance(value, Secret) and _is_literal(value):
                written = node.get(name)
                self.problems.warn(
                    f"'{name}' holds a secret in plain text",
                    written.at if written is not None else node.where,
                    f"put it into .env or the environment, and write ${{{_variable(owner, name)}}}",
                )


def _names_in(node: Node) -> set[str]:
    """The names that the texts below a node use."""
    own = names_in(node.value) if isinstance(node.value, str) else set[str]()
    return own.union(*map(_names_in, (*node.items.values(), *node.elements)))


def look_up(role: registry.Role, name: str) -> type[Any] | HyggeError:
    """The class for a type name, or why there is none; nothing is raised."""
    try:
        return registry.lookup(role, name)
    except HyggeError as error:
        return error
    except Exception as error:  # noqa: BLE001 - importing a third party's module may raise anything
        return ConfigError(
            f"the {role} type '{name}' cannot be imported: {type(error).__name__}: {error}",
            hint="mend or reinstall the package that brings it",
        )


def _variable(owner: str, name: str) -> str:
    return re.sub(r"\W", "_", f"{owner}_{name}".strip("_")).upper()


def _fields(cls: type[Any]) -> Mapping[str, Any]:
    fields: Mapping[str, Any] = cls.Config.model_fields
    return fields


def _is_literal(secret: Secret) -> bool:
    if secret.is_reference or not secret.written:
        return False
    # A URL is a secret for its password only; without one it shows nothing.
    return "://" not in secret.written or redact(secret.written) != secret.written
