"""Settings that stand at another level than theirs, or go by another tool's name: to which they
belong."""

from __future__ import annotations

import json
import re
from typing import Any, get_args

from pydantic import BaseModel

from hygge.core import registry
from hygge.core.connection import Connection
from hygge.core.errors import HyggeError
from hygge.core.secrets import Secret
from hygge.core.settings import model_at
from hygge.project.documents import EntityFile, FlowFile, Layer, ProjectFile
from hygge.project.nodes import Node, find

ROLES = {
    **dict.fromkeys(("source", "sources", "from", "input", "extract", "reader"), "home"),
    **dict.fromkeys(
        ("target", "destination", "destinations", "to", "sink", "output", "load", "writer"), "store"
    ),
}
"""What others call a Home and a Store."""
_CONNECTION = {
    **dict.fromkeys(("server", "hostname", "address", "addr"), "host"),
    **dict.fromkeys(("username", "login", "uid"), "user"),
    **dict.fromkeys(("pwd", "pass", "passwd", "pw"), "password"),
    **dict.fromkeys(("db", "dbname", "database_name"), "database"),
    **dict.fromkeys(("uri", "dsn", "connection_url"), "url"),
    **dict.fromkeys(("access_key", "key_id", "aws_access_key_id"), "access_key_id"),
    **dict.fromkeys(("secret_key", "aws_secret_access_key"), "secret_access_key"),
    **dict.fromkeys(("endpoint_url", "aws_endpoint_url"), "endpoint"),
    **dict.fromkeys(("aws_region", "region_name"), "region"),
}
_OF_A_FILE = frozenset({"database", "db", "dbname", "database_name", "file", "filename", "host"})
"""What else may be meant by the `path` of a database that is a file."""
_SAFE = re.compile(r"[\w./:@-]+")


def belongs(model: type[BaseModel], path: tuple[Any, ...], node: Node, within: str) -> str | None:
    """Where a setting goes that its own level does not know; None where no other level does.

    Parameters
    ----------
    model, node: what was validated, and how it was written.
    path: of the setting inside them.
    within: `home` or `store` where the model is of such a mapping; "" for a file's.
    """
    name = path[-1]
    if issubclass(model, Connection):
        meant = _known_as(model, name) if len(path) == 1 else ""
        return f"did you mean '{meant}'?" if meant else None
    if within:
        if len(path) > 1:
            return None
        if name in EntityFile.model_fields:
            return f"write it beside `{within}:`, not in it"
        if name in FlowFile.model_fields:
            return _of_flow(name)
        return _of_a_connection(name, model, node, within)
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
    if name in ROLES:
        return f"did you mean '{ROLES[name]}'? hygge moves data from a `home` to a `store`"
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


def _of_a_connection(name: str, model: type[BaseModel], node: Node, role: str) -> str | None:
    """Where a setting of a connection goes that is written in a Home or a Store.

    Parameters
    ----------
    name: of the setting.
    model, node: of the Home or the Store, and how it was written.
    role: which of them it is.
    """
    kind = _connection_of(node, role)
    if kind is None or "connection" not in model.model_fields:
        return None
    if "path" in model.model_fields and name in _OF_A_FILE and not _known_as(kind, "host"):
        return "did you mean 'path'?"
    misplaced = {
        key: known for key in node.items
        if key not in model.model_fields and (known := _known_as(kind, key))
    }  # fmt: skip
    if name not in misplaced:
        return None
    first = next(iter(misplaced))
    if first != name:
        return f"it goes into the same connection as '{first}'"
    own = node.text("connection")
    named = own if own and "://" not in own and _SAFE.fullmatch(own) else f"my_{kind.kind}"
    shown = [
        f"{known}: {_value(kind, named, known, node.items[k])}" for k, known in misplaced.items()
    ]
    return (
        "it is a setting of a connection; write\n"
        f"  connections: {{{named}: {{type: {kind.kind}, {', '.join(shown)}}}}}    # in hygge.yml\n"
        f"  connection: {named}    # here"
    )


def _connection_of(node: Node, role: Any) -> Any:
    """The type of connection that a Home or a Store needs, by its own type or its path's scheme;
    None where there is none."""
    kind, path = node.text("type") or "", node.text("path") or ""
    try:
        found = getattr(registry.lookup(role, kind), "connection_type", None)
        name = registry.connection_of(path.partition("://")[0]) if "://" in path else None
        return registry.lookup("connection", name) if found is None and name else found
    except (HyggeError, ImportError, AttributeError):  # which is told where it is looked up
        return None


def _known_as(kind: Any, key: str) -> str:
    """The name by which a type of connection knows a setting; "" where it does not."""
    meant = _CONNECTION.get(key, key)
    names = (key, meant, "server" if meant == "host" else "")
    return next((name for name in names if name in kind.model_fields), "")


def _value(kind: Any, named: str, key: str, written: Node) -> str:
    """A value for a hint: as it was written, but a reference for what is secret."""
    annotation = kind.model_fields[key].annotation
    if Secret in (annotation, *get_args(annotation)):
        return json.dumps(f"${{{re.sub(r'[^A-Za-z0-9]+', '_', f'{named}_{key}').upper()}}}")
    value = written.value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        return "..."
    return value if _SAFE.fullmatch(value) else json.dumps(value, ensure_ascii=False)
