"""What a text calls secret by name, in a form that prose does not have: `password=x`,
`"password": "x"`."""

from __future__ import annotations

import re

from hygge.core.guesses.names import is_about_a_secret, names_many
from hygge.core.guesses.shapes import Shape
from hygge.core.guesses.words import BARE, IS_KEY, IS_NAME, LONG, NAME, NEEDED, QUOTED, SENTENCE

# A quoted statement may stand before a colon as well, and is no name.
_STATEMENT = (
    r"(?:alter|attach|begin|call|copy|create|declare|delete|drop|exec|execute|grant|insert|merge"
    r"|pragma|replace|select|set|truncate|update|use|values|with)\s"
)
# `'flows.passwords.rename': ...` of hygge's tells of a setting, whatever its flow is called, and
# `'cast.password': ...` of a column.
_SETTING = (
    rf"(?:flows\.[\w.-]{{0,90}}\.(?![\w-]{{0,60}}{LONG})"
    r"|(?:flows\.[\w.-]{0,90}\.)?cast\.)[\w-]{1,60}['\"]"
)
_BRACED = r"\{(?:[^}]|\}\}){0,4096}+\}"
# What a column may be said to be, by hygge, Polars, Arrow or a database; and how many there are.
_TYPE = (
    r"(?:u?int(?:\d{1,3}|eger)?|bigint|smallint|tinyint|number|numeric|decimal|float\d*|double"
    r"(?: precision)?|real|bool(?:ean)?|n?(?:var)?char2?|character(?: varying)?|n?text|str(?:ing)?"
    r"|utf8|large_string|string_view|categorical|enum|binary|large_binary|varbinary|bytea|blob"
    r"|n?clob|date\d*|time\d*|datetime\w*|timestamp\w*|duration|interval|uuid|uniqueidentifier"
    r"|jsonb?|list|struct|object)(?:\([^()\r\n]{0,80}\)|<[^<>\r\n]{0,80}>|\[[\w,=/ ]{0,40}\])?"
)
_NO_SECRET = (
    rf"{_TYPE}(?:,? (?:not )?null(?:able)?)?(?: (?:to|and|->|becomes|is) {_TYPE})?[\])}},;.\s]*"
    r"|\d[\d,_.]{0,30} (?:rows?|columns?|values?|files?|bytes|entit(?:y|ies)|of)\b.*"
)
_COUNT = r"\d{1,12}[\])},;.\s]*"


def is_only_about_it(match: re.Match[str], value: str) -> bool:
    """Whether a name tells of what has to do with a secret, or a count of many is told."""
    name = match["name"].rstrip("'\"\\")
    return is_about_a_secret(name) or bool(re.fullmatch(_COUNT, value) and names_many(name))


def tells_no_secret(match: re.Match[str], value: str) -> bool:
    """The same, or a type or a number of rows follows a colon."""
    if is_only_about_it(match, value):
        return True
    return re.fullmatch(_NO_SECRET, value, re.IGNORECASE) is not None


SHAPES = (
    # JSON that is a text in JSON, however deep. What ends the value has as many backslashes as what
    # begins it.
    Shape(
        "a member of JSON in a text of JSON",
        r'"{\"password\": \"hunter2\"}"',
        (("\\",), NEEDED),
        rf"(?<!\\)(?P<q>\\{{1,15}}['\"]){IS_NAME}(?P<name>[\w .-]{{1,100}})(?P=q)"
        r"\s{0,40}:\s{0,40}+(?P<pw>[\[{]"
        r"|(?P=q)(?:[\s\S]{0,4096}?(?<!\\)(?P=q)|[^\r\n]*)|[^&,;\s'\"\\}\]]+)",
        unless=tells_no_secret,
        brackets=True,
    ),
    # `;Password=a b;`: where settings are parted by semicolons, blanks are of the value.
    Shape(
        "a setting among others with semicolons",
        "Server=db;Password=hunter2 hunter2;Encrypt=yes",
        ((";",), NEEDED),
        rf";\s{{0,9}}{IS_KEY}(?P<name>[\w.-]{{1,100}}+)\s{{0,9}}=\s{{0,9}}"
        r"(?P<pw>[^;\s'\"{]+(?:[ \t]+[^;\s='\"]+)+)(?=;)",
        unless=is_only_about_it,
    ),
    # Also `PWD={x;y}`, which is ODBC's quoting.
    Shape(
        "a setting",
        "host=db password=hunter2 user=shop",
        (("=",), NEEDED),
        rf"(?P<name>{NAME})\s{{0,40}}=\s{{0,40}}(?P<pw>{_BRACED}|{QUOTED}|{BARE})",
        unless=is_only_about_it,
    ),
    Shape(
        "a setting in an address, percent-encoded",
        "mssql+pyodbc:///?odbc_connect=Server%3Ddb%3BPWD%3Dhunter2%3BEncrypt%3Dyes",
        (("%3d",), NEEDED),
        rf"(?P<name>{NAME})(?:%20|\+){{0,9}}%3D"
        r"(?P<pw>%7B(?:(?!%7D)[^&;\s'\"])*+(?:%7D)?|(?:(?!%3B|%26)[^&;\s'\"])++)",
        unless=is_only_about_it,
    ),
    Shape(
        "an option of a command",
        "tool --password hunter2 --host db",
        (("--",), NEEDED),
        rf"(?<![\w-])--(?=[\w-]{{0,60}}{LONG})(?P<name>[\w-]{{1,100}}+)[ \t]{{1,9}}"
        rf"(?P<pw>{QUOTED}|(?!-|(?-i:[A-Z]+\b)|{SENTENCE})[^\s<\[,;.)]\S*)",
        unless=is_only_about_it,
    ),
    Shape(
        "a member of JSON or of a Python dict",
        '{"credentials": {"user": "shop", "key": "hunter2"}}',
        (("'", '"'), NEEDED),
        rf"(?P<q>['\"])(?!{_STATEMENT}|{_SETTING}){IS_NAME}(?P<name>[\w .-]{{1,100}})(?P=q)"
        rf"\s{{0,40}}:\s{{0,40}}+(?!{SENTENCE})(?P<pw>[\[{{]|{QUOTED}|[^&;\s'\"]+)",
        unless=tells_no_secret,
        brackets=True,
    ),
)
