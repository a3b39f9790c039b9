"""Secrets are carried as references and revealed only where a session opens.

`Secret` holds the text as written (`${DB_PASSWORD}` stays `${DB_PASSWORD}`), so a plan can be
printed, stored and pickled. `reveal()` resolves it and remembers the value, and `redact()` blots
every value so remembered out of any text that leaves the process.
"""

from __future__ import annotations

import os
import re
import threading
from typing import Any
from urllib.parse import quote, quote_plus, unquote

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from hygge.core.errors import ConfigError

MASK = "***"
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_URL_PASSWORD = re.compile(r"(?P<head>[a-zA-Z][a-zA-Z0-9+.-]*://[^/\s:@]*:)(?P<pw>[^@\s/]+)(?=@)")
_QUERY_SECRET = re.compile(
    r"(?i)(?P<head>\b(?:password|pwd|secret|token|api_?key|access_?key|sas|sig)=)(?P<pw>[^&;\s'\"]+)"
)
_known: set[str] = set()
_lock = threading.Lock()


class Interpolated(str):
    """A configuration text after interpolation that still knows what was written."""

    template: str

    def __new__(cls, value: str, template: str) -> Interpolated:
        self = super().__new__(cls, value)
        self.template = template
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        return (Interpolated, (str(self), self.template))


def interpolate(text: str) -> str:
    """Replace `${VAR}` and `${VAR:-default}` from the environment; `$${` is a literal `${`.

    Raises ConfigError naming the first variable that is not set and has no default.
    """

    def one(match: re.Match[str]) -> str:
        value = os.environ.get(match["name"])
        if value:
            return value
        if match["default"] is not None:
            return match["default"]
        if value == "":
            return ""
        raise ConfigError(
            f"the environment variable {match['name']} is not set",
            hint=f"set it, add it to .env, or give a default: ${{{match['name']}:-value}}",
        )

    pieces = text.split("$${")
    return "${".join(_REFERENCE.sub(one, piece) for piece in pieces)


def remember(value: str) -> None:
    """Have `redact` blot this value, and its URL-quoted forms, out of every later text."""
    if len(value) < 3:
        return
    with _lock:
        _known.update({value, quote(value, safe=""), quote_plus(value), unquote(value)})


def redact(text: str) -> str:
    """The text without any secret: known values, passwords in URLs, `password=` and its like."""
    with _lock:
        known = sorted(_known, key=len, reverse=True)
    for value in known:
        text = text.replace(value, MASK)
    text = _URL_PASSWORD.sub(lambda m: m["head"] + MASK, text)
    return _QUERY_SECRET.sub(lambda m: m["head"] + MASK, text)


class Secret:
    """A text that must not be shown: a password, a key, or a URL that holds one.

    It compares and hashes by what was written, prints as `***`, and pickles as a reference.
    """

    __slots__ = ("_template",)

    def __init__(self, template: str) -> None:
        self._template = template
        if "${" not in template:
            self._note(template)

    @staticmethod
    def _note(value: str) -> None:
        if "://" not in value:
            remember(value)
            return
        match = _URL_PASSWORD.search(value)
        if match:
            remember(match["pw"])
            remember(unquote(match["pw"]))

    @property
    def written(self) -> str:
        """The text as written, for comparing; never for showing."""
        return self._template

    @property
    def is_reference(self) -> bool:
        """Whether the value comes from outside the file."""
        return "${" in self._template

    def reveal(self) -> str:
        """The value itself. Raises ConfigError where a variable it names is not set."""
        value = interpolate(self._template)
        self._note(value)
        return value

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        if "://" in self._template:
            return redact(self._template)
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._template == self._template

    def __hash__(self) -> int:
        return hash(self._template)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Secret, (self._template,))

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: Any, handler: GetCoreSchemaHandler
    ) -> core_schema.CoreSchema:
        def validate(value: Any) -> Secret:
            if isinstance(value, Secret):
                return value
            if isinstance(value, Interpolated):
                return cls(value.template)
            if isinstance(value, str):
                return cls(value)
            raise ValueError("a text is needed")

        return core_schema.no_info_plain_validator_function(
            validate,
            json_schema_input_schema=core_schema.str_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(str),
        )
