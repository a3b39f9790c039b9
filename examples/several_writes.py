"""Frames of one's own into a Store: one by one, and several as one load."""

import asyncio
import tempfile
from pathlib import Path

import polars as pl

from hygge import ParquetStore


def readings(day: int) -> pl.DataFrame:
    return pl.DataFrame({"day": [day] * 3, "hour": [6, 12, 18], "degrees": [11.5, 21.0, None]})


def held(folder: Path) -> int:
    return pl.scan_parquet(folder / "*.parquet").select(pl.len()).collect().item()


async def main(folder: Path) -> None:
    place = folder / "readings"
    store = ParquetStore("readings", path=place, options={"compression": "snappy"})

    # Each write is a load of its own, committed when it returns.
    for day in (1, 2):
        commit = await store.write(readings(day))
        print(f"day {day}: the store holds {commit.rows} rows")

    # All of these, or none: readers see no row before the block has ended.
    async with store.load() as load:
        for day in (3, 4, 5):
            await load.write(readings(day))
        print(f"meanwhile: {held(place)} rows")
    print(f"then: {held(place)} rows")

    # A block that raises leaves everything as it was.
    try:
        async with store.load("replace") as load:
            await load.write(readings(6))
            raise RuntimeError("the thermometer is broken")
    except RuntimeError as error:
        print(f"{error}: still {held(place)} rows")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        asyncio.run(main(Path(temporary)))
