"""What YAML calls secret by name, unquoted: a line `password: x`, or a `{password: x}`.

Elsewhere `password: ` may as well be of a sentence. What only stands for a value is left.
"""

from __future__ import annotations

from hygge.core.guesses.named import tells_no_secret
from hygge.core.guesses.shapes import MASK, Shape
from hygge.core.guesses.words import IS_KEY, NEEDED, QUOTED, SENTENCE

_NAME = rf"{IS_KEY}(?P<name>[\w.-]{{1,100}})[ \t]{{0,20}}:"
_REFERENCE = r"(?:\"\$\{\w{1,100}\}\"|'\$\{\w{1,100}\}')"
_STARS = MASK.replace("*", r"\*")
_NO_VALUE = rf"(?!{SENTENCE}|\$\{{|{_REFERENCE}|\.\.\.|{_STARS})"
_NUMBER = r"(?:\d{1,9}[ \t]{0,9}[|:][ \t]{0,200})?"
_BEGIN = rf"^(?P<in>[ \t]{{0,200}}){_NUMBER}(?:-[ \t]{{1,20}})*"
_MEMBERS = (
    r"\{(?:\$\{[^{}\r\n]{0,99}\}|\"(?:[^\"\\]|\\[\s\S]){0,4096}+\"?"
    r"|'(?:[^']|''){0,4096}+'?|[^{}\r\n]){1,4096}+"
)
_MAPPING = rf"(?=(?P<in>{_MEMBERS}\{{?)){_MEMBERS}"

SHAPES = (
    # The value may be folded (`|`, `>`) or a list below; the line may have its number before it.
    Shape(
        "a line of YAML",
        "shop:\n  password: hunter2\n  host: db",
        ((":",), NEEDED),
        rf"{_BEGIN}{_NAME}(?P<gap>[ \t]{{1,40}}+(?={_NO_VALUE}\S))?"
        r"(?P<pw>(?(gap)(?:[|>][-+\d]{0,3}[ \t]*(?:\r?\n(?P=in)[ \t]+[^\r\n]*)+"
        rf"|\[|{QUOTED}|[^\r\n]+)"
        rf"|(?:[ \t]{{0,40}}\r?\n[ \t]{{0,200}}{_NUMBER}-[ \t][^\r\n]*)+))",
        unless=tells_no_secret,
        brackets=True,
    ),
    Shape(
        "a value in the line below its name",
        "password:\n  hunter2\nhost: db",
        ((":",), NEEDED),
        rf"{_BEGIN}{_NAME}[ \t]{{0,40}}\r?\n(?P=in)[ \t]{{1,40}}+(?!-\s)"
        rf"(?P<pw>{QUOTED}|{_NO_VALUE}[^\s:{{\[]+(?=[ \t]{{0,40}}$))",
        unless=tells_no_secret,
    ),
    Shape(
        "what is told below `credentials:`",
        "credentials:\n  key: hunter2\nhost: db",
        (("credentials:", "secrets:"),),
        r"^(?P<in>[ \t]{0,200})(?:[\w.-]{0,60}[_.-])?(?:credentials|secrets):[ \t]{0,40}"
        r"(?P<pw>(?:\r?\n(?P=in)[ \t]+[\w.-]{1,100}:[ \t][^\r\n]+)+)",
    ),
    Shape(
        "a member of a mapping of YAML",
        "db: {user: shop, password: hunter2}",
        (("{",), (":",), NEEDED),
        rf"[{{,]\s{{0,40}}{_NAME}[ \t]{{1,40}}+{_NO_VALUE}(?P<pw>[\[{{]|{QUOTED}|[^,\r\n]+)",
        inside=_MAPPING,
        unless=tells_no_secret,
        brackets=True,
    ),
)
