"""A proposed watermark: which column of a table may tell what is new. Values in, values out."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hygge.core.fields import Field
from hygge.core.home import Table

_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+|[^\W\d_a-zA-Z]+")
_CHANGED = {
    "updated", "update", "modified", "modify", "changed", "change", "edited", "altered", "mtime",
    "lastupdate", "lastmodified", "lastchanged", "updatedat", "modifiedat", "changedat",
    "modifieddate", "updatedate", "updatetime", "modifytime",
}  # fmt: skip
_CREATED = {
    "created", "create", "creation", "inserted", "insert", "added", "logged", "recorded",
    "received", "ctime", "createdat", "insertedat", "createdate", "createtime", "timestamp",
    "ts", "occurred",
}  # fmt: skip
_WHO = {"by", "user", "userid", "username", "name", "count", "flag", "reason"}
"""Words after which a name speaks of something else than the moment: `updated_by`."""
_LAG = {"timestamp": "15m", "date": "1d"}


@dataclass(frozen=True, slots=True)
class Proposal:
    """What may be read incrementally, for a person to judge.

    Parameters
    ----------
    column: the watermark's column.
    mode: how the Store would take the rows.
    lag: as in YAML; "" for none.
    why: in a few words, with the condition under which it holds.
    """

    column: str
    mode: str
    lag: str
    why: str


def propose(table: Table) -> Proposal | None:
    """The best watermark that a table's fields suggest; None where none does.

    In order: a row version; a time of the last change; the number that the source gives new rows;
    a time of creation. Times need a key to merge on, since rows may be committed late.
    """
    fields = list(table.fields or ())
    keyed = any(field.key for field in fields)
    for field in fields:
        if field.origin.lower() == "rowversion" and field.type.is_integer and keyed:
            return Proposal(field.name, "merge", "", "the row's version: any change raises it")
    if keyed and (changed := _time(fields, _CHANGED)):
        return _of_time(changed, "the last change, if every change sets it")
    if counter := _counter(table, fields):
        return Proposal(
            counter, "append", "",
            "if rows are only added, never changed, and committed in the column's order",
        )  # fmt: skip
    if keyed and (created := _time(fields, _CREATED)):
        return _of_time(created, "if rows are only added, and never changed")
    return None


def _of_time(field: Field, why: str) -> Proposal:
    missing = ", and NULL only in rows of the first load" if field.nullable else ""
    return Proposal(field.name, "merge", _LAG[field.type.kind], why + missing)


def _counter(table: Table, fields: list[Field]) -> str:
    if table.counter:
        return table.counter
    keys = [field for field in fields if field.key]
    if len(keys) == 1 and keys[0].type.is_integer and words(keys[0].name)[-1:] == ["id"]:
        return keys[0].name
    return ""


def _time(fields: list[Field], meant: set[str]) -> Field | None:
    """The first time whose name has one of the words; one that is never NULL, and finer, first."""
    found = [f for f in fields if f.type.is_temporal and _means(f.name, meant)]
    return min(found, key=lambda f: (f.nullable, f.type.kind == "date"), default=None)


def _means(name: str, meant: set[str]) -> bool:
    said = words(name)
    return bool(meant & {*said, "".join(said)}) and not _WHO & set(said)


def words(name: str) -> list[str]:
    """The words of a name, in lower case: `LastModifiedDate`, `last_modified_date`."""
    return [word.lower() for word in _WORDS.findall(name)]
