"""Histories: inserts, updates, key moves and deletes at a source, with runs between them, and what
the modes' equations say of the destination after each run. Seeded, so that a failure repeats."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hygge import Flow, SQLiteHome, Store
from hygge.core.context import Surroundings
from hygge.core.load import State
from hygge.testing.loading import state_of
from hygge.testing.oracle import Asked, Row, after

COLUMNS = ("id", "grp", "name", "t", "v", "gone")
"""`id` tells rows apart but in logs; `v` grows with every change; `t` is any number or NULL."""
FIELDS = {
    "id": "INTEGER NOT NULL", "grp": "TEXT NOT NULL", "name": "TEXT", "t": "INTEGER",
    "v": "INTEGER NOT NULL", "gone": "INTEGER NOT NULL",
}  # fmt: skip
LAG = 4
NAMES = (None, "", "a", "A", "é", "NULL", "x" * 40)


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


class Source:
    """A table in an SQLite file, and the same rows in a list."""

    def __init__(self, path: Path, rng: random.Random, *, log: bool) -> None:
        self.path, self._rng, self._log = path, rng, log
        self.rows: list[Row] = []
        self._v = 0
        self._db = sqlite3.connect(path)
        columns = ", ".join(f"{n} {FIELDS[n]}" for n in COLUMNS)
        self._db.execute(f"CREATE TABLE t ({columns})")

    def close(self) -> None:
        self._db.close()

    def change(self) -> str:
        """One change; returns it in words."""
        rng = self._rng
        kind = "insert" if self._log or not self.rows else rng.choice(
            ("insert", "insert", "update", "update", "move", "delete", "quiet")
        )  # fmt: skip
        if kind == "insert":
            row = self._new(rng.randrange(12) if self._log else self._free())
            self.rows.append(row)
            self._db.execute(f"INSERT INTO t VALUES ({', '.join('?' * len(row))})", [*row.values()])
            said = f"insert {row}"
        else:
            row = rng.choice(self.rows)
            before = row["id"]
            if kind == "delete":
                self.rows.remove(row)
                self._db.execute("DELETE FROM t WHERE id = ?", [before])
                said = f"delete {before}"
            else:
                self._v += 1
                if kind == "update":
                    row |= {**self._new(before), "v": self._v}
                elif kind == "move":
                    row |= {"id": self._free(), "v": self._v}
                else:  # a change that `v` does not tell
                    row |= {"name": rng.choice(NAMES)}
                sets = ", ".join(f"{n} = ?" for n in COLUMNS)
                values = [row[n] for n in COLUMNS]
                self._db.execute(f"UPDATE t SET {sets} WHERE id = ?", [*values, before])
                said = f"{kind} {before} {row}"
        self._db.commit()
        return said

    def _new(self, key: int) -> Row:
        rng = self._rng
        self._v += 1
        # In a log, rows of one key never have the same `t`: which of them counts is then certain.
        t = self._v * 7 % 1009 if self._log else rng.choice((None, 1, 2, 3))
        if (
            self._log
            and t % 10 == 0
            and not any(r["t"] is None and r["id"] == key for r in self.rows)
        ):
            t = None
        return {
            "id": key, "grp": rng.choice("pqr"), "name": rng.choice(NAMES), "t": t, "v": self._v,
            "gone": int(rng.random() < 0.2),
        }  # fmt: skip

    def _free(self) -> int:
        return self._rng.choice([n for n in range(40) if all(r["id"] != n for r in self.rows)])


@dataclass
class History:
    """One history of one scenario into one destination.

    Parameters
    ----------
    scenario: what is run.
    folder: for the source.
    store: the destination; not bound.
    read: all rows of the destination, by means that share no code with it.
    seed: which history.
    """

    scenario: Scenario
    folder: Path
    store: Store
    read: Callable[[Store], list[Row]]
    seed: int
    held: list[Row] = field(default_factory=list)
    bound: int | None = None
    said: list[str] = field(default_factory=list)
    runs: int = 0

    def go(self, steps: int) -> None:
        """Take so many steps; AssertionError where the destination is not what it should be."""
        rng = random.Random(f"{self.scenario.name} {self.seed}")
        source = Source(self.folder / f"{self.seed}.db", rng, log=self.scenario.log)
        try:
            for step in range(steps):
                if rng.random() < 0.35 or step == steps - 1:
                    self.run(source)
                else:
                    self.said.append(source.change())
        finally:
            source.close()

    def run(self, source: Source) -> None:
        """One run, and what must hold after it."""
        home = SQLiteHome("t", path=str(source.path))
        flow = Flow(
            home, self.store, name="t", mode=self.scenario.mode, retries=0, max_shrink=1,
            allow_empty=True, **self.scenario.settings,
        )  # fmt: skip
        flow.start_sync()
        self.runs += 1
        bound = self.store.bind(Surroundings(root=self.folder))
        state = state_of(bound)
        expected = self.expect(source, state)
        got = self.read(bound)
        self.said.append(f"run {self.runs}, at {state.memo.get('at') if state else None}")
        missing, extra = _without(expected, got), _without(got, expected)
        assert not missing and not extra, (
            f"{self.scenario.name}, seed {self.seed}: lost {missing}\ndoubled or altered {extra}\n"
            + "\n".join(self.said)
        )
        assert state is None or state.rows in (None, len(got))
        self.held = expected

    def expect(self, source: Source, state: State | None) -> list[Row]:
        """What the destination is to hold."""
        scenario = self.scenario
        coming = [dict(row) for row in source.rows]
        window = None
        if "incremental" in scenario.settings:
            lower = None if self.bound is None else self.bound - scenario.lag
            upper = max([r["v"] + 1 for r in source.rows], default=None)
            upper = max([u for u in (upper, self.bound) if u is not None], default=None)
            idle = lower == upper  # also where there is no position yet
            coming = [
                r for r in coming
                if not idle and (lower is None or r["v"] >= lower) and r["v"] < upper
            ]  # fmt: skip
            window = None if idle else ("v", lower, upper)
            self.bound = upper
        at = datetime.fromisoformat(state.memo["at"]) if state is not None else None
        asked = Asked(scenario.mode, keys=scenario.keys, at=at, **scenario.asked)
        if asked.marked:
            coming = [{**r, asked.mark: at if r["gone"] == 1 else None} for r in coming]
        elif asked.deletes == "soft":
            coming = [{**r, asked.mark: None} for r in coming]
        if scenario.compares:
            keys = frozenset(tuple(r[k] for k in scenario.keys) for r in source.rows)
            asked = replace(asked, present=keys)
        if scenario.settings.get("delete_by") == "window":
            if window is None:
                return self.held
            asked = replace(asked, window=window)
        return after(self.held, coming, asked)


def _without(rows: list[Row], others: list[Row]) -> list[Row]:
    """The rows, as often as they are there, that are not among others."""
    left = [_plain(r) for r in others]
    missing = []
    for row in rows:
        plain = _plain(row)
        if plain in left:
            left.remove(plain)
        else:
            missing.append(row)
    return missing


def _plain(row: Row) -> list[tuple[str, str]]:
    return sorted(
        (n, v.isoformat() if isinstance(v, datetime) else repr(v)) for n, v in row.items()
    )
