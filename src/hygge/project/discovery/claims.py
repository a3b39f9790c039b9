"""What a flow's own files say already: which entities there are, and of which tables."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hygge.core.errors import ConfigError
from hygge.core.home import Table
from hygge.project.names import key_of
from hygge.project.nodes import Node
from hygge.project.reader import read_bytes
from hygge.project.templates import fill


@dataclass(frozen=True, slots=True)
class Claim:
    """One entity as it is written.

    Parameters
    ----------
    name: its own.
    table, schema: what its home says; the table is the entity's name by default, and may hold its
        schema.
    file: in `entities/`; "" for one in the flow's own file.
    """

    name: str
    table: str
    schema: str
    file: str


class Claims:
    """The entities of a flow, to be asked for by the tables that they read."""

    def __init__(self, claims: Iterable[Claim]) -> None:
        self._by_table: dict[tuple[str, str], list[Claim]] = defaultdict(list)
        self.names: set[str] = set()
        for claim in claims:
            self._by_table[claim.schema, claim.table].append(claim)
            self.names |= {key_of(claim.name), key_of(claim.file.rpartition(".")[0])}
        self.names.discard("")

    def of(self, table: Table, file: str = "") -> Claim | None:
        """The entity that reads a table: of several, that of a file."""
        names = [(table.schema, table.name), ("", table.name), ("", str(table))]
        found = [claim for name in dict.fromkeys(names) for claim in self._by_table.get(name, ())]
        return min(found, key=lambda claim: claim.file != file, default=None)


def claims_of(flow: str | None, entities: Mapping[str, str]) -> Claims:
    """What the files of a flow claim.

    Parameters
    ----------
    flow: the text of its flow.yml; None where there is none.
    entities: the texts of the files in `entities/`, by file name.
    """
    found = [_claim(node, name.rpartition(".")[0], name) for name, node in _read(entities.items())]
    for _, node in _read([("flow.yml", flow)] if flow is not None else []):
        listed = node.get("entities")
        for element in listed.elements if listed is not None else ():
            found.append(_claim(element, str(element.value), ""))
    return Claims(found)


def _read(files: Iterable[tuple[str, str]]) -> Iterable[tuple[str, Node]]:
    for name, text in files:
        node, _ = read_bytes(text.encode(), name)
        if node is not None:
            yield name, node


def _claim(node: Node, name: str, file: str) -> Claim:
    home = node.get("home")
    named = _plain(node.text("name")) or name
    table = _plain(home.text("table") if home else None) or named
    return Claim(named, table, _plain(home.text("schema") if home else None), file)


def _plain(text: str | None) -> str:
    """A setting's text with its escapes taken back; as it is where it has names or variables."""
    try:
        return fill(text or "", {})
    except ConfigError:
        return text or ""
