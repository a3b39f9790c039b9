"""The YAML parser's complaints in plain words."""

from __future__ import annotations

import re
from typing import Any

import yaml

from hygge.core import guesses
from hygge.core.errors import Location, Problem

_VARIABLE = re.compile(r"(?<=[\s,:{\[])[^\s,{}\[\]\"']*\$\{[^}\s]*\}[^\s,{}\[\]\"']*")
"""An unquoted text with a variable: within { }, its brace ends the mapping."""


def syntax_problem(error: yaml.YAMLError, text: str, file: str) -> Problem:
    """A parser's error as a Problem.

    Parameters
    ----------
    error: as raised by PyYAML, by either of its parsers.
    text: the file's whole text.
    file: its path.
    """
    mark: Any = getattr(error, "problem_mark", None)
    context_mark: Any = getattr(error, "context_mark", None)
    said = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "")
    context = str(getattr(error, "context", None) or "")
    lines = text.splitlines()
    line = min(mark.line, max(len(lines) - 1, 0)) if mark is not None else 0
    column = mark.column if mark is not None else 0
    shown = lines[line] if line < len(lines) else ""
    started = (context_mark.line, context_mark.column) if context_mark is not None else None
    began = started[0] if started is not None else line
    message, hint, start = _in_words(said, context, shown, column, lines, line, began)
    if start and started is not None:
        line, column = started
    return Problem(message, Location(file, line + 1, column + 1), hint)


def _in_words(
    said: str, context: str, shown: str, column: int, lines: list[str], line: int, began: int
) -> tuple[str, str | None, bool]:
    """What to say, a hint, and whether to point at where the construct began, in line `began`."""
    rest = shown[column:]
    if "nesting" in said:
        return "this is nested far too deeply", "at most 64 levels are read", False
    indent = shown[: len(shown) - len(shown.lstrip())]
    if "\t" in indent or rest.startswith("\t"):
        return "a tab is used to indent", "YAML is indented with spaces only", False
    if "quoted scalar" in context and "end of stream" in said:
        return (
            "a quotation mark is opened here and never closed",
            "close it; a ' inside '...' is written ''",
            True,
        )
    if "escape character" in said:
        return (
            "there is an unknown escape in this text",
            "in double quotes write \\\\ for a backslash, or use single quotes",
            False,
        )
    if "flow sequence" in context or "flow mapping" in context:
        bracket = "[" if "sequence" in context else "{"
        if bracket == "{":
            variable = _VARIABLE.search("\n".join(lines[began : line + 1]))
            example = variable[0] if variable else "{entity}/daily"
            begins = "has" if variable else "begins with"
            return (
                "a mapping in { } ends unexpectedly, or is not closed",
                f'quote a text that {begins} a brace: "{example}"',
                True,
            )
        return "a list in [ ] is not closed, or lacks a comma", "close it with ]", True
    if "mapping values are not allowed" in said:
        before = shown[:column]
        if ":" in before:
            return (
                "there is a second ': ' in this line",
                'quote the text: key: "text: more text"',
                False,
            )
        return (
            "this line is a setting where none can stand",
            "give it the same indentation as its neighbours",
            False,
        )
    if "could not find expected ':'" in said:
        name = lines[line - 1].strip() if line else shown.strip()
        if name and guesses.names_a_secret(first := name.split()[0]):
            name = first  # what follows may be the secret, whose colon is lacking
        return (
            f"there is no ':' after '{_short(name)}'" if name else "a ':' is missing",
            "write `setting: value`, with a space after the colon",
            False,
        )
    if "cannot start any token" in said and rest:
        return (
            f"a text cannot begin with {rest[0]}",
            f'quote it: "{_short(rest.strip())}"',
            False,
        )
    if "not allowed in this context" in said and "sequence" in said:
        return "a list cannot begin in the line of its key", "begin it in the next line", False
    if shown.lstrip().startswith(":"):
        return "there is no name before this colon", "write `setting: value`", False
    before = shown[:column].rstrip()
    if before.endswith(("}", "]")):
        return (
            f"text follows after {before[-1]}",
            'quote a text that begins with { or [: "{entity}/daily"',
            False,
        )
    if before.endswith(("'", '"')):
        return (
            "text follows after the closing quotation mark",
            "a ' inside '...' is written '', a \" inside \"...\" is written \\\"",
            False,
        )
    if "block mapping" in context or "block collection" in context or "block end" in said:
        return (
            "the indentation changes here, or the line is neither a setting nor a list item",
            "give it the same indentation as its neighbours, and write `setting: value`",
            False,
        )
    if "alphabetic or numeric" in said or "anchor" in context or "alias" in context:
        return "a text that begins with * or & has another meaning in YAML", "quote it", True
    if "tag" in context:
        return "a text that begins with ! has another meaning in YAML", "quote it", True
    return f"this is not YAML: {said or 'unreadable'}", None, False


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."
