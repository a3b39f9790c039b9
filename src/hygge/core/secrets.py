"""Secrets are carried as references and revealed only where a session opens.

`Secret` holds the text as written (`${DB_PASSWORD}` stays `${DB_PASSWORD}`), so a plan can be
printed, stored and pickled. `reveal()` resolves it and remembers the value, and `redact()` blots
every value so remembered out of any text that leaves the process.
"""

from __future__ import annotations

import json
import os
import re
import threading
from typing import Any
from urllib.parse import unquote

from pydantic import GetCoreSchemaHandler
from pydantic_core import core_schema

from hygge.core.errors import ConfigError

MASK = "***"
_REFERENCE = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")
# Every pattern starts at a word's beginning and repeats within bounds: texts may be long.
_SCHEME = r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{0,40}://"
# A password in a URL may hold any character but blanks, even `@` and `/` that should be quoted.
_URL_PASSWORD = re.compile(rf"(?P<head>{_SCHEME}[^/\s:@]*:)(?P<pw>\S{{1,4096}})(?=@)")
_URL = re.compile(rf"\s*{_SCHEME}")
_WHOLE_URL = re.compile(rf"\s*{_SCHEME}[^/:@]*:(?P<pw>.+)@", re.DOTALL)
# `password=x`, also `PWD={x;y}` (ODBC's quoting), and `"password": "x"` of JSON and of Python. Of
# what no quote closes the rest of the line is taken. What follows `the home of 'passwords':` may as
# well be a sentence: it is one where it begins with a word that nobody has for a password.
_WORDS = (
    r"(?:password|passwd|passphrase|pwd|secret|token|api_?key|access_?key|account_?key|"
    r"private_?key|signature|credential)|(?:sas|sig|pw|pass)(?![\w.-])"
)
_NAME = rf"(?=[\w .-]{{0,60}}{_WORDS})"
_BRACED = r"\{(?:[^}]|\}\}){0,4096}+\}"
# Quoted as in JSON and Python (a backslash before a quote) or as in SQL (the quote twice), after
# what tells its type: b'x', Secret('x'), SecretStr(value='x').
_QUOTED = (
    r"(?:[a-z_][\w.]{0,60}\((?:\w{1,40}=)?){0,2}(?:[bru]{1,2}(?=['\"]))?"
    r"(?:\"(?:[^\"\\]|\\[\s\S]|\"\")*+\"|'(?:[^'\\]|\\[\s\S]|'')*+'|['\"][^\r\n]*)"
)
_SENTENCE = r"(?:an?|the|this|that|there|it|its|no|not|in|of|for|to|with|is|has|what)\s"
_NAMED = re.compile(
    rf"(?P<head>(?<![\w.-]){_NAME}[\w.-]{{1,100}}\s{{0,40}}=\s{{0,40}}"
    rf"|(?P<q>['\"]){_NAME}[\w .-]{{1,100}}(?P=q)\s{{0,40}}:\s{{0,40}}+(?!{_SENTENCE}))"
    rf"(?P<pw>{_BRACED}|{_QUOTED}|[^&;\s'\"]+)",
    re.IGNORECASE,
)
# The same in JSON that is a text in JSON, however deep: `\"password\": \"x\"`. What ends the value
# has as many backslashes as what begins it.
_ESCAPED = re.compile(
    rf"(?P<head>(?<!\\)(?P<q>\\{{1,15}}['\"]){_NAME}[\w .-]{{1,100}}(?P=q)\s{{0,40}}:\s{{0,40}}+)"
    r"(?P<pw>(?P=q)(?:[\s\S]{0,4096}?(?<!\\)(?P=q)|[^\r\n]*)|[^&,;\s'\"\\}\]]+)",
    re.IGNORECASE,
)
# Unquoted, as YAML has it: a line `password: x`, with its number before it maybe, or in a `{...}`.
# Elsewhere `password: ` may as well be of a sentence. What only stands for a value is left.
_KEY = rf"(?=[\w.-]{{0,60}}{_WORDS})[\w.-]{{1,100}}[ \t]{{0,20}}:[ \t]{{1,40}}+"
_NO_VALUE = rf"(?!{_SENTENCE}|\$\{{|\.\.\.|{re.escape(MASK)})"
_LINE = re.compile(
    r"(?P<head>^(?P<in>[ \t]{0,200})(?:\d{1,9}[ \t]{0,9}[|:][ \t]{0,200})?(?:-[ \t]{1,20})*"
    rf"{_KEY}){_NO_VALUE}"
    r"(?P<pw>[|>][-+\d]{0,3}[ \t]*(?:\r?\n(?P=in)[ \t]+[^\r\n]*)+"
    rf"|{_QUOTED}|[^\r\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_MAPPING = re.compile(
    r"\{(?:\$\{[^{}\r\n]{0,99}\}|\"(?:[^\"\\]|\\[\s\S]){0,4096}+\""
    r"|'(?:[^']|''){0,4096}+'|[^{}\r\n]){1,4096}+"
)
_MEMBER = re.compile(
    rf"(?P<head>[{{,]\s{{0,40}}{_KEY}){_NO_VALUE}(?P<pw>{_QUOTED}|[^,\r\n]+)", re.IGNORECASE
)
_SHORTEST = 3
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
    """Have `redact` blot this value out of every later text, however it is quoted or escaped.

    Values shorter than 3 characters are not remembered: blotting them would blot everything.
    """
    global _pattern
    with _lock:
        for form in {value, unquote(value)}:
            if len(form) >= _SHORTEST and form not in _known:
                _known[form] = "".join(_any_form(c) for c in form)
                _pattern = None


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
    """The text without any secret: known values, passwords in URLs, `password=` and its like."""
    global _pattern
    with _lock:
        if _pattern is None and _known:
            longest = sorted(_known, key=len, reverse=True)
            _pattern = re.compile("|".join(_known[k] for k in longest))
        pattern = _pattern
    if pattern is not None:
        text = pattern.sub(MASK, text)
    text = _URL_PASSWORD.sub(lambda m: m["head"] + MASK, text)
    text = _ESCAPED.sub(_masked, text)
    text = _NAMED.sub(_masked, text)
    text = _LINE.sub(_masked, text)
    return _MAPPING.sub(lambda m: _MEMBER.sub(_masked, m[0]), text)


def _masked(found: re.Match[str]) -> str:
    return f"{found['head']}{MASK}"


def has_secret(text: str) -> bool:
    """Whether something in a text looks like a password by itself."""
    return bool(_WHOLE_URL.match(text) or _NAMED.search(text))


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
        """Remember what is secret in a value: of a URL or a list of settings, a part of it."""
        found = [m["pw"] for m in _NAMED.finditer(value)]
        if url := _WHOLE_URL.match(value):
            found.append(url["pw"])
        if not _URL.match(value):
            found.append(value)
        for each in found:
            remember(each)
            remember(each.strip("{}'\""))

    @property
    def written(self) -> str:
        """The text as written, for comparing; never for showing."""
        return self._template

    @property
    def told_apart(self) -> str:
        """What tells it apart without what is secret in it: the same in every process, whatever
        `redact` knows there; for identities."""
        text = self._template
        if url := _WHOLE_URL.match(text):
            text = text[: url.start("pw")] + MASK + text[url.end("pw") :]
        elif not (self.is_reference or _URL.match(text)):
            return MASK
        text = _REFERENCE.sub(lambda m: f"${{{m['name']}}}", text)
        return _NAMED.sub(lambda m: m["head"] + MASK, text)

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
        if not _URL.match(self._template):
            return MASK
        shown = self._template
        if url := _WHOLE_URL.match(shown):
            shown = shown[: url.start("pw")] + MASK + shown[url.end("pw") :]
        return redact(shown)

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
