"""A bare encode of the bench table: the least that any tool must do to write it as Parquet."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import polars as pl

from benchmarks.data import in_the_making


def encode(path: str) -> int:
    """Write the bench table as Parquet from frames that lie ready in memory-mapped Arrow files."""
    rows = 0
    with tempfile.TemporaryDirectory(dir=Path(path).parent) as out:
        for number, file in enumerate(sorted(Path(path).glob("*.arrow"))):
            frame = pl.read_ipc(file)
            rows += frame.height
            frame.write_parquet(Path(out) / f"{number:04d}.parquet")
    return rows


def ready_frames(source: Path) -> Path:
    """Arrow files of a Parquet bench table, for `encode`; made unless they are there."""
    target = source.with_name(source.name + "-ready")
    if not target.exists():
        with in_the_making(target) as partial:
            partial.mkdir()
            for file in sorted(source.glob("*.parquet")):
                pl.read_parquet(file).write_ipc(partial / f"{file.stem}.arrow")
    return target


if __name__ == "__main__":
    print(encode(sys.argv[1]))
