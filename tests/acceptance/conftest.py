"""Sources that several acceptance tests move."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest


def make_users(path: Path, rows: int = 25_000) -> None:
    """A database with a table `users`, and a smaller one, `orders`."""
    with closing(sqlite3.connect(path)) as db, db:
        db.execute(
            "CREATE TABLE users (id INTEGER PRIMARY KEY, name VARCHAR(80), email VARCHAR(80), "
            "created_at DATETIME, balance NUMERIC(10,2))"
        )
        db.executemany(
            "INSERT INTO users VALUES (?, ?, ?, ?, ?)",
            (
                (n, f"Zoë {n}", None if n % 5 == 0 else f"{n}@example.com",
                 f"2026-01-{1 + n % 28:02d} 10:00:00", n / 100)
                for n in range(1, rows + 1)
            ),
        )  # fmt: skip
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total NUMERIC(10,2))")
        db.executemany("INSERT INTO orders VALUES (?, ?)", ((n, n / 4) for n in range(1, 101)))


@pytest.fixture
def users(tmp_path: Path) -> Path:
    """A folder with `shop.db` in it: 25,000 users, 100 orders."""
    make_users(tmp_path / "shop.db")
    return tmp_path
