"""A Home and a Store of one's own, each of one method; settings and types are optional."""

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import polars as pl
from pydantic import Field

from hygge import ConfigError, Flow, Home, HomeConfig, ParquetStore, Store, StoreConfig


class PagesHome(Home):
    """An interface that gives its rows a page at a time."""

    class Config(HomeConfig):
        pages: int = Field(default=3, ge=1, description="How many pages to ask for", examples=[3])

    config: Config

    def fields(self) -> dict[str, str]:
        return {"id": "int64", "price": "decimal(10,2)", "at": "timestamp(us, UTC)"}

    async def read_batches(self) -> AsyncIterator[pl.DataFrame]:
        for page in range(self.config.pages):
            await asyncio.sleep(0)  # where a request would be awaited
            rows = range(page * 100, page * 100 + 100)
            yield pl.DataFrame(
                {
                    "id": rows,
                    "price": [f"{n}.50" for n in rows],
                    "at": [f"2026-01-01T00:{n % 60:02d}:00Z" for n in rows],
                }
            )


class LedgerStore(Store):
    """Sums of what it was given, in a file of lines."""

    class Config(StoreConfig):
        file: Path = Field(description="The file", examples=["ledger.txt"])

    config: Config

    def write(self, df: pl.DataFrame) -> None:
        with self.config.file.open("a", encoding="utf-8") as file:
            line = {"rows": df.height, "sum": str(df["price"].sum())}
            file.write(json.dumps(line) + "\n")


async def main(folder: Path) -> None:
    # Into a Store of hygge's own: exactly once, with types as declared.
    result = await Flow(home=PagesHome(), store=ParquetStore("pages", path=folder / "p")).start()
    kinds = pl.scan_parquet(folder / "p" / "*.parquet").collect_schema()
    print(result.rows, {name: str(kind) for name, kind in kinds.items()})

    # Into a Store that can only add: it has to be said that all rows are added at every run.
    ledger = folder / "ledger.txt"
    flow = Flow(home=PagesHome(pages=2), store=LedgerStore(file=ledger), full_append=True)
    result = await flow.start()
    print(result.rows, sum(json.loads(line)["rows"] for line in ledger.read_text().splitlines()))

    # Settings are checked like all others.
    try:
        PagesHome(page=2)
    except ConfigError as error:
        print(error)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
