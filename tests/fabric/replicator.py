"""What Fabric makes of a landing zone, by its public documentation: a stand-in that shares no code
with hygge.

https://learn.microsoft.com/fabric/mirroring/open-mirroring-landing-zone-format
"""

from __future__ import annotations

import io
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

NUMBERED = re.compile(r"\d{20}\.parquet")
Row = dict[str, Any]


class NotSettled(Exception):
    """The folder is being made anew: there is no table at this moment."""


def apply(rows: list[Row], coming: pl.DataFrame, keys: list[str]) -> list[Row]:
    """The rows of a table after a file, in the order of its rows: "Format requirements"."""
    assert "__rowMarker__" not in coming.columns[:-1], "the marker is not the last column"
    if "__rowMarker__" not in coming.columns:
        return rows + coming.to_dicts()
    out: list[Row | None] = list(rows)
    by_key: dict[str, list[int]] = {}
    for at, row in enumerate(rows):
        by_key.setdefault(_key(row, keys), []).append(at)
    for row in coming.to_dicts():
        marker = row.pop("__rowMarker__")
        assert marker in (0, 1, 2, 4), f"{marker} is no marker"
        if marker == 0:
            out.append(row)
            by_key.setdefault(_key(row, keys), []).append(len(out) - 1)
            continue
        assert keys, "an update or delete of a table without a key"
        for at in by_key.pop(_key(row, keys), []):
            out[at] = None
        if marker != 2:
            out.append(row)
            by_key[_key(row, keys)] = [len(out) - 1]
    return [row for row in out if row is not None]


def _key(row: Row, keys: list[str]) -> str:
    return repr([row[k] for k in keys])


def replay(
    names: list[str], read: Callable[[str], bytes], *, complete: bool = True
) -> tuple[list[Row], dict[str, Any]]:
    """The rows that a table's folder stands for, and the types of its columns.

    Parameters
    ----------
    names: of the files in the folder itself.
    read: gives one's bytes.
    complete: whether the files must begin with the first, as where nothing has been put aside.
    """
    numbered = sorted(n for n in names if NUMBERED.fullmatch(n))
    strange = [n for n in names if not n.startswith("_") and n not in numbered]
    assert not strange, f"these are no files for Fabric: {strange}"
    if not numbered:
        return [], {}
    if "_metadata.json" not in names:
        raise NotSettled
    told = json.loads(read("_metadata.json"))
    assert set(told) <= {"keyColumns"}
    numbers = [int(n[:20]) for n in numbered]
    if complete and numbers[0] != 1:
        raise NotSettled
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), f"a gap: {numbers}"
    rows: list[Row] = []
    types: dict[str, Any] = {}
    for name in numbered:
        table = pq.read_table(_buffer(read(name)))
        frame = pl.DataFrame(table)
        for field in table.schema:
            assert field.nullable, f"{field.name} could not be left out later"
            if field.name != "__rowMarker__":
                before = types.setdefault(field.name, frame.schema[field.name])
                assert before == frame.schema[field.name], f"{name}: {field.name} changes its type"
        rows = apply(rows, frame, told.get("keyColumns", []))
    return rows, types


def _buffer(data: bytes) -> io.BytesIO:
    assert data, "a file of no bytes"
    return io.BytesIO(data)


def in_folder(folder: Path) -> pl.DataFrame:
    """The rows of a table whose folder is one of this machine. Raises NotSettled while it is made
    anew."""
    try:
        before = _version(folder)
        names = sorted(os.listdir(folder)) if folder.is_dir() else []
        rows, types = replay(
            [n for n in names if (folder / n).is_file()], lambda n: (folder / n).read_bytes()
        )
        if _version(folder) != before:
            raise NotSettled
    except FileNotFoundError:
        raise NotSettled from None
    return pl.DataFrame(rows, schema=types) if types else pl.DataFrame()


def _version(folder: Path) -> tuple[int, int] | None:
    try:
        told = (folder / "_metadata.json").stat()
    except FileNotFoundError:
        return None
    return told.st_ino, told.st_mtime_ns


def put_aside(folder: Path, *, into: str = "_ProcessedFiles", keep: int = 1) -> list[str]:
    """Do as the "Cleanup process" does: move what was read, but for the last file."""
    numbered = sorted(p for p in folder.iterdir() if NUMBERED.fullmatch(p.name))
    moved = numbered[: len(numbered) - keep]
    (folder / into).mkdir(exist_ok=True)
    for path in moved:
        path.rename(folder / into / path.name)
    return [path.name for path in moved]


def purge(folder: Path, *names: str) -> None:
    """Remove what was put aside, as happens after seven days."""
    for name in names or ("_ProcessedFiles", "_FilesReadyToDelete"):
        shutil.rmtree(folder / name, ignore_errors=True)
