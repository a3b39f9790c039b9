"""Which class a `type:` names: entry points, and classes defined in this process.

Built-ins come through hygge's own entry points exactly as a third party's do. A class defined in
Python registers itself when its body has run. Nothing is imported before it is asked for.
"""

from __future__ import annotations

import re
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from types import ModuleType
from typing import Any, Literal

from hygge.core.errors import ConfigError, MissingDriver
from hygge.core.importing import needing

Role = Literal["home", "store", "connection"]
_GROUPS: dict[Role, str] = {
    "home": "hygge.homes",
    "store": "hygge.stores",
    "connection": "hygge.connections",
}
_defined: dict[Role, dict[str, type[Any]]] = {"home": {}, "store": {}, "connection": {}}


def type_name(class_name: str, role: Role) -> str:
    """`MyHome` -> `my`, `SQLHome` -> `sql`, `OpenMirroringStore` -> `open_mirroring`."""
    suffix = role.capitalize()
    stem = class_name.removesuffix(suffix) or class_name
    stem = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", stem)
    stem = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", stem)
    fused = {"SQLite": "sqlite", "NDJSON": "ndjson", "DuckDB": "duckdb", "MySQL": "mysql"}
    bare = class_name.removesuffix(suffix)
    return fused.get(bare, stem.lower())


def _path(cls: type[Any]) -> str:
    return f"{cls.__module__}:{cls.__qualname__}"


@cache
def _entries(role: Role) -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for point in entry_points(group=_GROUPS[role]):
        found.setdefault(point.name, set()).add(point.value.replace(" ", ""))
    return {name: tuple(sorted(values)) for name, values in found.items()}


def register(role: Role, name: str, cls: type[Any]) -> None:
    """Claim a type name for a class.

    The same class defined again (a re-run notebook cell, a reloaded module) replaces itself.
    Raises ConfigError naming both where another class has the name.
    """
    other = _defined[role].get(name)
    if other is not None and other is not cls and _path(other) != _path(cls):
        raise _two_claims(role, name, _path(other), _path(cls))
    for value in _entries(role).get(name, ()):
        if value != _path(cls):
            raise _two_claims(role, name, value, _path(cls))
    _defined[role][name] = cls


def _two_claims(role: Role, name: str, first: str, second: str) -> ConfigError:
    return ConfigError(
        f"two {role} classes claim the type '{name}': {first} and {second}",
        hint=f"give one another name: class X({role.capitalize()}, type='...')",
    )


def lookup(role: Role, name: str) -> type[Any]:
    """The class for a type name, imported now if need be.

    Raises ConfigError with the near miss for an unknown name, MissingDriver where its import
    needs a package that is not installed.
    """
    cls = _defined[role].get(name)
    if cls is not None:
        return cls
    values = _entries(role).get(name, ())
    if len(values) > 1:
        raise _two_claims(role, name, values[0], values[1])
    if not values:
        from difflib import get_close_matches

        known = names(role)
        near = get_close_matches(name, known, n=1, cutoff=0.7)  # `snowflake` is no `onelake`
        raise ConfigError(
            f"there is no {role} of type '{name}'",
            hint=f"did you mean '{near[0]}'?" if near else f"known types: {', '.join(known)}",
        )
    module, _, attribute = values[0].partition(":")
    try:
        found: type[Any] = getattr(imported(module, name), attribute)
    except AttributeError as error:
        raise ConfigError(
            f"the {role} type '{name}' is said to be {values[0]}, which does not exist",
            hint="install the package that brings it again",
        ) from error
    return found


def imported(module: str, name: str = "") -> ModuleType:
    """A connector's module, and its type name, which is also that of the extra with its driver: by
    default the module's own. Raises MissingDriver where a package that it needs is not there."""
    with needing(name or module.rpartition(".")[2]):
        return import_module(module)


def names(role: Role) -> list[str]:
    """Every type name known for a role, sorted."""
    return sorted({*_defined[role], *_entries(role)})


def connection_of(scheme: str) -> str | None:
    """The type of connection whose URLs have a scheme: `postgres` for `postgresql`; None for none.

    A type whose package is not installed is passed over.
    """
    for name in names("connection"):
        try:
            kind = lookup("connection", name)
        except MissingDriver:
            continue
        if scheme in getattr(kind, "schemes", ()):
            return name
    return None
