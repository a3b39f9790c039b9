"""A program that loads a folder and is killed at a named step: `python crashing.py FOLDER ...`.

FOLDER TYPE MODE STEP COUNT VERSION EXCHANGE: the folder to load, the Store's type, the mode, the
step to die at and at which time it comes, what the rows say, and whether folders can be exchanged.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import polars as pl
from tests.files.driving import load

from hygge.core.registry import lookup
from hygge.core.steps import set_hook
from hygge.files import local

ROWS = 40


def rows_of(mode: str, version: int) -> pl.DataFrame:
    """The rows of a version: append adds new ids, merge changes half and adds half, replace all."""
    start = {"append": ROWS * version, "merge": ROWS // 2 * version, "replace": 0}[mode]
    ids = range(start, start + ROWS)
    return pl.DataFrame({"id": ids, "version": [version] * ROWS, "text": [f"é{i}" for i in ids]})


def one_load(folder: Path, kind: str, mode: str, version: int) -> None:
    """Load a version in four batches, three parts."""
    store = lookup("store", kind)("t", path=folder, part_rows=15)
    rows = rows_of(mode, version)
    load(
        store, mode, [rows.slice(at, 10) for at in range(0, ROWS, 10)],  # type: ignore[arg-type]
        keys=("id",) if mode == "merge" else (), load_id=f"{mode}-{version}",
    )  # fmt: skip


def without_exchange() -> None:
    """From now on this process meets a file system that cannot exchange folders."""

    def no_exchange(left: Path, right: Path) -> None:
        raise local.NoExchange

    local.exchange = no_exchange


def main() -> None:
    folder, kind, mode, step, count, version, can_exchange = sys.argv[1:]
    left = int(count)

    def die_at(name: str) -> None:
        nonlocal left
        if name == step:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    if can_exchange == "no":
        without_exchange()
    set_hook(die_at)
    one_load(Path(folder), kind, mode, int(version))


if __name__ == "__main__":
    main()
