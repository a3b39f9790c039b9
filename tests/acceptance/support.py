"""What acceptance tests share: whole commands in processes of their own, and other readers.

Nothing here, and nothing in the tests that read back, uses hygge: sqlite3, csv and duckdb do.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb

DEADLINE_S = 90


def run(
    *arguments: str,
    cwd: Path,
    code: int | None = 0,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run `hygge ARGUMENTS...` in a folder.

    Parameters
    ----------
    code: the exit code it must have; None takes any.
    env: variables beside the test's own.
    """
    return python("-m", "hygge", *arguments, cwd=cwd, code=code, env=env)


def python(
    *arguments: str,
    cwd: Path,
    code: int | None = 0,
    env: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run this Python with arguments; see `run`."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env=environment(env),
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=DEADLINE_S,
    )
    said = f"{' '.join(arguments)} left with {done.returncode}:\n{done.stdout}\n{done.stderr}"
    assert code is None or done.returncode == code, said
    assert "Traceback" not in done.stderr, said
    return done


def environment(more: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process's variables without hygge's and without colours, and some more."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HYGGE_") and name not in ("GITHUB_ACTIONS", "FORCE_COLOR")
    }
    return {**kept, "NO_COLOR": "1", "PYTHONIOENCODING": "utf-8", "COLUMNS": "100", **(more or {})}


def lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


class Parquet:
    """A folder of Parquet files, as DuckDB reads it by a plain glob."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._glob = str(folder / "*.parquet").replace("'", "''")

    def ask(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query over the table `it`."""
        with duckdb.connect() as db:
            db.execute(f"CREATE VIEW it AS SELECT * FROM read_parquet('{self._glob}')")
            return db.execute(sql).fetchall()

    @property
    def types(self) -> dict[str, str]:
        """Column name to DuckDB's type, in order."""
        return {row[0]: row[1] for row in self.ask("DESCRIBE it")}

    @property
    def count(self) -> int:
        return int(self.ask("SELECT count(*) FROM it")[0][0])

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows, in an order of their own values."""
        return in_order(self.ask("SELECT * FROM it"))

    def files(self) -> dict[str, bytes]:
        """Every file that holds data, by name."""
        return {p.name: p.read_bytes() for p in sorted(self.folder.glob("*.parquet"))}


def in_order(rows: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Rows sorted by their values, NULLs too."""
    return sorted(rows, key=lambda row: [(v is not None, type(v).__name__, v or 0) for v in row])


def as_declared(value: Any, declared: str) -> Any:
    """A value as sqlite3 gives it, in the Python type that its declared type means."""
    name = declared.upper()
    if value is None:
        return None
    if name.startswith(("NUMERIC(", "DECIMAL(")):
        scale = int(name.rstrip(")").partition(",")[2])
        return Decimal(str(value)).quantize(Decimal(1).scaleb(-scale))
    if name == "DATETIME":
        return datetime.fromisoformat(value)
    if name == "DATE":
        return date.fromisoformat(value)
    if name == "BOOLEAN":
        return bool(value)
    return value
