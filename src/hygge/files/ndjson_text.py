"""What JSON's text says that Polars' reader does not tell: doubled names, and every digit.

Each line is one record. Python's parser takes the lines that need it; Polars has the others.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence, Set
from typing import Any

import polars as pl

from hygge.core.errors import BadValue, DataError
from hygge.storage.path import AnyPath

LONG = re.compile(rb"[:\s]-?[0-9]{16,}\s*[,}]")
"""A whole number so long that Polars may round it in a column of floats."""


def check_doubles(block: bytes, path: AnyPath, first: int) -> None:
    """Raise DataError for a line that says something twice: Polars would take one of the two."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    try:
        arrow_json.read_json(
            pa.BufferReader(block),
            read_options=arrow_json.ReadOptions(use_threads=False, block_size=len(block) + 1),
        )
        return
    except pa.ArrowInvalid:  # so it is, or something else that may be well
        pass

    def once(members: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(members)
        if len(found) < len(members):
            twice = next(n for n in found if sum(n == name for name, _ in members) > 1)
            raise _Doubled(twice)
        return found

    for number, text in enumerate(block.split(b"\n"), first):
        try:
            json.loads(text or b"null", object_pairs_hook=once)
        except _Doubled as doubled:
            raise DataError(
                f"{path}, line {number}: '{doubled}' is there twice", hint="mend the line"
            ) from None
        except ValueError:
            continue  # no JSON, which parsing tells


class _Doubled(Exception):
    pass


class _Number(str):
    """A number as it is written."""


def numbers_in(names: Sequence[str]) -> re.Pattern[bytes]:
    """What is found where one of these columns may have a number."""
    forms = {form for n in names for form in (json.dumps(n), json.dumps(n, ensure_ascii=False))}
    keys = b"|".join(re.escape(form.encode()) for form in sorted(forms))
    escaped = rb"\\u00[2-7][0-9a-f]"  # a name may be written so
    return re.compile(rb"(?:%b)\s*:\s*[-0-9]|%b" % (keys, escaped), re.IGNORECASE)


def as_written(frame: pl.DataFrame, block: bytes, names: Sequence[str]) -> pl.DataFrame:
    """Texts whose values are numbers in the file, as written there: Polars makes 1.1 of 1.10."""
    records = [
        json.loads(text, parse_int=_Number, parse_float=_Number)
        for text in block.split(b"\n")
        if text.strip()
    ]
    columns = []
    for name in names:
        numbers = [v if isinstance(v := r.get(name), _Number) else None for r in records]
        exact = pl.Series(name, numbers, dtype=pl.String)
        columns.append(exact.zip_with(exact.is_not_null(), frame[name]))
    return frame.with_columns(columns)


def check_floats(block: bytes, path: AnyPath, first: int, names: Sequence[str]) -> None:
    """Raise BadValue for a whole number in a float column that no float64 holds."""
    for number, text in enumerate(block.split(b"\n"), first):
        if not LONG.search(text):
            continue
        record = json.loads(text)
        for name in names:
            value = record.get(name)
            if isinstance(value, int) and int(float(value)) != value:
                raise BadValue(
                    entity=str(path), column=name, row=f"line {number}", value=value,
                    declared="float64",
                )  # fmt: skip


def without(block: bytes, names: Set[str]) -> tuple[bytes, set[str]]:
    """A block without the members of some names, line by line, and the names that it had.

    A line that is no JSON object stays as it is, for others to complain of.
    """
    lines, found = [], set[str]()
    for text in block.split(b"\n"):
        try:
            record = json.loads(text, parse_constant=_refuse)
        except ValueError:
            record = None
        if not isinstance(record, dict):
            lines.append(text)
            continue
        taken = names & record.keys()
        kept = {n: v for n, v in record.items() if n not in taken}
        found |= taken
        lines.append(json.dumps(kept).encode())
    return b"\n".join(lines), found


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")  # Python's parser takes NaN and Infinity
