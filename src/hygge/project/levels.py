"""Settings that stand at another level than theirs: to which they belong."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel

from hygge.core import registry
from hygge.core.errors import HyggeError
from hygge.core.settings import model_at
from hygge.project.documents import EntityFile, FlowFile, Layer, ProjectFile
from hygge.project.nodes import Node, find


def belongs(model: type[BaseModel], path: tuple[Any, ...], node: Node, within: str) -> str | None:
    """Where a setting goes that its own level does not know; None where no other level does.

    Parameters
    ----------
    model, node: what was validated, and how it was written.
    path: of the setting inside them.
    within: `home` or `store` where the model is of such a mapping; "" for a file's.
    """
    name = path[-1]
    if within:
        if len(path) > 1:
            return None
        if name in EntityFile.model_fields:
            return f"write it beside `{within}:`, not in it"
        return _of_flow(name) if name in FlowFile.model_fields else None
    level = model_at(model, path[:-1])
    if level is ProjectFile:
        if name in Layer.model_fields:
            return "write it under `defaults:`, or in a flow"
        return _of_flow(name) if name in FlowFile.model_fields else None
    if not (isinstance(level, type) and issubclass(level, Layer)):
        return None
    if name in FlowFile.model_fields:
        return _of_flow(name)
    if name in ProjectFile.model_fields:
        return "it is a setting of the project: write it in hygge.yml, beside `flows:`"
    return _of_a_connector(name, find(node, path[:-1]))


def _of_flow(name: str) -> str:
    beside = "`home:`" if name in ("tables", "entities") else "`home:` and `store:`"
    return f"it is a setting of the flow: write it beside the flow's {beside}"


def _of_a_connector(name: str, layer: Node) -> str | None:
    """By the types of the Home and the Store that are written in the same layer."""
    takers = []
    for role in ("home", "store"):
        written = layer.get(role)
        kind = written.text("type") if written is not None else None
        if kind is None:
            continue
        try:
            config = registry.lookup(role, kind).Config
        except (HyggeError, ImportError, AttributeError):  # which is told where it is looked up
            continue
        if name in config.model_fields:
            takers.append(f"`{role}:`")
    return f"write it in {' or '.join(takers)}, not beside it" if takers else None
