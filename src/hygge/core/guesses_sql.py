"""What SQL's grammar says is secret: `PASSWORD 'x'`, `IDENTIFIED BY x`, `pgp_sym_decrypt(c, 'x')`.

Databases show a statement that failed, or an excerpt of it. What stands in the place of a secret is
found without knowing the statement. A literal elsewhere is not: nothing tells it from others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from hygge.core.guesses import MASK, is_masked

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


_NAMES = (
    r"(?:[pP](?:assword|asswd|assphrase|wd|rivate_?key)|[sS](?:ecret|ecurity_?token)"
    r"|[tT]oken|[aA](?:pi_?key|ccess_?key|ccount_?key)|[kK]ey_id|[eE]ncryption_?key"
    r"|[cC](?:redentials|onnection_string))"
)
# Parsers complain of tokens, and secrets have names in DuckDB: `unexpected token 'x'`.
_NOT_SO = r"(?<!unexpected )(?<!invalid )(?<!near )(?<!at )(?<!bad )(?<!create )(?<!drop )"
_ABOUT_IT = "".join(
    rf"(?<!_{word})"
    for word in ("encryption", "directory", "storage", "type", "lifetime", "policy", "provider",
                 "file", "path", "name", "url", "time", "column", "table")
)  # fmt: skip
"""Settings and columns that only have to do with a secret: `SET password_encryption = 'md5'`."""
_SAID = re.compile(
    rf"(?P<head>{_NOT_SO}{_NAMES}\w{{0,60}}+{_ABOUT_IT}(?:\s{{1,40}}(?:to\s{{1,40}})?"
    r"|(?<=password)\s{0,40}\(\s{0,40}|['\"`\]]?\s{0,40}(?::=|=>?)\s{0,40}(?:(?:old_)?password\s{0,9}\(\s{0,9})?"
    r"|\s{1,40}for\s{1,40}[^\s=]{1,200}\s{0,40}=\s{0,40}(?:(?:old_)?password\s{0,9}\(\s{0,9})?))"
    rf"(?P<pw>{_literal('t1')})",
    re.IGNORECASE,
)
# Oracle's passwords need no quotes; prose has `identified by` as well, but not in capitals.
_IDENTIFIED = re.compile(
    r"(?P<head>(?:\b[uU]ser|\b[rR]ole|\b[tT]o)\s{1,9}[^\s;]{1,200}\s{1,9}identified\s{1,9}"
    r"(?:with\s{1,9}\S{1,100}\s{1,9})?(?:by|as|using)\s{1,9}(?:(?:values|password)\s{1,9})?"
    r"|(?-i:IDENTIFIED)\s{1,9}(?:with\s{1,9}\S{1,100}\s{1,9})?(?:by|as|using)\s{1,9}"
    r"(?:(?:values|password)\s{1,9})?)"
    rf"(?P<pw>{_literal('t1')}|[^\s;,)'\"]+)"
    rf"(?:\s{{1,9}}replace\s{{1,9}}(?P<old>{_literal('t2')}|[^\s;,)'\"]+))?",
    re.IGNORECASE,
)
_SET_CONFIG = re.compile(
    rf"(?P<head>[sS]et_config\(\s{{0,9}}'[^'\r\n]{{0,60}}?{_NAMES}[^'\r\n]{{0,60}}'\s{{0,9}},"
    rf"\s{{0,9}})(?P<pw>{_literal('t1')})",
    re.IGNORECASE,
)
_CALL = re.compile(
    r"(?:[cC]rypt\w{0,30}+|[hH]mac)\s{0,9}\((?:[^'\"();]|'(?:[^'\\]|\\[\s\S]|'')*+'|\([^'\"();]{0,200}\))*+"
    r"(?:'[^\r\n]*)?",
    re.IGNORECASE,
)
_IN_CALL = re.compile(r"(?P<head>)(?P<pw>'(?:(?:[^'\\]|\\[\s\S]|'')*+'|[^\r\n]*))")
_BARE = re.compile(r"(?:[en]|u&|_\w{1,20}\s?)?(?P<q>['\"])(?P<text>[\s\S]*)(?P=q)", re.IGNORECASE)
_DOLLARS = re.compile(r"\$(?P<tag>\w{0,40})\$(?P<text>[\s\S]*)\$(?P=tag)\$")
_QUERY = re.compile(
    r"(?:[\s(]|--[^\n]*+|/\*[\s\S]*?\*/)*+(?:select|with|values|table|from)\b", re.IGNORECASE
)
_TEXT = re.compile(r"'(?P<text>(?:[^']|'')*+)'")
_LONG_ENOUGH = 8
"""Characters of a literal in a call for it to be a key rather than the name of a method."""


def in_sql(text: str) -> str:
    """The text without what stands where SQL has a secret."""
    for pattern in (_SAID, _IDENTIFIED, _SET_CONFIG):
        text = pattern.sub(_masked, text)
    return _CALL.sub(lambda call: _IN_CALL.sub(_masked, call[0]), text)


def _masked(found: re.Match[str]) -> str:
    return found[0] if is_masked(found["pw"]) else f"{found['head']}{MASK}"


def secrets_of(statement: str) -> Iterator[str]:
    """The values of a statement that are secret by its grammar, as they are and as they are quoted.

    In a query `token = 'x'` is a condition and `token "x"` names a column: neither is given.
    """
    is_query = _QUERY.match(statement) is not None
    for pattern in (_SAID, _IDENTIFIED, _SET_CONFIG):
        for found in pattern.finditer(statement):
            quoted_name = found["pw"].startswith('"')
            if not (pattern is _SAID and is_query and (quoted_name or "=" in found["head"])):
                for literal in filter(None, (found["pw"], found.groupdict().get("old"))):
                    yield from _values(literal)
    for call in _CALL.finditer(statement):
        for found in _IN_CALL.finditer(call[0]):
            yield from (v for v in _values(found["pw"]) if len(v) >= _LONG_ENOUGH)


def texts_of(statement: str) -> Iterator[str]:
    """The texts in a statement, which may be addresses or lists of settings themselves."""
    yield from (found["text"] for found in _TEXT.finditer(statement))


def _values(literal: str) -> Iterator[str]:
    found = _DOLLARS.fullmatch(literal) or _BARE.fullmatch(literal)
    if found is None:
        yield literal
        return
    text = found["text"]
    yield text
    if text[:1] + text[-1:] == "''":  # its quotes were doubled
        yield text[1:-1]
    if "q" in found.groupdict():
        yield text.replace(found["q"] * 2, found["q"])
