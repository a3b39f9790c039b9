"""A YAML file as lines that can be edited one at a time, by the places its reader gives."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hygge.core.errors import ConfigError
from hygge.project.discovery.render import item, several
from hygge.project.nodes import Node
from hygge.project.reader import read_bytes
from hygge.project.templates import resolve

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
_SCALAR = (
    r""""(?:[^"\\\r\n]|\\.)*"|'(?:[^'\r\n]|'')*'"""
    r"""|(?![#"'\[{&*!|>%@`])[^\s]+(?:[ \t]+(?!\#)[^\s]+)*"""
)
_REST = r"(?:[ \t]+\#[ \t]?(?P<comment>[^\r\n]*?))?(?P<end>[ \t]*(?:\r\n|\r|\n)?)"
_ITEM = re.compile(rf"(?P<before>[ \t]*-[ \t]+)(?P<token>{_SCALAR}){_REST}")
_KEY = re.compile(rf"(?P<before>key_column:[ \t]+)(?P<token>\[[^\]#\r\n]*\]|{_SCALAR}){_REST}")


def texts(node: Node) -> list[str]:
    """The texts of a list, or the one text that it is, with `$${` read."""
    found = []
    for one in node.elements or (node,):
        if isinstance(one.value, str):
            try:
                found.append(resolve(one.value))
            except ConfigError:  # a variable that is not set here: no column's name
                found.append(one.value)
    return found


class Page:
    """An entity's file, to be edited: additions first, then changes, then what goes.

    Parameters
    ----------
    text: of the file.
    node: the same, as read.

    Attributes
    ----------
    expected: the columns that the file lists once the edits are made, in order.
    undone: columns that could not be put in or taken out.
    """

    def __init__(self, text: str, node: Node) -> None:
        self._mark = "\ufeff" if text.startswith("\ufeff") else ""
        self._lines = _LINES.findall(text.removeprefix(self._mark))
        ending = re.search(r"\r\n|\r|\n", text)
        self._newline = ending[0] if ending else "\n"
        self._node = node
        columns = node.get("columns")
        elements = columns.elements if columns is not None else ()
        self.lists_columns = bool(elements)
        self.expected = texts(columns) if columns is not None and elements else []
        self.undone: list[str] = []
        self._at: dict[str, int] = {}
        for element in elements:
            line = element.at.line - 1
            found = _ITEM.fullmatch(self._lines[line])
            if found and isinstance(element.value, str) and _read(found["token"]) == element.value:
                self._at[texts(element)[0]] = line
        self._before: dict[int, list[str]] = {}
        self._slots = {column: list[str]() for column in self._at}  # what comes behind a column
        self._after = {line: self._slots[column] for column, line in self._at.items()}

    @property
    def text(self) -> str:
        """The file with its edits made."""
        out = []
        for number, line in enumerate(self._lines):
            behind = self._after.get(number, ())
            end = self._newline if behind and line and not line.endswith(("\n", "\r")) else ""
            out += [*self._before.get(number, ()), line + end, *behind]
        return self._mark + "".join(out)

    def add(self, column: str, said: str, order: Sequence[str]) -> None:
        """Put a column in, behind the nearest of those before it in the source's order."""
        if column in self.expected:
            return
        if not self._at:
            self.undone.append(column)
            return
        first = min(self._at, key=lambda c: self._at[c])
        earlier = [c for c in order[: order.index(column)] if c in self._slots]
        if earlier:
            slot, place = self._slots[earlier[-1]], self.expected.index(earlier[-1]) + 1
        else:
            slot = self._before.setdefault(self._at[first], [])
            place = self.expected.index(first)
        line = self._lines[self._at[first]]
        slot.append(f"{line[: line.index('-')]}{item(column, said)}{self._newline}")
        self._slots[column] = slot
        self.expected.insert(place, column)

    def say(self, column: str, before: str, now: str) -> None:
        """Put what is said of a column anew; a person's own words stay."""
        found = _ITEM.fullmatch(self._lines[self._at[column]]) if column in self._at else None
        if found is None or not (found["comment"] or "").startswith(before):
            return
        words = now + (found["comment"] or "")[len(before) :]
        comment = f"  # {words}" if words else ""
        line = f"{found['before']}{found['token']}{comment}{found['end']}"
        self._lines[self._at[column]] = line

    def remove(self, column: str, said: str) -> None:
        """Take a column out; one with a person's own words beside it becomes a comment."""
        if column not in self.expected:
            return
        if column not in self._at or len(self.expected) == 1:  # an empty list would mean all
            self.undone.append(column)
            return
        self.expected.remove(column)
        line = self._lines[self._at[column]]
        found = _ITEM.fullmatch(line)
        own_words = found is not None and found["comment"] not in (None, "", said)
        dash = line.index("-")
        self._lines[self._at[column]] = f"{line[:dash]}# {line[dash:]}" if own_words else ""

    def rekey(self, before: Sequence[str], now: Sequence[str]) -> None:
        """Put another key in the place of the one that was found, if it stands there so."""
        node = self._node.get("key_column")
        if node is None or node.key is None or texts(node) != list(before) or not now:
            return
        line = node.key.line - 1
        found = _KEY.fullmatch(self._lines[line])
        if found:
            rest = self._lines[line][found.end("token") :]
            self._lines[line] = f"{found['before']}{several(now)}{rest}"


def _read(token: str) -> object:
    node, _ = read_bytes(f"a: {token}".encode(), "")
    inner = node.get("a") if node is not None else None
    return inner.value if inner is not None else None
