"""Texts as YAML that the project's reader gives back unchanged."""

from __future__ import annotations

import re
from collections.abc import Sequence

from hygge.project.scalars import scalar
from hygge.project.templates import literal, verbatim

# Words that begin with a letter and hold nothing that YAML reads as more than text, in a line or
# in brackets.
_PLAIN = re.compile(r"[^\W\d](?:[\w./-]|(?<! ) (?! ))*")
_UNSHOWN = re.compile(
    "[^\x20-\x7e\xa1-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\uffef\U00010000-\U0010ffff]"
)
_OTHERWISE = frozenset({"y", "n", "yes", "no", "on", "off"})
"""Words that other readers of YAML, those of its version 1.1, take for true and false."""
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def text(value: str) -> str:
    """A text as a YAML scalar: bare where that will do, else in double quotes."""
    bare = _PLAIN.fullmatch(value) and not value.endswith(" ") and scalar(value) == value
    if bare and value.lower() not in _OTHERWISE:
        return value
    return '"' + "".join(_escaped(c) for c in value) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if not _UNSHOWN.match(char):
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def words(values: Sequence[str]) -> str:
    """One text by itself, several as a list in brackets."""
    return text(values[0]) if len(values) == 1 else f"[{', '.join(map(text, values))}]"


def setting(value: str) -> str:
    """A text in which `${` stands for nothing but itself, as a YAML scalar."""
    return text(literal(value))


def in_home(value: str) -> str:
    """`setting` for a home or store, where braces have a meaning too."""
    return text(verbatim(value))


def comment(value: str, most: int = 100) -> str:
    """A text for a comment: on one line, printable, cut where it is long."""
    plain = " ".join(_UNSHOWN.sub(" ", value).split())
    return plain if len(plain) <= most else plain[: most - 3].rstrip() + "..."
