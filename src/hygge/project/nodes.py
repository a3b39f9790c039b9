"""Values that know where they were written, and how layers of them merge. Values in, values out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any

from hygge.core.errors import Location

Scalar = str | int | float | bool | None
CONNECTORS = ("home", "store")


@dataclass(frozen=True, slots=True)
class Node:
    """One value of a configuration.

    Parameters
    ----------
    value: a scalar, a mapping of nodes, or a tuple of nodes.
    at: where the value is written.
    key: where its key is written; None for the items of a list and for a file's whole.
    blank: whether it is null since nothing is written, rather than `null` or `~`.
    """

    value: Scalar | Mapping[str, Node] | tuple[Node, ...]
    at: Location
    key: Location | None = None
    blank: bool = False

    @property
    def where(self) -> Location:
        """Where to point: at a scalar itself, at the key of a mapping or list."""
        if self.key is not None and isinstance(self.value, Mapping | tuple):
            return self.key
        return self.at

    @property
    def items(self) -> Mapping[str, Node]:
        """Its members; none where it is no mapping."""
        return self.value if isinstance(self.value, Mapping) else {}

    @property
    def elements(self) -> tuple[Node, ...]:
        """Its elements; none where it is no list."""
        return self.value if isinstance(self.value, tuple) else ()

    def get(self, key: str) -> Node | None:
        return self.items.get(key)

    def text(self, key: str) -> str | None:
        """A member that is a text, else None."""
        node = self.items.get(key)
        return node.value if node is not None and isinstance(node.value, str) else None

    def with_items(self, items: Mapping[str, Node]) -> Node:
        return replace(self, value=dict(items))

    def only(self, keep: Callable[[str], bool]) -> Node:
        """The mapping with some of its keys."""
        return self.with_items({k: v for k, v in self.items.items() if keep(k)})


def empty(at: Location) -> Node:
    """A mapping without members."""
    return Node({}, at)


def plain(node: Node, change: Callable[[Node], Any] = lambda node: node.value) -> Any:
    """The value without places; `change` gives what stands for each scalar."""
    if isinstance(node.value, Mapping):
        return {key: plain(item, change) for key, item in node.value.items()}
    if isinstance(node.value, tuple):
        return [plain(item, change) for item in node.value]
    return change(node)


def scalars(node: Node) -> Iterator[Node]:
    """Every scalar in a value, in the order written."""
    if isinstance(node.value, Mapping):
        for item in node.value.values():
            yield from scalars(item)
    elif isinstance(node.value, tuple):
        for item in node.value:
            yield from scalars(item)
    else:
        yield node


def find(node: Node, path: Iterable[str | int]) -> Node:
    """The node at a path, or the last one on the way to it."""
    for step in path:
        inner = (
            node.elements[step]
            if isinstance(step, int) and step < len(node.elements)
            else node.items.get(str(step))
        )
        if inner is None:
            break
        node = inner
    return node


def merge(under: Node, over: Node) -> Node:
    """Both, the later winning: mappings merge, anything else replaces."""
    if not isinstance(under.value, Mapping) or not isinstance(over.value, Mapping):
        return over
    merged = dict(under.value)
    for key, node in over.value.items():
        merged[key] = merge(merged[key], node) if key in merged else node
    return Node(merged, over.at, over.key)


def merge_layers(layers: Iterable[Node]) -> Node:
    """Layers of entity settings merged, the weakest first.

    A `home` or `store` that names another `type` than the layers below starts afresh, since the
    settings of one type mean nothing to another.
    """
    return reduce(_merge_layer, layers)


def _merge_layer(under: Node, over: Node) -> Node:
    kept = dict(under.items)
    for role in CONNECTORS:
        before, after = under.get(role), over.get(role)
        if before is None or after is None:
            continue
        kind = after.get("type")
        if kind is not None and (old := before.get("type")) and old.value != kind.value:
            del kept[role]
    return merge(under.with_items(kept), over)


def provenance(node: Node) -> dict[str, Location]:
    """Where every value was written, by dotted path; a list counts as one value."""
    found: dict[str, Location] = {}

    def walk(inner: Node, path: str) -> None:
        if isinstance(inner.value, Mapping) and (inner.value or not path):
            for key, item in inner.value.items():
                walk(item, f"{path}.{key}" if path else key)
        else:
            found[path] = inner.where

    walk(node, "")
    return found
