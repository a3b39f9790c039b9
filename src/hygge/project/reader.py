"""One YAML file as a Node, or Problems that say in plain words what is wrong with it.

Files are read as events, not composed, so that depth, size and
repetition are refused before they cost anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from hygge.core import guesses
from hygge.core.errors import Location, Problem
from hygge.core.secrets import blot, remember
from hygge.project.nodes import Node, Scalar
from hygge.project.scalars import scalar
from hygge.project.syntax import syntax_problem

MAX_BYTES = 4_000_000
MAX_DEPTH = 64
MAX_NODES = 200_000
"""Values in one file, each alias counted with all that it stands for."""

_LOADER: Any = getattr(yaml, "CLoader", yaml.Loader)
_TAGS = {
    "tag:yaml.org,2002:str": str,
    "tag:yaml.org,2002:map": dict,
    "tag:yaml.org,2002:seq": list,
}
# What YAML does not call printable, and the next-line and separator marks that no editor shows.
# (Said the other way round, "none of these", it takes 5 ms to compile.)
_UNPRINTABLE = re.compile(
    "[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]"
)


def _height(node: Node) -> int:
    inner = node.elements or tuple(node.items.values())
    return 1 + max(map(_height, inner), default=0)


class _Refused(Exception):
    def __init__(self, message: str, at: Location, hint: str | None = None) -> None:
        self.problem = Problem(message, at, hint)


def read_file(path: Path) -> tuple[Node | None, list[Problem]]:
    """A file's whole value and what is wrong with it; None where it could not be read at all.

    Parameters
    ----------
    path: of the file. Locations carry it as given.

    Returns
    -------
    A mapping Node (an empty file is an empty mapping), and problems; nothing is raised.
    """
    at = Location(str(path))
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        return None, [Problem(f"this file cannot be read: {error.strerror or error}", at)]
    return read_bytes(data, str(path))


def read_bytes(data: bytes, file: str) -> tuple[Node | None, list[Problem]]:
    """`read_file` of what has been read already."""
    try:
        text = _decoded(data, file)
        return _Reader(text, file).read()
    except _Refused as refused:
        problem = refused.problem
    except yaml.YAMLError as error:
        problem = syntax_problem(error, data.decode("utf-8-sig", "replace"), file)
    return None, [_without_secrets(problem, data)]


def _without_secrets(problem: Problem, data: bytes) -> Problem:
    """What is wrong may be a password's first character, and the next step quotes it."""
    lines = data.decode("utf-8-sig", "replace").splitlines()
    at = problem.location.line if problem.location else 0
    for value in guesses.values_in("\n".join(lines[max(at - 2, 0) : at]), guesses.IN_YAML):
        for part in (value.strip(), *value.split()[:1]):
            remember(part.strip("'\""))
            remember(part.lstrip("*&!"))
    return replace(problem, message=blot(problem.message), hint=problem.hint and blot(problem.hint))


def _decoded(data: bytes, file: str) -> str:
    if len(data) > MAX_BYTES:
        raise _Refused(
            f"this file is larger than {MAX_BYTES // 1_000_000} MB",
            Location(file),
            "configuration is never so large; is it a data file?",
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise _Refused("this file is in UTF-16", Location(file), "save it as UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = data[: error.start]
        line = before.count(b"\n") + 1
        column = len(before[before.rfind(b"\n") + 1 :].decode("utf-8", "replace")) + 1
        raise _Refused(
            f"this file is not UTF-8: there is a byte 0x{data[error.start]:02x} here",
            Location(file, line, column),
            "save it as UTF-8",
        ) from None
    odd = _UNPRINTABLE.search(text)
    if odd is not None:
        before_odd = text[: odd.start()]
        column = odd.start() - (before_odd.rfind("\n") + 1) + 1
        raise _Refused(
            f"there is an unprintable character here (U+{ord(odd[0]):04X})",
            Location(file, before_odd.count("\n") + 1, column),
            'take it out, or write it as an escape in double quotes: "\\u0000"',
        )
    return text


class _Reader:
    """Builds one document from the parser's events."""

    def __init__(self, text: str, file: str) -> None:
        self._file = file
        self._events: Iterator[Any] = yaml.parse(text, Loader=_LOADER)
        self._anchors: dict[str, tuple[Node, int, int]] = {}
        self._open: set[str] = set()
        self._count = 0
        self._problems: list[Problem] = []

    def read(self) -> tuple[Node | None, list[Problem]]:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if node is not None:
                    raise _Refused(
                        "a second document begins here",
                        self._at(event),
                        "keep one document in a file; take the line `---` out",
                    )
                node, _ = self._node(next(self._events), 1, None)
        if node is None or node.value is None:
            return Node({}, Location(self._file, 1, 1)), self._problems
        if not isinstance(node.value, dict):
            kind = "list" if isinstance(node.value, tuple) else "single value"
            raise _Refused(
                f"this file is a {kind}, not settings", node.at, "write it as `setting: value`"
            )
        return node, self._problems

    def _at(self, event: Any) -> Location:
        mark = event.start_mark
        return Location(self._file, mark.line + 1, mark.column + 1)

    def _spend(self, size: int, at: Location) -> None:
        self._count += size
        if self._count > MAX_NODES:
            raise _Refused(
                f"this file comes to more than {MAX_NODES:,} values",
                at,
                "aliases (`*name`) count with all that they stand for",
            )

    def _check_depth(self, depth: int, at: Location) -> None:
        if depth > MAX_DEPTH:
            raise _Refused(f"this is nested more than {MAX_DEPTH} levels deep", at)

    def _node(self, event: Any, depth: int, key: Location | None) -> tuple[Node, int]:
        """The value that begins with an event, and how many values it holds."""
        at = self._at(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event.anchor, at, depth, key)
        self._check_depth(depth, at)
        self._spend(1, at)
        before = self._count
        anchor = event.anchor
        if anchor is not None:
            self._anchors.pop(anchor, None)
            self._open.add(anchor)
        if isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event, at)
            node = Node(value, at, key, blank=value is None and not event.value)
        elif isinstance(event, yaml.SequenceStartEvent):
            self._check_tag(event.tag, list, at)
            node = Node(tuple(self._elements(depth)), at, key)
        else:
            self._check_tag(event.tag, dict, at)
            node = Node(self._members(depth), at, key)
        size = self._count - before + 1
        if anchor is not None:
            self._open.discard(anchor)
            self._anchors[anchor] = (node, size, _height(node))
        return node, size

    def _alias(self, name: Any, at: Location, depth: int, key: Location | None) -> tuple[Node, int]:
        if name in self._open:
            raise _Refused(f"'*{name}' stands inside what it stands for", at)
        if name not in self._anchors:
            raise _Refused(
                f"'*{name}' refers to '&{name}', which is not above",
                at,
                f'if the text itself is meant, quote it: "*{name}"',
            )
        node, size, height = self._anchors[name]
        self._spend(size, at)
        self._check_depth(depth + height - 1, at)
        return replace(node, key=key), size

    def _elements(self, depth: int) -> Iterator[Node]:
        for event in self._events:
            if isinstance(event, yaml.SequenceEndEvent):
                return
            yield self._node(event, depth + 1, None)[0]

    def _members(self, depth: int) -> dict[str, Node]:
        members: dict[str, Node] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                break
            at = self._at(event)
            name = self._key(event, at)
            value, _ = self._node(next(self._events), depth + 1, at)
            if name in members:
                first = members[name].key
                line = first.line if first else 0
                self._problems.append(
                    Problem(
                        f"'{name}' is given twice; the first is in line {line}",
                        at,
                        "keep one of them",
                    )
                )
                continue
            members[name] = value
        return members

    def _key(self, event: Any, at: Location) -> str:
        if isinstance(event, yaml.AliasEvent):
            raise _Refused(f"'*{event.anchor}' cannot be a key", at, f'quote it: "*{event.anchor}"')
        if not isinstance(event, yaml.ScalarEvent):
            raise _Refused(
                "a list or mapping cannot be a key", at, "quote a text that begins with { or ["
            )
        if event.value == "<<" and event.implicit[0]:
            raise _Refused(
                "merge keys (`<<`) are not read",
                at,
                "put what is shared under `defaults:` or `overrides:`",
            )
        value = self._scalar(event, at)
        if not isinstance(value, str):
            shown = event.value or "an empty key"
            raise _Refused(
                f"a key must be a text, and {shown} is not",
                at,
                f'quote it: "{event.value}"' if event.value else "put a name before the colon",
            )
        return value

    def _scalar(self, event: Any, at: Location) -> Scalar:
        if event.tag is None:
            return scalar(event.value) if event.implicit[0] else str(event.value)
        if event.tag != "!":
            self._check_tag(event.tag, str, at)
        return str(event.value)

    def _check_tag(self, tag: str | None, kind: type, at: Location) -> None:
        if tag is None or tag == "!" or _TAGS.get(tag) is kind:
            return
        shown = tag.replace("tag:yaml.org,2002:", "!!")
        raise _Refused(
            f"'{shown}' is a tag, and tags are not read",
            at,
            f'if the text itself is meant, quote it: "{shown}"',
        )
