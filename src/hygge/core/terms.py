"""What a load is asked beside its mode: of doubles, of vanished rows, of versions, of a window.

Values only, which pickle. A Store says in `Store.abilities` which of them it heeds; `Store.check`
refuses the others, with a reason, before anything moves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from hygge.core.errors import GuardError
from hygge.core.fields import Field, LogicalType, Schema
from hygge.core.watermark import Window

Ability = Literal["deduplicate", "by_window", "deletes", "marked", "told"]
"""`deduplicate`: of rows with one key the latest counts. `by_window`: `delete_insert` of the window
that was read. `deletes`: rows whose keys the source has no longer go, or are marked, or are closed.
`marked`: rows that come and say that they are gone do. `told`: rows do whose keys the source
names."""
ABILITIES: dict[Ability, str] = {
    "deduplicate": "`deduplicate`",
    "by_window": "`delete_insert` by window",
    "deletes": "`deletes` by comparing keys",
    "marked": "`deleted_when`",
    "told": "`deletes` by change tracking",
}
"""How people call them."""

OWN = "_hygge_"
"""What the names of all columns begin with that hygge adds."""
LOADED_AT, RUN_ID = "_hygge_loaded_at", "_hygge_run_id"
"""The load columns, filled while rows are on their way."""
DELETED_AT = "_hygge_deleted_at"
"""The moment of the load that found a row gone at the source; NULL while it is there."""
MOMENT = LogicalType("timestamp", unit="us", zone="UTC")


@dataclass(frozen=True, slots=True)
class Versions:
    """The columns by which `scd2` tells versions of a row: from when, until when, and whether it is
    the current one. A version holds from `valid_from` up to, not including, `valid_to`."""

    valid_from: str = "_hygge_valid_from"
    valid_to: str = "_hygge_valid_to"
    current: str = "_hygge_current"

    @property
    def fields(self) -> tuple[Field, ...]:
        return (
            Field(self.valid_from, MOMENT, nullable=False),
            Field(self.valid_to, MOMENT),
            Field(self.current, LogicalType("bool"), nullable=False),
        )


@dataclass(frozen=True, slots=True)
class Deletes:
    """What becomes of rows that are gone at the source.

    Parameters
    ----------
    hard: whether they go; else they are marked in `column` (`scd2` closes their version, always).
    column: of the marks; NULL for a row that is there.
    find: whether this load looks for destination rows whose key the source has no longer: among the
        keys that `Load.key_writer` is given, or among what comes where that is `whole`.
    marked: whether rows come that are gone: those with a value in `column`.
    told: whether the keys that `Load.key_writer` is given are those of rows that are gone.
    """

    hard: bool = False
    column: str = DELETED_AT
    find: bool = False
    marked: bool = False
    told: bool = False

    @property
    def compares(self) -> bool:
        """Whether keys are compared, be it not by every load."""
        return self.find or not self.marked


@dataclass(frozen=True, slots=True)
class Terms:
    """What a load is asked beside its mode.

    Parameters
    ----------
    at: the moment of the load, aware; later than that of the load before it. What is marked or
        versioned in one load has this moment.
    latest: the column by which, of rows with one key, the one with the greatest value counts, be it
        held or come (of equal ones, the one that comes); NULL is below all. "" for none.
    window: of `delete_insert`: the rows that are taken out, by the destination's column; None for
        those whose key comes.
    whole: whether what comes is all that the source has. `scd2` then closes what does not come.
    versions: the columns of `scd2`.
    deletes: what becomes of rows that are gone; None where that is not asked.
    unlike: columns that make no row another one by themselves, as the load columns do not.
    max_shrink, allow_empty: the share of the rows there that may vanish in one load, and whether
        all may.
    """

    at: datetime = datetime(1970, 1, 1, tzinfo=UTC)
    latest: str = ""
    window: Window | None = None
    whole: bool = False
    versions: Versions = Versions()
    deletes: Deletes | None = None
    unlike: tuple[str, ...] = ()
    max_shrink: float = 1.0
    allow_empty: bool = True

    @property
    def finds(self) -> bool:
        """Whether this load looks for rows that are gone at the source."""
        return self.deletes is not None and self.deletes.find

    @property
    def wanted(self) -> tuple[Ability, ...]:
        """What a Store must be able to do for it."""
        asked: dict[Ability, Any] = {
            "deduplicate": self.latest, "by_window": self.window,
            "deletes": self.deletes and self.deletes.compares,
            "marked": self.deletes and self.deletes.marked,
            "told": self.deletes and self.deletes.told,
        }  # fmt: skip
        return tuple(name for name, value in asked.items() if value)


NO_TERMS = Terms()
"""Nothing but the mode."""


def stored_fields(mode: str, coming: Schema, terms: Terms) -> Schema:
    """The fields of what a destination holds, given those of what comes.

    Parameters
    ----------
    mode: of the load.
    coming: the fields that are written.
    terms: of the load.
    """
    fields, deletes = list(coming), terms.deletes
    closing = mode == "scd2"
    if deletes is not None:
        if deletes.marked and (closing or deletes.hard):
            fields = [f for f in fields if f.name != deletes.column]
        elif not deletes.marked and not (closing or deletes.hard):
            fields.append(Field(deletes.column, MOMENT))
    return Schema([*fields, *(terms.versions.fields if closing else ())])


def check_vanished(entity: str, vanished: int, living: int, terms: Terms) -> None:
    """Keep a destination from being emptied by accident.

    Parameters
    ----------
    entity: the name used in errors.
    vanished: rows that are gone at the source, of those `living` at the destination.

    Raises GuardError where they are too many.
    """
    if vanished <= 0:
        return
    if vanished == living and not terms.allow_empty:
        raise GuardError(
            f"{entity}: none of the destination's {living:,} rows is at the source any more; they "
            "were kept",
            hint="if all may be gone at once, set `allow_empty: true`",
        )
    if vanished > living * terms.max_shrink and vanished < living:
        raise GuardError(
            f"{entity}: {vanished:,} of the destination's {living:,} rows are gone at the source; "
            "they were kept",
            hint=f"if so many rows may go at once, raise `max_shrink` ({terms.max_shrink})",
        )


AT = "at"
"""Under which a state's memo has the moment of its load."""


def moment_after(memo: Mapping[str, str], now: datetime) -> datetime:
    """The moment of a load: now, but later than that of the load before it, whose state has
    `memo`, though a clock was set back.

    Raises ValueError where the memo is damaged.
    """
    before = datetime.fromisoformat(memo[AT]) + timedelta(microseconds=1) if AT in memo else now
    return max(before, now)
