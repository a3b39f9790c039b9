"""What is run: each mode with each of its settings that alters what a run leaves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from hygge import Store

LAG = 4


@dataclass(frozen=True)
class Scenario:
    """A mode with its settings.

    Parameters
    ----------
    name: for people.
    mode: how the Store takes rows.
    settings: of the entity, beside the mode.
    keys: the key's columns.
    log: whether the source is a log: a row is never changed, and keys come again.
    asked: what the oracle is told that does not change from load to load.
    """

    name: str
    mode: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    keys: tuple[str, ...] = ("id",)
    log: bool = False
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def compares(self) -> bool:
        """Whether keys are compared."""
        deletes = self.settings.get("deletes") or {}
        return bool(self.asked.get("deletes")) and (
            "deleted_when" not in self.settings or "find" in deletes
        )

    def unable(self, store: type[Store]) -> str:
        """What a kind of Store has not of what this asks; "" where it has all."""
        wanted = {
            "deduplicate": "deduplicate" in self.settings,
            "marked": "deleted_when" in self.settings,
            "deletes": "deletes" in self.settings and self.compares,
            "by_window": "delete_by" in self.settings,
        }
        if self.mode not in store.modes:
            return self.mode
        return ", ".join(n for n, w in wanted.items() if w and n not in store.abilities)

    @property
    def lag(self) -> int:
        by = self.settings.get("incremental")
        return int(by.get("lag", 0)) if by else 0


BY_V = {"incremental": {"column": "v", "lag": 0}}
LAGGING = {"incremental": {"column": "v", "lag": LAG}}
MARKS = {"deleted_when": "gone = 1"}


def scenario(
    name: str,
    mode: str,
    *more: Mapping[str, Any],
    keys: Sequence[str] = ("id",),
    log: bool = False,
    **asked: Any,
) -> Scenario:
    settings = {"key_column": list(keys)} if mode != "append" else {}
    for each in more:
        settings |= each
    return Scenario(name, mode, settings, tuple(keys), log, asked)


SCENARIOS = (
    scenario("append", "append", BY_V),
    scenario("replace", "replace"),
    scenario("replace, latest", "replace", {"deduplicate": "latest by t"}, log=True, latest="t"),
    scenario("merge", "merge", LAGGING),
    scenario("merge, latest", "merge", LAGGING, {"deduplicate": "latest by t"}, log=True,
             latest="t"),
    scenario("merge, soft", "merge", LAGGING, {"deletes": {"find": "keys"}}, deletes="soft"),
    scenario("merge, hard", "merge", BY_V, {"deletes": {"mode": "hard", "find": "keys"}},
             deletes="hard"),
    scenario("merge, whole, hard", "merge", {"deletes": "hard"}, deletes="hard"),
    scenario("merge, marked soft", "merge", LAGGING, MARKS, {"deletes": {"find": "keys"}},
             deletes="soft", marked=True),
    scenario("merge, marked hard", "merge", LAGGING, MARKS,
             {"deletes": {"mode": "hard", "find": "keys"}}, deletes="hard", marked=True),
    scenario("merge, told soft", "merge", LAGGING, MARKS, deletes="soft", marked=True),
    scenario("merge, told hard", "merge", LAGGING, MARKS, {"deletes": {"mode": "hard"}},
             deletes="hard", marked=True),
    scenario("delete_insert", "delete_insert", LAGGING, keys=("grp",)),
    scenario("delete_insert by window", "delete_insert", LAGGING,
             {"delete_by": "window", "key_column": []}),
    scenario("scd2", "scd2", deletes="close"),
    scenario("scd2, incremental", "scd2", LAGGING),
    scenario("scd2, latest", "scd2", LAGGING, {"deduplicate": "latest by t"}, log=True,
             latest="t"),
    scenario("scd2, keys, marked", "scd2", LAGGING, MARKS, {"deletes": {"find": "keys"}},
             deletes="close", marked=True),
)  # fmt: skip
