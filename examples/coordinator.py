"""A project run from Python: its plan, its events, and one failure that stops nothing else."""

import asyncio
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from hygge import Coordinator, RunFailed, RunOptions
from hygge.core.events import EntityFinished, Event

PROJECT = """\
connections:
  shop: {type: sqlite, path: shop.db}
flows:
  shop:
    home: {type: sqlite, connection: shop}
    store: {type: parquet, path: lake}
    tables: ["main.*"]
    overrides:
      visits: {tags: [large]}
"""


def make_shop(folder: Path) -> None:
    (folder / "hygge.yml").write_text(PROJECT, encoding="utf-8")
    with closing(sqlite3.connect(folder / "shop.db")) as db, db:
        db.execute("CREATE TABLE users (id INTEGER PRIMARY KEY, born DATE)")
        db.execute("CREATE TABLE visits (id INTEGER PRIMARY KEY, at DATETIME)")
        db.executemany("INSERT INTO users VALUES (?, ?)", [(1, "1990-05-17"), (2, "in May")])
        db.executemany(
            "INSERT INTO visits VALUES (?, ?)", [(n, "2026-01-01 10:00:00") for n in range(500)]
        )


def tell(event: Event) -> None:
    if isinstance(event, EntityFinished):
        print(f"  {event.entity}: {event.status}, {event.rows} rows")


async def main(folder: Path) -> None:
    make_shop(folder)
    project = folder / "hygge.yml"

    for plan in Coordinator(config_path=project).plan():
        print(f"{plan.full_name}: {plan.mode}, {plan.guarantee}")

    print("everything, the largest first:")
    one = RunOptions(concurrency=1)
    try:
        await Coordinator(config_path=project, options=one, listeners=[tell]).run()
    except RunFailed as failed:
        for entity in failed.result.failed:
            print(f"  {entity.entity} failed: {entity.error}")

    print("only what is tagged large:")
    options = RunOptions(select=("tag:large",))
    result = await Coordinator(config_path=project, options=options, listeners=[tell]).run()
    print(f"  {result.status}, {result.rows} rows")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
