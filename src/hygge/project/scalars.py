"""What an unquoted text in YAML means.

By the core schema of YAML 1.2 (https://yaml.org/spec/1.2.2/#103-core-schema), so that `no`, `on`,
`12:30:45` and `2024-01-31` stay texts; a number with leading zeros stays one too, since `010` is
more often a code than ten.
"""

from __future__ import annotations

import math
import re

from hygge.project.nodes import Scalar

_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,999})$|0x[0-9a-fA-F]{1,999}$|0o[0-7]{1,999}$")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|(?:0|[1-9][0-9]*)(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?$")
_CONSTANTS: dict[str, Scalar] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), math.inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -math.inf),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), math.nan),
}


def scalar(text: str) -> Scalar:
    """What an unquoted text means."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INT.match(text):
        base = {"0x": 16, "0o": 8}.get(text[:2], 10)
        return int(text[2:] if base != 10 else text, base)
    if _FLOAT.match(text) and not text.lstrip("+-").isdigit():
        number = float(text)
        return text if math.isinf(number) else number
    return text
