"""How each column is asked of SQLite, so that a value arrives unaltered or not at all.

ADBC's reader takes a column's Arrow type from the first batch and, within it, turns integers into
doubles and numbers into (rounded) text as it meets them. So the first row is ours: it has in every
column a value of the storage class wanted. What then does not fit either fails in the driver, or in
a guard that we add to the query, and never passes changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from hygge.core.fields import FLOATS, INTEGERS, MAX_PRECISION, Field, LogicalType
from hygge.sql.sqlite.catalogue import Relation, quote
from hygge.sql.sqlite.types import EXACT_DIGITS

Carrier = Literal["integer", "real", "text", "blob"]
SENTINELS: dict[Carrier, str] = {"integer": "0", "real": "0.5", "text": "''", "blob": "x''"}
RAISE = "abs(-9223372036854775808)"
"""Fails with "integer overflow" when it is evaluated (https://sqlite.org/lang_corefunc.html#abs)."""
_BLOBS = "x''"
"""The least of all blobs: numbers sort below all text, and text below all blobs
(https://sqlite.org/datatype3.html, 4.1), and comparing is quicker than typeof(); with a plus before
the column, so without its affinity, or each text in a NUMERIC one is read as a number first."""
_EXACT_INTEGER = 2**53  # above it a double no longer tells all integers apart


@dataclass(frozen=True, slots=True)
class Asked:
    """One column as it is asked for.

    Parameters
    ----------
    field: its declaration.
    carrier: the storage class in which it travels.
    sql: the expression.
    wrong: an SQL condition that is true for values that must not pass.
    guarded: whether the driver lets such values through, so that the query must refuse them.
    strict: of a text carrier: whether only text may pass, not numbers.
    reals: of a text carrier: an expression for reals alone, which then come beside the text as
        doubles, since SQLite writes them with 17 digits, wanted or not; "" where there are none.
    aside: an expression for values that must not pass, as text; then `sql` gives NULL for them. ""
        where one stops the reading.
    """

    field: Field
    carrier: Carrier
    sql: str
    wrong: str
    guarded: bool
    strict: bool = True
    reals: str = ""
    aside: str = ""


def ask(source: Relation, field: Field, *, lenient: bool = False) -> Asked:
    """How to ask a relation for a column, given the field it is held to.

    Parameters
    ----------
    lenient: whether values that must not pass come aside, as text; else one stops the reading.
    """
    asked = _ask(source, field)
    if not lenient:
        return asked
    name = quote(source[field.name].name)
    text = f"CASE typeof({name}) WHEN 'blob' THEN hex({name}) ELSE CAST({name} AS TEXT) END"
    return replace(
        asked, guarded=False, sql=f"CASE WHEN {asked.wrong} THEN NULL ELSE {asked.sql} END",
        aside=f"CASE WHEN {asked.wrong} THEN {text} END",
    )  # fmt: skip


def _ask(source: Relation, field: Field) -> Asked:
    column = source[field.name]
    name, kind, affinity = quote(column.name), field.type, column.affinity
    carrier = carrier_of(kind, affinity)
    if carrier == "blob":
        return Asked(field, carrier, name, f"+{name} < {_BLOBS}", True)
    if carrier == "integer":
        return Asked(field, carrier, name, _not_in(name, "integer"), False)
    if carrier == "real":
        wrong, guarded = _not_in(name, "integer", "real"), False
        if kind.kind in FLOATS and affinity != "REAL":
            outside = f"{name} NOT BETWEEN {-_EXACT_INTEGER} AND {_EXACT_INTEGER}"
            wrong, guarded = f"({wrong} OR typeof({name}) = 'integer' AND {outside})", True
        return Asked(field, carrier, name, wrong, guarded)
    as_text, wrong = f"CAST({name} AS TEXT)", f"+{name} >= {_BLOBS}"
    if affinity == "TEXT" or kind.kind in ("date", "time", "timestamp"):
        # A table's column of TEXT affinity has no numbers; a view's may, by a UNION.
        if affinity != "TEXT" or source.kind != "table":
            wrong = f"(+{name} < '' OR {wrong})"
        return Asked(field, carrier, name, wrong, True)
    if kind.kind != "decimal":
        return Asked(field, carrier, as_text, wrong, True, strict=False)
    real = f"typeof({name}) = 'real'"
    return Asked(
        field, carrier, f"CASE WHEN NOT {real} THEN {as_text} END", wrong, True, strict=False,
        reals=f"CASE WHEN {real} THEN {name} END",
    )  # fmt: skip


def carrier_of(kind: LogicalType, affinity: str) -> Carrier:
    """The storage class in which values of a type travel from a column of an affinity."""
    if kind.kind == "binary":
        return "blob"
    number = kind.kind in INTEGERS or kind.kind in FLOATS or kind.kind in ("bool", "duration")
    if number and affinity != "TEXT" and kind.kind != "uint64":
        return "real" if kind.kind in FLOATS else "integer"
    # The whole part must not exceed what a double tells apart; the rest is proved on arrival.
    whole = (kind.precision or MAX_PRECISION) - (kind.scale or 0)
    short = kind.kind == "decimal" and whole <= EXACT_DIGITS
    if short and affinity in ("NUMERIC", "INTEGER", "REAL"):
        return "real"
    return "text"


def _not_in(name: str, *classes: str) -> str:
    # A list would be searched for every value; this stops at the first comparison for most.
    other = " AND ".join(f"typeof({name}) <> '{c}'" for c in classes)
    return f"({other} AND {name} IS NOT NULL)"


def carriers(asked: Sequence[Asked]) -> list[Carrier]:
    """The carriers of the columns that `select` asks for: those wanted, then the reals beside, then
    what comes aside."""
    beside: list[Carrier] = ["real" for a in asked if a.reals]
    return [a.carrier for a in asked] + beside + ["text" for a in asked if a.aside]


def select(
    asked: Sequence[Asked], source: Relation, where: str, *, guard: str = "", skip: int = 0
) -> str:
    """The query: our row first, then the source's rows, with columns named c0, c1, ...

    Parameters
    ----------
    asked: the columns, at least one.
    source: what they are read from.
    where: an SQL condition, or "".
    guard: a condition that is true for rows that must not pass, or "".
    skip: how many of the source's rows to leave out at the start.
    """
    guards = [a.wrong for a in asked if a.guarded] + ([guard] if guard else [])
    expressions = [a.sql for a in asked] + [a.reals for a in asked if a.reals]
    expressions += [a.aside for a in asked if a.aside]
    if guards:
        bad = " OR ".join(guards)
        expressions[0] = f"CASE WHEN {bad} THEN {RAISE} ELSE {expressions[0]} END"
    first = [SENTINELS[carrier] for carrier in carriers(asked)]
    ours = ", ".join(f"{value} AS c{at}" for at, value in enumerate(first))
    theirs = f"SELECT {', '.join(expressions)} FROM {source.sql}"
    theirs += f" WHERE {where}" if where else ""
    if skip:
        theirs = f"SELECT * FROM ({theirs} LIMIT -1 OFFSET {skip})"
    return f"SELECT {ours} UNION ALL {theirs}"
