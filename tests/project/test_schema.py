"""The JSON Schema for editors agrees with the models it is made of."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from hygge.core import registry
from hygge.project import json_schema
from hygge.project.schema import Kind

KINDS: tuple[Kind, ...] = ("project", "flow", "entity")


def walk(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from walk(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from walk(inner)


@pytest.mark.parametrize("kind", KINDS)
def test_every_reference_is_defined(kind: Kind) -> None:
    schema = json_schema(kind)
    json.dumps(schema)
    assert schema["$ref"] == f"#/$defs/{kind}"
    for inner in walk(schema):
        if isinstance(inner.get("$ref"), str):
            assert inner["$ref"].removeprefix("#/$defs/") in schema["$defs"]


def test_every_setting_of_ours_is_described() -> None:
    definitions = json_schema()["$defs"]
    for name in (
        "ProjectFile",
        "FlowFile",
        "EntityFile",
        "Layer",
        "Incremental",
        "JournalSettings",
    ):
        for setting, rule in definitions[name]["properties"].items():
            assert rule.get("description"), f"{name}.{setting}"


def test_every_type_is_known() -> None:
    definitions = json_schema()["$defs"]
    for role in ("home", "store", "connection"):
        cases = {c["if"]["properties"]["type"]["const"] for c in definitions[role]["allOf"]}
        assert cases == set(registry.names(role))  # type: ignore[arg-type]
        assert definitions[f"{role}.sqlite"]["additionalProperties"] is False


def test_nothing_is_required_of_a_single_layer() -> None:
    for inner in walk({k: v for k, v in json_schema()["$defs"].items() if "." in k}):
        assert "required" not in inner
    incremental = json_schema()["$defs"]["Incremental"]
    assert "required" not in incremental


def test_values_may_be_variables() -> None:
    size = json_schema()["$defs"]["Layer"]["properties"]["batch_size"]
    assert {"type": "string", "pattern": r"\$\{"} in size["anyOf"]
    assert {"type": "null"} in size["anyOf"]
