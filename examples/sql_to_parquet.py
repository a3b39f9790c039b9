"""A table of a database to Parquet: in full the first time, then only what is new."""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

import polars as pl

from hygge import Flow, ParquetStore, SQLHome


def add_orders(database: Path, first: int, last: int) -> None:
    """What an application would do meanwhile."""
    with closing(sqlite3.connect(database)) as db, db:
        db.execute(
            "CREATE TABLE IF NOT EXISTS orders "
            "(id INTEGER PRIMARY KEY, customer VARCHAR(40), total NUMERIC(10,2), note TEXT)"
        )
        db.executemany(
            "INSERT INTO orders VALUES (?, ?, ?, NULL)",
            [(n, f"customer {n % 7}", n + 0.99) for n in range(first, last + 1)],
        )


async def main(folder: Path) -> None:
    database = folder / "shop.db"
    flow = Flow(
        home=SQLHome("orders", connection=f"sqlite:///{database}"),
        store=ParquetStore("orders", path=folder / "lake" / "orders"),
        columns=["id", "customer", "total"],
        mode="merge",
        key_column="id",
        incremental={"column": "id"},
    )
    for first, last in ((1, 1_000), (1_001, 1_050)):
        add_orders(database, first, last)
        result = await flow.start()
        print(f"{result.status} {result.rows} rows; {result.watermark_after}")
    result = await flow.start()
    print(f"{result.status}: nothing was new")

    copy = pl.read_parquet(folder / "lake" / "orders" / "*.parquet")
    print(f"{copy.height} rows, {copy['total'].sum()} in all, as {copy['total'].dtype}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
