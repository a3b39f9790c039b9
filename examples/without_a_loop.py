"""The same calls without an event loop."""

import tempfile
from pathlib import Path

import polars as pl

from hygge import CSVStore, Flow, ParquetHome, ParquetStore


def main(folder: Path) -> None:
    store = ParquetStore("numbers", path=folder / "numbers")
    store.write_sync(pl.DataFrame({"n": [1, 2], "square": [1, 4]}))

    with store.load() as load:
        for n in (3, 4, 5):
            load.write_sync(pl.DataFrame({"n": [n], "square": [n * n]}))

    home = ParquetHome("numbers", path=folder / "numbers")
    print([row for df in home.read_sync() for row in df.sort("n").rows()])

    flow = Flow(home=home, store=CSVStore("numbers", path=folder / "csv"), rename={"n": "number"})
    result = flow.start_sync()
    print(result.status, result.rows, result.holds.partition(",")[0])


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as temporary:
        main(Path(temporary))
