"""What looks like a secret in a text never seen before: guessed by the names of things.

Every pattern begins at a word or a mark and repeats within bounds or takes what it has scanned, so
that time grows with a text's length only. What is guessed wrongly is blotted: rather a word too
many. But a column's type and a count of rows are no secrets, whatever the column is called.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MASK = "***"
_MASKED = re.compile(rf"{re.escape(MASK)}\W*")
_SCHEME = r"(?<![a-zA-Z0-9+.-])[a-zA-Z][a-zA-Z0-9+.-]{0,40}://"
# A password in a URL may hold any character but blanks, even `@` and `/` that should be quoted.
# A mere reference is none.
_URL_PASSWORD = re.compile(
    rf"(?P<head>{_SCHEME}[^/\s:@]*:)(?!\$\{{\w+\}}@[^@\s]*(?:\s|$))(?P<pw>\S{{1,4096}})(?=@)"
)
_URL = re.compile(rf"\s*{_SCHEME}")
_WHOLE_URL = re.compile(rf"\s*{_SCHEME}[^/:@]*:(?P<pw>.+)@", re.DOTALL)
# Names hold the long words anywhere (`client_secret`, `sslpassword`); the short are whole names.
# Spelt so that the engine looks for their first letters only.
_LONG = (
    r"(?:[pP](?:assword|asswd|assphrase|wd|rivate_?key)|[sS](?:ecret|ignature)|[tT]oken"
    r"|[aA](?:pi_?key|ccess_?key|ccount_?key)|[cC]redential)"
)
_SHORT = r"(?:sas|sig|pw|pass)"
_NAME = rf"(?=[\w .-]{{0,60}}{_LONG}|{_SHORT}(?![\w.-]))"
_WORD = rf"(?:{_LONG}[\w.-]{{0,60}}+|(?<![\w.-])(?=[pPsS]){_SHORT}(?![\w.-]))"
_BRACED = r"\{(?:[^}]|\}\}){0,4096}+\}"
# Quoted as in JSON and Python (a backslash before a quote) or as in SQL (the quote twice), after
# what tells its type: b'x', Secret('x'), SecretStr(value='x'). Of what no quote closes the rest of
# the line is taken.
_CLOSED = r"(?:'\*{3}'|\"\*{3}\"|\"(?:[^\"\\]|\\[\s\S]|\"\")*+\"|'(?:[^'\\]|\\[\s\S]|'')*+')"
_QUOTED = (
    r"(?:(?:[a-z_][\w.]{0,60}\((?:\w{1,40}=)?){0,2}(?:(?:[bruenx]{1,2}|u&)(?=['\"]))?"
    rf"(?:{_CLOSED}|['\"][^\r\n]*))"
)
_LIST = rf"(?:\[(?:[^\]\[\"']|{_CLOSED}|['\"])*+\]|\[[^\r\n]*)"
# What follows `the home of 'passwords':` may as well be a sentence: it is one where it begins with
# a word that nobody has for a password.
_SENTENCE = r"(?:an?|the|this|that|there|it|its|no|not|in|of|for|to|with|is|has|what)\s"
# A quoted statement may stand before a colon as well, and is no name.
_STATEMENT = (
    r"(?:alter|attach|begin|call|copy|create|declare|delete|drop|exec|execute|grant|insert|merge"
    r"|pragma|replace|select|set|truncate|update|use|values|with)\s"
)
# `'flows.passwords.rename': ...` of hygge's tells of a setting, whatever its flow is called, and
# `'cast.password': ...` of a column.
_SETTING = (
    rf"(?:flows\.[\w.-]{{0,90}}\.(?![\w-]{{0,60}}{_LONG})"
    r"|(?:flows\.[\w.-]{0,90}\.)?cast\.)[\w-]{1,60}['\"]"
)
# `password=x`, also `PWD={x;y}` (ODBC's quoting), and `"password": "x"` of JSON and of Python.
_ASSIGNED = re.compile(
    rf"(?P<head>{_WORD}\s{{0,40}}=\s{{0,40}})(?P<pw>{_BRACED}|{_QUOTED}|[^&;\s'\"]+)",
    re.IGNORECASE,
)
_MEMBER_OF_JSON = re.compile(
    rf"(?P<head>(?P<q>['\"])(?!{_STATEMENT}|{_SETTING}){_NAME}[\w .-]{{1,100}}(?P=q)"
    rf"\s{{0,40}}:\s{{0,40}}+(?!{_SENTENCE}))(?P<pw>{_BRACED}|{_LIST}|{_QUOTED}|[^&;\s'\"]+)",
    re.IGNORECASE,
)
# The same in JSON that is a text in JSON, however deep: `\"password\": \"x\"`. What ends the value
# has as many backslashes as what begins it.
_ESCAPED = re.compile(
    rf"(?P<head>(?<!\\)(?P<q>\\{{1,15}}['\"]){_NAME}[\w .-]{{1,100}}(?P=q)\s{{0,40}}:\s{{0,40}}+)"
    r"(?P<pw>(?P=q)(?:[\s\S]{0,4096}?(?<!\\)(?P=q)|[^\r\n]*)|\[[^\]\[]*+\]|\[[^\r\n]*|[^&,;\s'\"\\}\]]+)",
    re.IGNORECASE,
)
# Unquoted, as YAML has it: a line `password: x`, with its number before it maybe, a list below
# `passwords:`, or in a `{...}`. Elsewhere `password: ` may as well be of a sentence. What only
# stands for a value is left.
_KEY = rf"(?=[\w.-]{{0,60}}{_LONG}|{_SHORT}(?![\w.-]))[\w.-]{{1,100}}[ \t]{{0,20}}:"
_REFERENCE = r"\"\$\{\w{1,100}\}\""
_NO_VALUE = rf"(?!{_SENTENCE}|\$\{{|{_REFERENCE}|\.\.\.|{re.escape(MASK)})"
_NUMBERED = r"(?:\d{1,9}[ \t]{0,9}[|:][ \t]{0,200})?"
_LINE = re.compile(
    rf"(?P<head>^(?P<in>[ \t]{{0,200}}){_NUMBERED}(?:-[ \t]{{1,20}})*{_KEY})"
    rf"(?P<gap>[ \t]{{1,40}}+(?={_NO_VALUE}\S))?"
    r"(?P<pw>(?(gap)(?:[|>][-+\d]{0,3}[ \t]*(?:\r?\n(?P=in)[ \t]+[^\r\n]*)+"
    rf"|{_LIST}|{_QUOTED}|[^\r\n]+)"
    rf"|(?:[ \t]{{0,40}}\r?\n[ \t]{{0,200}}{_NUMBERED}-[ \t][^\r\n]*)+))",
    re.IGNORECASE | re.MULTILINE,
)
_MAPPING = re.compile(
    r"\{(?:\$\{[^{}\r\n]{0,99}\}|\"(?:[^\"\\]|\\[\s\S]){0,4096}+\"?"
    r"|'(?:[^']|''){0,4096}+'?|[^{}\r\n]){1,4096}+"
)
_MEMBER = re.compile(
    rf"(?P<head>[{{,]\s{{0,40}}{_KEY}[ \t]{{1,40}}+){_NO_VALUE}"
    rf"(?P<pw>{_LIST}|{_QUOTED}|[^,\r\n]+)",
    re.IGNORECASE,
)
# What a column may be said to be, by hygge, Polars, Arrow or a database; and how many there are.
_TYPE = (
    r"(?:u?int(?:\d{1,3}|eger)?|bigint|smallint|tinyint|number|numeric|decimal|float\d*|double"
    r"(?: precision)?|real|bool(?:ean)?|n?(?:var)?char2?|character(?: varying)?|n?text|str(?:ing)?"
    r"|utf8|large_string|string_view|categorical|enum|binary|large_binary|varbinary|bytea|blob"
    r"|n?clob|date\d*|time\d*|datetime\w*|timestamp\w*|duration|interval|uuid|uniqueidentifier"
    r"|jsonb?|list|struct|object)(?:\([^()\r\n]{0,80}\)|<[^<>\r\n]{0,80}>|\[[\w,=/ ]{0,40}\])?"
)
_NO_SECRET = re.compile(
    rf"{_TYPE}(?:,? (?:not )?null(?:able)?)?(?: (?:to|and|->|becomes|is) {_TYPE})?[\])}},;.\s]*"
    r"|\d[\d,_.]{0,30} (?:rows?|columns?|values?|files?|bytes|entit(?:y|ies)|of)\b.*",
    re.IGNORECASE,
)
_COUNT = re.compile(r"\d{1,12}[\])},;.\s]*")
_MANY = re.compile(rf"{_LONG}s$", re.IGNORECASE)


def passwords_in_urls(text: str) -> str:
    """The text without the password of any URL in it."""
    return _URL_PASSWORD.sub(_masked, text)


def named(text: str) -> str:
    """The text without what it calls by name, in a form that prose does not have: `password=x`,
    `"password": "x"`."""
    text = _ESCAPED.sub(_masked, text)
    text = _ASSIGNED.sub(_masked, text)
    return _MEMBER_OF_JSON.sub(_masked, text)


def in_yaml(text: str) -> str:
    """The text without what YAML in it calls by name: a line `password: x`, or a `{password: x}`.

    hygge's own words look the same, where they tell of a column or an entity of such a name."""
    text = _LINE.sub(_masked, text)
    return _MAPPING.sub(lambda m: _MEMBER.sub(_masked, m[0]), text)


def yaml_values(text: str) -> Iterator[str]:
    """The values that YAML in a text calls secret by name, as they are written."""
    yield from (found["pw"] for found in _LINE.finditer(text))
    for mapping in _MAPPING.finditer(text):
        yield from (found["pw"] for found in _MEMBER.finditer(mapping[0]))


def is_masked(value: str) -> bool:
    """Whether a value has been blotted out already, but for marks that follow it."""
    return _MASKED.fullmatch(value) is not None


def _masked(found: re.Match[str]) -> str:
    head, value = found["head"], found["pw"]
    if is_masked(value):
        return found[0]
    name = head.rstrip(" \t\r\n:'\"\\")
    if name != head.rstrip() and (  # a colon, or a quote and one
        _NO_SECRET.fullmatch(value) or (_COUNT.fullmatch(value) and _MANY.search(name))
    ):
        return found[0]
    gap = found.groupdict().get("gap")
    return f"{head}{gap or ('' if gap is None and not value[:1].isspace() else ' ')}{MASK}"


def named_in(text: str) -> Iterator[str]:
    """The values that a text calls secret by name, in a form that prose does not have."""
    for pattern in (_ASSIGNED, _MEMBER_OF_JSON):
        yield from (found["pw"] for found in pattern.finditer(text))


def is_url(text: str) -> bool:
    """Whether a text begins as a URL does."""
    return _URL.match(text) is not None


def password_of(url: str) -> tuple[int, int] | None:
    """Where in a text that is a URL its password stands; None where there is none."""
    found = _WHOLE_URL.match(url)
    return found.span("pw") if found else None


# Names -------------------------------------------------------------------------------------------

_SECRET_NAME = re.compile(
    r"passw(?:or)?d|passphrase|pwd|secret|token|signature|credential|authorization|cookie"
    r"|connection_string|(?:^|_)(?:sas|sig|pw|pass)(?:_|$)|key(?:_(?:id|base64|json))?$"
)
"""In names as pyiceberg (`s3.access-key-id`) and object stores (`azure_storage_sas_key`) have them,
with underscores for whatever parts their words."""
_ABOUT_IT = re.compile(
    r"_(?:tables?|schema|columns?|names?|files?|paths?|dir|folder|ur[il]|endpoint|host|port|users?"
    r"|dates?|times?|types?|counts?|ttl|length|expir\w*|version)$"
    r"|(?:^|_)(?:primary|foreign|sort|partition|cluster(?:ing)?|unique|natural|business|surrogate"
    r"|merge|join|row)_?key$"
)
"""Names of what only has to do with a secret, such as its file; and of keys of rows."""


def names_a_secret(name: str) -> bool:
    """Whether what goes by a name is secret by the name alone: `s3.secret-access-key`."""
    return _SECRET_NAME.search(_words(name)) is not None


def variable_is_secret(name: str, value: str) -> bool:
    """Whether an environment variable holds a secret, by its name. `TOKEN_URL`, `SORT_KEY` and
    `MAX_TOKENS=100` do not, nor does a switch."""
    words = _words(name)
    counted = _MANY.search(words) and value.isdigit()
    is_switch = value.lower() in ("true", "false", "yes", "no", "on", "off", "none", "null")
    return bool(
        _SECRET_NAME.search(words) and not (_ABOUT_IT.search(words) or counted or is_switch)
    )


def _words(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower())
