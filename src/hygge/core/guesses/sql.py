"""What SQL's grammar says is secret: `PASSWORD 'x'`, `IDENTIFIED BY x`, `pgp_sym_decrypt(c, 'x')`.

Databases show a statement that failed, or an excerpt of it. What stands in the place of a secret is
found without knowing the statement. A literal elsewhere is not: nothing tells it from others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hygge.core.guesses.names import is_about_a_secret
from hygge.core.guesses.shapes import MASK, Found, Shape, found_in
from hygge.core.guesses.words import WORDS, any_of, stems

# What stands for a text in the dialects: '...', "...", with E, N, U& and their like before it, and
# PostgreSQL's $tag$...$tag$ (https://www.postgresql.org/docs/current/sql-syntax-lexical.html). A
# backslash before a quote may be an escape or not: then too much is taken. Of what is not closed,
# as in an excerpt, the rest of the line is taken. In a statement that is a text itself, the quotes
# are doubled.
_LITERAL = (
    rf"(?:'{re.escape(MASK)}'"
    r"|(?:[en]|u&)?''(?=[^\s',;)])(?:[^'\r\n]|'{4})*+''"
    r"|(?:[en]|u&|_\w{1,20}\s?)?(?:'(?:[^'\\]|\\[\s\S]|'')*+'|\"(?:[^\"\\]|\\[\s\S]|\"\")*+\""
    r"|['\"][^\r\n]*)"
    r"|\$(?P<{tag}>\w{0,40})\$[\s\S]*?(?:\$(?P={tag})\$|\Z))"
)


def _literal(tag: str) -> str:
    return _LITERAL.replace("{tag}", tag)


# What parts words: blanks and comments.
_COMMENT = r"/\*(?:[^*]|\*(?!/)){0,200}+\*/|--[^\r\n]{0,200}+"
_GAP = rf"(?:\s{{1,40}}+|{_COMMENT}){{1,6}}+"
_MAYBE = rf"(?:\s{{1,40}}+|{_COMMENT}){{0,6}}+"
_STRING = r"'(?:[^'\\]|\\[\s\S]|'')*+'"

_WORDS = (*(w for w in WORDS if w != "signature"), "key_id", "connection_string")
_NAMES = any_of(_WORDS)
# Parsers complain of tokens, and secrets have names in DuckDB: `unexpected token 'x'`.
_NOT_SO = r"(?<!unexpected )(?<!invalid )(?<!near )(?<!at )(?<!bad )(?<!create )(?<!drop )"
_OF_PASSWORD = rf"(?:(?:old_)?password{_MAYBE}\({_MAYBE})?"
_SCOPE = r"(?:(?:session|local|global|persist)\s{1,40})?"
_BY = rf"(?:with{_GAP}\S{{1,100}}{_GAP})?(?:by|as|using){_GAP}(?:(?:values|password){_GAP})?"


def _is_about_it(match: re.Match[str], value: str) -> bool:
    """Of settings and columns that only have to do with a secret: `SET password_encryption`."""
    return is_about_a_secret(match["name"])


_SAID = Shape(
    "a literal behind a secret's name",
    "ALTER USER shop PASSWORD 'hunter2'",
    (stems(_WORDS),),
    rf"{_NOT_SO}(?P<name>{_NAMES}\w{{0,60}}+)(?:{_GAP}(?:to{_GAP})?"
    rf"|(?<=password)\s{{0,40}}\(\s{{0,40}}|['\"`\]]?{_MAYBE}(?::=|=>?){_MAYBE}{_OF_PASSWORD}"
    rf"|{_GAP}for{_GAP}[^\s=]{{1,200}}{_MAYBE}={_MAYBE}{_OF_PASSWORD})(?P<pw>{_literal('t1')})",
    unless=_is_about_it,
)
_IN_CALLS = Shape(
    "the literals of calls that encrypt, and of procedures that take passwords",
    "SELECT pgp_sym_decrypt(card, 'hunter2') FROM orders",
    (("crypt", "hmac", "sp_add", "sp_set", "sp_password"),),
    r"(?P<pw>'(?:(?:[^'\\]|\\[\s\S]|'')*+'|[^\r\n]*))",
    inside=r"(?:[cC]rypt(?!\w{0,30}_(?:dates?|times?|types?|counts?|names?)\b)\w{0,30}+|[hH]mac)"
    rf"\s{{0,9}}\((?:[^'\"();]|{_STRING}|\([^'\"();]{{0,200}}\))*+(?:'[^\r\n]*)?"
    r"|sp_(?:add(?:linkedsrv)?login|(?:add|set)approle|password)\s"
    rf"(?:[^'\";]|{_STRING}){{0,400}}+(?:'[^\r\n]*)?",
)

SHAPES = (
    _SAID,
    Shape(
        "what is put into the text of a statement",
        "EXECUTE format('ALTER USER %I PASSWORD %L', u, 'hunter2')",
        (("format",),),
        r"(?P<pw>'(?:(?:[^'\\]|\\[\s\S]|'')*+'|[^\r\n]*))",
        inside=r"\bformat\s{0,9}\(\s{0,40}e?'(?=[^']{0,400}?"
        rf"(?:{_NAMES}|identified\s{{1,9}}by)[^'%]{{0,60}}%)(?:[^'\\]|\\[\s\S]|'')*+'"
        rf"(?P<in>(?:[^'\"();]|{_STRING}|\([^'\"();]{{0,200}}\))*+(?:'[^\r\n]*)?)",
    ),
    # Oracle's passwords need no quotes; prose has `identified by` as well, but not in capitals.
    Shape(
        "by what a user is identified",
        "CREATE USER shop IDENTIFIED BY hunter2",
        (("identified",),),
        rf"(?:(?:\buser|\brole|\bto)\s{{1,9}}[^\s;]{{1,200}}{_GAP}identified{_GAP}{_BY}"
        rf"|(?-i:IDENTIFIED){_GAP}{_BY})(?P<pw>{_literal('t1')}|(?!%[lsi]\b)[^\s;,)'\"]+)"
        rf"(?:{_GAP}replace{_GAP}(?P<old>{_literal('t2')}|[^\s;,)'\"]+))?",
    ),
    Shape(
        "a setting that a function sets",
        "SELECT set_config('app.jwt_secret', 'hunter2', false)",
        (("set_config",),),
        rf"set_config\(\s{{0,9}}'[^'\r\n]{{0,60}}?(?P<name>{_NAMES}[^'\r\n]{{0,60}})'\s{{0,9}},"
        rf"\s{{0,9}}(?P<pw>{_literal('t1')})",
        unless=_is_about_it,
    ),
    Shape(
        "a setting without quotes",
        "SET app.jwt_secret TO hunter2",
        (("set",), ("to",), stems(_WORDS)),
        rf"(?<![\w.])(?:(?-i:SET)|set(?=\s{{1,40}}{_SCOPE}\w{{1,60}}[._])){_GAP}{_SCOPE}"
        rf"(?=[\w.]{{0,60}}{_NAMES})(?P<name>[\w.]{{1,120}}+){_GAP}to{_GAP}"
        r"(?!(?:default|on|off|true|false|null)\b)(?P<pw>[^\s;,'\"$()]+)",
        unless=_is_about_it,
    ),
    Shape(
        "SQLCipher's key",
        "PRAGMA key = 'hunter2'",
        (("pragma",),),
        rf"\bpragma{_GAP}(?:\w{{1,60}}\.)?(?:hex|text)?(?:re)?key{_MAYBE}[=(]{_MAYBE}"
        rf"(?P<pw>{_literal('t1')}|[^\s;)'\"]+)",
    ),
    Shape(
        "whom SQL Server asks, and by which password",
        "OPENROWSET('MSOLEDBSQL', 'db'; 'shop'; 'hunter2', 'SELECT 1')",
        (("openrowset",),),
        rf"openrowset\s{{0,9}}\({_MAYBE}n?{_STRING}\s{{0,9}},\s{{0,9}}n?{_STRING}\s{{0,9}};"
        rf"\s{{0,9}}n?{_STRING}\s{{0,9}};\s{{0,9}}(?P<pw>{_literal('t1')})",
    ),
    Shape(
        "whom a client connects as",
        "CONNECT shop/hunter2@db",
        (("conn", "sqlplus"), ("@",)),
        r"\b(?:conn(?:ect)?|sqlplus)\s{1,9}[\w$#]{1,60}/(?P<pw>[^\s@/]{1,200})@",
    ),
    _IN_CALLS,
)

_BARE = r"(?:[en]|u&|_\w{1,20}\s?)?(?P<q>['\"])(?P<text>[\s\S]*)(?P=q)"
_DOLLARS = r"\$(?P<tag>\w{0,40})\$(?P<text>[\s\S]*)\$(?P=tag)\$"
_QUERY = r"(?:[\s(]|--[^\n]*+|/\*[\s\S]*?\*/)*+(?:select|with|values|table|from)\b"
_TEXT = r"'(?P<text>(?:[^']|'')*+)'"
_LONG_ENOUGH = 8
"""Characters of a literal in a call for it to be a key rather than the name of a method."""


def secrets_of(statement: str) -> Iterator[str]:
    """The values of a statement that are secret by its grammar, as they are and as they are quoted.

    In a query `token = 'x'` is a condition and `token "x"` names a column: neither is given.
    """
    is_query = re.match(_QUERY, statement, re.IGNORECASE) is not None
    for found in found_in(statement, SHAPES):
        if found.shape is _IN_CALLS:
            yield from (v for v in _values(found.value) if len(v) >= _LONG_ENOUGH)
        elif not (is_query and _is_of_a_query(found)):
            yield from _values(found.value)


def _is_of_a_query(found: Found) -> bool:
    head = found.match.string[found.match.start() : found.start]
    return found.shape is _SAID and (found.value.startswith('"') or "=" in head)


def texts_of(statement: str) -> Iterator[str]:
    """The texts in a statement, which may be addresses or lists of settings themselves."""
    yield from (found["text"] for found in re.finditer(_TEXT, statement))


def _values(literal: str) -> Iterator[str]:
    found = re.fullmatch(_DOLLARS, literal) or re.fullmatch(_BARE, literal, re.IGNORECASE)
    if found is None:
        yield literal
        return
    text = found["text"]
    yield text
    if text[:1] + text[-1:] == "''":  # its quotes were doubled
        yield text[1:-1]
    if "q" in found.groupdict():
        yield text.replace(found["q"] * 2, found["q"])
