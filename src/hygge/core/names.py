"""Names of columns in another case. Values in, values out."""

from __future__ import annotations

import re
from typing import Literal

Case = Literal["keep", "snake", "lower"]
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_OTHERS = re.compile(r"[\W_]+")


def cased(name: str, case: Case) -> str:
    """A name in a case: `CustomerID` in snake is `customer_id`, `Order No.` is `order_no`.

    A name of which nothing would be left stays as it is.
    """
    if case == "keep":
        return name
    if case == "lower":
        return name.lower()
    words = _OTHERS.sub("_", _HUMPS.sub("_", name))
    inner = words.strip("_").lower()
    leading = "_" if name.startswith("_") and inner else ""
    return leading + inner or name
