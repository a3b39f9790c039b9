"""JSON Schema of a project's files, for editors; built from the same models that validate them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic.json_schema import models_json_schema

from hygge.core import registry
from hygge.core.errors import HyggeError
from hygge.core.settings import Settings
from hygge.project.build import look_up
from hygge.project.documents import EntityFile, FlowFile, ProjectFile

Kind = Literal["project", "flow", "entity"]
_MODELS: dict[Kind, type[Settings]] = {
    "project": ProjectFile,
    "flow": FlowFile,
    "entity": EntityFile,
}
_ROLES: tuple[registry.Role, ...] = ("home", "store", "connection")
_REF = "#/$defs/"
_VARIABLE = {"type": "string", "pattern": r"\$\{"}
_ABOUT = ("description", "examples", "default")
_VERBATIM = frozenset({"default", "examples", "const", "enum", "if"})


def json_schema(kind: Kind = "project") -> dict[str, Any]:
    """The schema of one kind of file; `$defs` has all three, as `project`, `flow` and `entity`.

    It follows JSON Schema 2020-12 (https://json-schema.org/draft/2020-12/schema). Settings of
    homes, stores and connections are those of the types installed; since layers merge, none is
    required of a single file. Any value may be a text with a `${VARIABLE}`.

    Parameters
    ----------
    kind: `project` for hygge.yml, `flow` for flow.yml, `entity` for the files in `entities/`.
    """
    _, described = models_json_schema(
        [(model, "validation") for model in _MODELS.values()], ref_template=_REF + "{model}"
    )
    definitions: dict[str, Any] = described["$defs"]
    for definition in definitions.values():
        for role in ("home", "store"):
            if role in (properties := definition.get("properties", {})):
                properties[role] = {**_about(properties[role]), "$ref": _REF + role}
    connections = definitions["ProjectFile"]["properties"]["connections"]
    connections["additionalProperties"] = {"$ref": f"{_REF}connection"}
    for role in _ROLES:
        definitions |= _of_role(role)
    eased = {name: _eased(definition) for name, definition in sorted(definitions.items())}
    kinds = {name: {"$ref": _REF + model.__name__} for name, model in _MODELS.items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"hygge {kind}",
        "$ref": _REF + kind,
        "$defs": {**kinds, **eased},
    }


def _of_role(role: registry.Role) -> dict[str, Any]:
    """The schemas of a home, store or connection, whose settings depend on its `type`."""
    definitions: dict[str, Any] = {}
    choices = []
    names = registry.names(role)
    for name in names:
        cls = look_up(role, name)
        if isinstance(cls, HyggeError):
            continue  # its driver is not installed: the type may be named, its settings are unknown
        model: type[Settings] = getattr(cls, "Config", cls)
        key = f"{role}.{name}"
        schema = model.model_json_schema(ref_template=f"{_REF}{key}.{{model}}")
        for inner, value in schema.pop("$defs", {}).items():
            definitions[f"{key}.{inner}"] = value
        definitions[key] = schema
        condition = {"properties": {"type": {"const": name}}, "required": ["type"]}
        choices.append({"if": condition, "then": {"$ref": _REF + key}})
    kind = {"description": f"The {role}'s type", "type": "string"}
    known = {"anyOf": [{"enum": names}, _VARIABLE]}
    definitions[role] = {"type": "object", "properties": {"type": {**kind, **known}}}
    if choices:
        definitions[role]["allOf"] = choices
    return definitions


def _about(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {key: schema[key] for key in _ABOUT if schema.get(key) is not None}


def _eased(schema: Any) -> Any:
    """The schema with variables and null let in wherever a setting stands."""
    if isinstance(schema, list):
        return [_eased(item) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    out: dict[str, Any] = {}
    for key, value in schema.items():
        if key == "required":
            continue  # layers merge: what is missing here may stand in another
        if key in _VERBATIM:
            out[key] = value
        elif key == "properties":
            out[key] = {name: _setting(_eased(inner)) for name, inner in value.items()}
        else:
            out[key] = _eased(value)
    return out


def _setting(schema: Mapping[str, Any]) -> dict[str, Any]:
    """A setting's schema that takes a text with a variable, and null, which takes back what an
    earlier layer set."""
    about = _about(schema)
    rule = {k: v for k, v in schema.items() if k not in _ABOUT and k != "title"}
    if not rule:
        return about
    branches = list(rule["anyOf"]) if set(rule) == {"anyOf"} else [rule]
    kinds = {"choice" if "enum" in branch else branch.get("type") for branch in branches}
    if kinds & {"choice", "integer", "number", "boolean"} and "string" not in kinds:
        branches.append(_VARIABLE)
    if "null" not in kinds:
        branches.append({"type": "null"})
    return {**about, "anyOf": branches}
