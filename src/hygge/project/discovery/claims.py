"""What a flow's own files say already: which entities there are, and of which tables."""

from __future__ import annotations

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
    table, schema: what its home says; the table is the entity's name by default.
    file: in `entities/`; "" for one in the flow's own file.
    """

    name: str
    table: str
    schema: str
    file: str

    def means(self, table: Table) -> bool:
        """Whether it reads a table."""
        if self.schema:
            return (self.schema, self.table) == (table.schema, table.name)
        return self.table in (table.name, str(table))


def claims_of(flow: str | None, entities: Mapping[str, str]) -> list[Claim]:
    """Every entity of a flow.

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
    return found


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


def taken(claims: Iterable[Claim]) -> set[str]:
    """The names that are taken, files' own included, as a file system tells them apart."""
    names = {key_of(c.name) for c in claims}
    return names | {key_of(c.file.rpartition(".")[0]) for c in claims if c.file}
