"""Secrets are carried as references and revealed only where a session opens.

`Secret` holds the text as written (`${DB_PASSWORD}` stays `${DB_PASSWORD}`), so a plan can be
printed, stored and pickled. `reveal()` resolves it and remembers the value, and `redact()` blots
every value so remembered out of any text that leaves the process, and what looks like a secret.

Remembered are also a variable that is named like a secret, wherever it is used, and what stands in
a statement where SQL has a secret (`Statement`). Another variable in a statement is as often a
table or a date, which would be missed everywhere.
"""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Sequence
from itertools import islice
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import AfterValidator, GetCoreSchemaHandler
from pydantic_core import core_schema

from hygge.core import guesses
from hygge.core.errors import ConfigError
from hygge.core.guesses import MASK as MASK

_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
_SHORTEST = 3
_IN_ANY_CASE = 8
"""Characters from which a value is known in another case: databases fold what has no quotes."""
_CUT = re.compile(r"\.{3,}|\u2026")
_HALF = 100
"""Characters of a value that an excerpt may show."""
_CUTS = 2000
"""Cuts in one text that are looked at: no excerpt has as many."""
_WHOLE_LINE = 8
_LINES = 200
"""Of a secret of several lines, such as a private key, each of so many that is so long is known."""
_known: dict[str, str] = {}
_pattern: re.Pattern[str] | None = None
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

    The value of a variable that is named like a secret is remembered, and of any other what in it
    looks like one. Raises ConfigError naming the first variable that is not set and has no default.
    """

    def one(match: re.Match[str]) -> str:
        value = os.environ.get(match["name"]) or match["default"]
        if value is None and match["name"] not in os.environ:
            raise ConfigError(
                f"the environment variable {match['name']} is not set",
                hint=f"set it, add it to .env, or give a default: ${{{match['name']}:-value}}",
            )
        if value:
            remember_named(match["name"], value)
        return value or ""

    pieces = text.split("$${")
    return "${".join(_REFERENCE.sub(one, piece) for piece in pieces)


def remember(value: str) -> None:
    """Have `redact` blot this value out of every later text, however it is quoted or escaped.

    Values shorter than 3 characters are not remembered: blotting them would blot everything.
    """
    global _pattern
    with _lock:
        for form in {value, unquote(value)}:
            if len(form) >= _SHORTEST and form not in _known:
                pattern = "".join(_any_form(c) for c in form)
                _known[form] = f"(?i:{pattern})" if len(form) >= _IN_ANY_CASE else pattern
                _pattern = None


def remember_named(name: str, value: str) -> None:
    """Remember a value by the name it goes by, e.g. an environment variable's: all of it where the
    name says that it is secret, else what in it looks like a password."""
    if not guesses.is_url(value) and guesses.variable_is_secret(name, value):
        remember(value)
    if has_secret(value):
        _remember_parts(value)


def remember_statement(statement: str) -> str:
    """Remember what is secret in a statement by SQL's grammar, and give it back."""
    for value in guesses.sql.secrets_of(statement):
        remember(value)
    for text in guesses.sql.texts_of(statement):
        if has_secret(text):
            _remember_parts(text)
    return statement


Statement = Annotated[str, AfterValidator(remember_statement)]
"""A setting that is SQL of the user's."""


def remember_condition(condition: str) -> str:
    """Remember what is secret in an SQL condition, and give it back: a query's `token = 'x'` tells
    no secret."""
    remember_statement(f"SELECT 1 WHERE {condition}")
    return condition


Condition = Annotated[str, AfterValidator(remember_condition)]
"""A setting that is a condition of the user's."""


def _remember_parts(value: str) -> None:
    """Remember what is secret in a URL or a list of settings."""
    found = list(guesses.values_in(value, guesses.IN_VALUES))
    if span := guesses.password_of(value):
        found.append(value[slice(*span)])
    for each in found:
        remember(each)
        remember(each.strip("{}'\""))


def _any_form(char: str) -> str:
    """A pattern for a character as itself, percent-encoded (RFC 3986), or escaped as by repr()
    or JSON: libraries differ in which they quote."""
    forms = {char, repr(char)[1:-1], ascii(char)[1:-1], json.dumps(char)[1:-1], "\\" + char}
    out = {re.escape(f) for f in forms}
    octets = "".join(f"%{b:02X}" for b in char.encode(errors="surrogatepass"))
    out.add(f"(?i:{octets})")
    if char == " ":
        out.add(r"\+")
    return f"(?:{'|'.join(sorted(out, key=len, reverse=True))})"


def redact(text: str) -> str:
    """A text of somebody else's, such as a driver's error, without any secret: what `blot` finds,
    and what YAML in it calls a password or the like."""
    return guesses.without(blot(text), guesses.IN_YAML)


def redact_about(name: str, text: str) -> str:
    """`redact`, of a text that may begin by an entity's name and a colon: `tokens.id: ...`, which
    is no YAML."""
    found = re.match(rf"{re.escape(name)}[\w.-]*+", text)
    start = found.end() if found else 0
    return blot(text[:start]) + redact(text[start:])


def blot(text: str) -> str:
    """A text of hygge's own that quotes others, without any secret: known values, passwords
    in URLs and in SQL, `password=x` and its like. `password_hash: x` is left, since that is how
    hygge speaks of a column."""
    global _pattern
    with _lock:
        if _pattern is None and _known:
            longest = sorted(_known, key=len, reverse=True)
            _pattern = re.compile("|".join(_known[k] for k in longest))
        pattern, known = _pattern, tuple(_known)
    if pattern is not None:
        text = _without_halves(pattern.sub(MASK, text), known)
    return guesses.without(text, guesses.IN_ANY_TEXT)


def _without_halves(text: str, known: Sequence[str]) -> str:
    """Databases show excerpts: `...end' oops`, `PASSWORD 'begi...`. What is left of a known value
    beside such a cut is blotted, if it is 4 characters or more."""
    out, end = [], 0
    for cut in islice(_CUT.finditer(text), _CUTS):
        before, after = text[max(end, cut.start() - _HALF) : cut.start()], cut.end()
        rest = text[after : after + _HALF]
        lost = max((_overlap(before, value) for value in known), default=0)
        found = max((_overlap(value[-_HALF:], rest) for value in known), default=0)
        out += [text[end : cut.start() - lost], MASK * bool(lost), cut[0], MASK * bool(found)]
        end = after + found
    return "".join([*out, text[end:]])


def _overlap(left: str, right: str) -> int:
    """How many characters at the end of one text begin the other; 0 for fewer than 4."""
    most = min(len(left), len(right))
    return next((n for n in range(most, 3, -1) if left.endswith(right[:n])), 0)


def has_secret(text: str) -> bool:
    """Whether something in a text looks like a password by itself."""
    return guesses.password_of(text) is not None or any(guesses.values_in(text, guesses.IN_VALUES))


def _without_password(url: str) -> str:
    start, end = guesses.password_of(url) or (0, 0)
    return url[:start] + MASK + url[end:] if end else url


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
        """Remember what is secret in a value: of a URL a part of it, else all and every part."""
        _remember_parts(value)
        if not guesses.is_url(value):
            remember(value)
            remember(value.strip("{}'\""))
            for line in value.split("\n")[: _LINES if "\n" in value else 0]:
                if len(line) >= _WHOLE_LINE and not line.startswith("-----"):
                    remember(line.strip())

    @property
    def written(self) -> str:
        """The text as written, for comparing; never for showing."""
        return self._template

    @property
    def told_apart(self) -> str:
        """What tells it apart without what is secret in it: the same in every process, whatever
        `redact` knows there; for identities."""
        text = self._template
        if guesses.password_of(text):
            text = _without_password(text)
        elif not (self.is_reference or guesses.is_url(text)):
            return MASK
        text = _REFERENCE.sub(lambda m: f"${{{m['name']}}}", text)
        return guesses.without(text, guesses.IN_VALUES)

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
        return redact(_without_password(self._template)) if guesses.is_url(self._template) else MASK

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
