"""Sample data: a small shop, the same rows every time, with the values that real tables have.

NULLs and empty texts, accents and emoji, a leap day, negative and very precise numbers, instants
in more than one time zone: what copies go wrong on.
"""

from __future__ import annotations

import csv
import sqlite3
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import polars as pl

_NAMES = (
    "Åse Brøgger", "Zoë Müller", "José Álvarez", "Nguyễn Văn An", "Łucja Żak", "李小龙",
    "Αθηνά Νικολάου", "O'Brien, Siobhán", "Ravi \"RJ\" Jain", "Ida 🕯️ Holm", "Noor al-Din", "",
)  # fmt: skip
_GOODS = (
    "Candle", "Wool blanket", "Teapot", "Reading lamp", "Linen cushion", "Cocoa, 70 %",
    "Slippers", "Firewood (1 m³)", "Jigsaw puzzle", "Mug \"hygge\"", "Café press", "Rug 2×3 m",
)  # fmt: skip
_START = datetime(2024, 2, 28, 22, 15, tzinfo=UTC)  # so that the second day is a leap day

USERS: dict[str, Any] = {
    "id": pl.Int64, "name": pl.String, "email": pl.String,
    "created_at": pl.Datetime("us", "UTC"), "birthday": pl.Date,
    "balance": pl.Decimal(12, 2), "newsletter": pl.Boolean,
}  # fmt: skip
PRODUCTS: dict[str, Any] = {
    "id": pl.Int64, "name": pl.String, "price": pl.Decimal(10, 2), "weight_kg": pl.Float64,
    "tags": pl.List(pl.String), "discontinued_on": pl.Date,
}  # fmt: skip
ORDERS: dict[str, Any] = {
    "id": pl.Int64, "user_id": pl.Int64, "ordered_at": pl.Datetime("us", "Europe/Copenhagen"),
    "status": pl.String, "total": pl.Decimal(12, 2), "note": pl.String,
}  # fmt: skip
ITEMS: dict[str, Any] = {
    "order_id": pl.Int64, "line": pl.Int32, "product_id": pl.Int64, "quantity": pl.Int32,
    "price": pl.Decimal(10, 2),
}  # fmt: skip


def shop(*, users: int = 120, products: int = 24, orders: int = 400) -> dict[str, pl.DataFrame]:
    """The shop's tables by name: users, products, orders, order_items.

    Parameters
    ----------
    users, products, orders: how many rows; order_items come to about 2.5 per order.
    """
    chance = Random(20240229)  # noqa: S311 - the same rows every time is the point
    people = [_user(n, chance) for n in range(1, users + 1)]
    goods = [_product(n, chance) for n in range(1, products + 1)]
    heads, items = [], []
    for n in range(1, orders + 1):
        lines = [
            _item(n, line, goods, chance) for line in range(1, chance.choice((1, 2, 2, 3, 5)) + 1)
        ]
        items += lines
        heads.append(_order(n, users, lines, chance))
    return {
        "users": pl.DataFrame(people, schema=USERS, orient="row"),
        "products": pl.DataFrame(goods, schema=PRODUCTS, orient="row"),
        "orders": pl.DataFrame(heads, schema=ORDERS, orient="row"),
        "order_items": pl.DataFrame(items, schema=ITEMS, orient="row"),
    }


def _user(n: int, chance: Random) -> tuple[Any, ...]:
    name = _NAMES[(n - 1) % len(_NAMES)]
    email = None if n % 7 == 0 else f"user{n}@example.com"
    created = _START + timedelta(hours=7 * (n - 1), microseconds=n)
    birthday = date(2000, 2, 29) if n % 11 == 0 else date(1950 + n % 60, 1 + n % 12, 1 + n % 28)
    balance = Decimal(chance.randrange(-50_000, 200_000)).scaleb(-2)
    return (n, name, email, created, birthday, balance, (True, False, None)[n % 3])


def _product(n: int, chance: Random) -> tuple[Any, ...]:
    name = _GOODS[(n - 1) % len(_GOODS)] + ("" if n <= len(_GOODS) else f" No. {n}")
    price = Decimal(chance.randrange(495, 29_995)).scaleb(-2)
    weight = None if n % 9 == 0 else chance.randrange(1, 9_000) / 1000
    tags = ([], ["cosy"], ["cosy", "été"])[n % 3]
    return (n, name, price, weight, tags, date(2024, 12, 31) if n % 10 == 0 else None)


def _item(order: int, line: int, goods: list[Any], chance: Random) -> tuple[Any, ...]:
    product = goods[chance.randrange(len(goods))]
    returned = chance.random() < 0.03
    return (order, line, product[0], -1 if returned else chance.randrange(1, 6), product[2])


def _order(n: int, users: int, lines: list[Any], chance: Random) -> tuple[Any, ...]:
    at = _START + timedelta(minutes=97 * n, seconds=n % 60)
    total = sum((quantity * price for _, _, _, quantity, price in lines), Decimal(0))
    note = ("Gift 🎁, please wrap", "", None, None, "línea 1\nlínea 2")[n % 5]
    status = chance.choice(("new", "paid", "paid", "sent", "sent", "returned"))
    return (n, chance.randrange(1, users + 1), at, status, total, note)


def write_parquet(folder: Path) -> list[Path]:
    """Write each table of the shop as `<name>.parquet`; returns the files."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for name, frame in shop().items():
        path = folder / f"{name}.parquet"
        frame.write_parquet(path)
        written.append(path)
    return written


_DDL = """
CREATE TABLE users (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, email VARCHAR(120), created_at DATETIME NOT NULL,
    birthday DATE, balance NUMERIC(12,2) NOT NULL, newsletter BOOLEAN
);
CREATE TABLE products (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL, price NUMERIC(10,2) NOT NULL, weight_kg REAL
);
CREATE TABLE orders (
    id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL REFERENCES users(id),
    ordered_at DATETIME NOT NULL, status VARCHAR(12) NOT NULL, total NUMERIC(12,2) NOT NULL,
    note TEXT
);
CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders(id), line INTEGER NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products(id), quantity INTEGER NOT NULL,
    price NUMERIC(10,2) NOT NULL, PRIMARY KEY (order_id, line)
);
"""


def write_sqlite(path: Path) -> None:
    """Write the shop into a new SQLite database, as an application would have made it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(_DDL)
        for name, frame in shop(users=400, products=48, orders=2_000).items():
            kept = frame.drop("tags", "discontinued_on") if name == "products" else frame
            marks = ", ".join("?" * kept.width)
            rows = ([_plain(v) for v in row] for row in kept.iter_rows())
            db.executemany(f"INSERT INTO {name} VALUES ({marks})", rows)


def _plain(value: Any) -> Any:
    """A value as SQLite keeps it: times as text in UTC, decimals as numbers."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
    if isinstance(value, date):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else value


def write_visits(path: Path) -> None:
    """Write a CSV of visits to the shop, `NA` where nothing is known."""
    path.parent.mkdir(parents=True, exist_ok=True)
    chance = Random(1)  # noqa: S311 - as above
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(["visited_at", "page", "seconds", "country"])
        for n in range(5_000):
            at = _START + timedelta(minutes=11 * n)
            page = chance.choice(("/", "/candles", "/tea, coffee", "/søg?q=uld"))
            seconds = "NA" if n % 13 == 0 else f"{chance.randrange(1, 90_000) / 1000:.3f}"
            country = chance.choice(("DK", "SE", "NO", "DE", ""))
            out.writerow([at.strftime("%Y-%m-%dT%H:%M:%SZ"), page, seconds, country])
