"""Texts with `${VARIABLES}` and `{names}` in them. Values in, values out.

| written | becomes |
| --- | --- |
| `${VAR}`, `${VAR:-default}` | the environment variable, anywhere in a file |
| `{entity}` `{flow}` `{table}` `{schema}` `{run_date}` `{env.x}` | in homes, stores, connections |
| `$${` | a literal `${` |
| `{{`, `}}` | a literal `{` or `}`, in homes, stores, connections |

Braces around anything but a name, as in `{"a": 1}` or `\\d{4}`, are left alone. What a variable or
a value brings is never read again.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from hygge.core.errors import ConfigError
from hygge.core.secrets import Interpolated, interpolate, remember_named

PER_ENTITY = frozenset({"entity", "table"})
_PART = re.compile(r"\$\$\{|(?P<variable>\$\{[^}]*\}?)|\{\{|\}\}|\{(?P<name>[A-Za-z_][\w.-]*)\}")
_BRACE = re.compile(r"\$\{|\{|\}")
_DEFAULT = re.compile(r"(?<=[-:?+=])[^}]+")
"""What may be a default, in whatever way it is written."""
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}]*)?\}")


def resolve(text: str) -> str:
    """A text with its variables filled in; where it has any, an `Interpolated`.

    Raises ConfigError for a variable that is not set, or a reference that is malformed.
    """
    return _filled(text, None)


def fill(text: str, names: Mapping[str, str | None]) -> str:
    """A text with its variables and names filled in; where it has variables, an `Interpolated`.

    Parameters
    ----------
    text: as written.
    names: what each name stands for, as text that may refer to variables itself (see `literal`);
        None for one that is not known here.

    Raises ConfigError as `resolve` does, and for a name that means nothing, with the near miss.
    """
    return _filled(text, names)


def literal(text: str) -> str:
    """A value for `fill` that is to be taken as it is, even where it holds `${`."""
    return text.replace("${", "$${")


def verbatim(text: str) -> str:
    """A text as it must be written to be taken as it is: no brace or `${` in it means anything."""
    return _BRACE.sub(lambda m: "$${" if m[0] == "${" else m[0] * 2, text)


def names_in(text: str) -> set[str]:
    """The names that a text uses."""
    return {m["name"] for m in _PART.finditer(text) if m["name"]}


def _filled(text: str, names: Mapping[str, str | None] | None) -> str:
    if "$" not in text and "{" not in text and "}" not in text:
        return text

    def one(match: re.Match[str]) -> str:
        part = match[0]
        if match["variable"]:
            if not _VARIABLE.fullmatch(part):
                raise ConfigError(
                    f"'{_DEFAULT.sub('...', part)}' is no reference to a variable",
                    hint="write ${NAME} or ${NAME:-default}; a literal ${ is written $${",
                )
            return part
        if names is None or part == "$${":
            return part
        if part in ("{{", "}}"):
            return part[0]
        value = _value(match["name"], names)
        if match["name"].startswith("env."):
            remember_named(match["name"], interpolate(value))
        return value

    template = _PART.sub(one, text)
    value = interpolate(template)
    return Interpolated(value, template) if "${" in template else value


def _value(name: str, names: Mapping[str, str | None]) -> str:
    value = names.get(name)
    if value is not None:
        return value
    if name in names:
        hint = "name the schema in the home's `table: schema.table`"
        if name.startswith("env."):
            hint = "choose an environment: `--env`, HYGGE_ENV, or `environment:` in the project"
        raise ConfigError(f"'{{{name}}}' is not known here", hint=hint)
    known = sorted(names)
    near = get_close_matches(name, known, n=1)
    message = f"'{{{name}}}' means nothing here"
    if near:
        raise ConfigError(message, hint=f"did you mean '{{{near[0]}}}'?")
    if name.startswith("env."):
        hint = "the environment has no such value; add it under `environments:`"
    else:
        hint = "known: " + ", ".join(f"{{{n}}}" for n in known)
    raise ConfigError(message, hint=f"{hint}; a literal brace is written {{{{")
