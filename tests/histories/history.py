"""Histories: inserts, updates, key moves and deletes at a source, with runs between them, and what
the modes' equations say of the destination after each run. Seeded, so that a failure repeats."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from tests.histories.scenarios import Scenario

from hygge import Flow, SQLiteHome, Store
from hygge.core.context import Surroundings
from hygge.core.state import State
from hygge.testing.loading import state_of
from hygge.testing.oracle import Asked, Row, after

COLUMNS = ("id", "grp", "name", "t", "v", "gone")
"""`id` tells rows apart but in logs; `v` grows with every change; `t` is any number or NULL."""
FIELDS = {
    "id": "INTEGER NOT NULL", "grp": "TEXT NOT NULL", "name": "TEXT", "t": "INTEGER",
    "v": "INTEGER NOT NULL", "gone": "INTEGER NOT NULL",
}  # fmt: skip
NAMES = (None, "", "a", "A", "é", "NULL", "x" * 40)


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
    steps: int = 0

    def go(self, steps: int) -> None:
        """Take so many steps. Raises Difference where the destination is not what it should be."""
        rng = random.Random(f"{self.scenario.name} {self.seed}")
        source = Source(self.folder / f"{self.seed}.db", rng, log=self.scenario.log)
        try:
            for step in range(steps):
                if rng.random() < 0.35 or step == steps - 1:
                    self.run(source)
                else:
                    self.said.append(source.change())
                self.steps += 1
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
        if missing or extra:
            raise Difference(self, missing, extra)
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


class Difference(AssertionError):
    """A destination is not what the mode's equation says.

    Parameters
    ----------
    lost: the rows that are not there, each as often as it is missing.
    extra: those that should not be: doubled, altered or still there.
    """

    def __init__(self, history: History, lost: list[Row], extra: list[Row]) -> None:
        self.lost, self.extra = lost, extra
        said = "\n".join(history.said)
        super().__init__(
            f"{history.scenario.name}, seed {history.seed}: lost {lost}\n"
            f"doubled or altered {extra}\n{said}"
        )


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
