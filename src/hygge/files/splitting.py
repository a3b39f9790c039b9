"""Splitting files into chunks: runs of row groups, record batches or whole files. Values in, values
out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from hygge.core.chunk import WHOLE, Chunk


class Unit(NamedTuple):
    """What a file can be split into: one of its row groups or record batches, or all of it.

    Parameters
    ----------
    path, number: the file, and which of its units.
    rows, bytes: what is in it; rows None where unknown.
    """

    path: str
    number: int
    rows: int | None
    bytes: int


def chunks_of(
    units: Sequence[Unit], parts: int, versions: Mapping[str, list[int | str]]
) -> tuple[Chunk, ...]:
    """Up to `parts` chunks of about the same size, which together are all units in their order.

    Parameters
    ----------
    units: of all files.
    parts: how many chunks there are at most.
    versions: of each file, by its path; a chunk carries those of its own.
    """
    parts = min(parts, len(units))
    if parts < 2:
        return (WHOLE,)
    runs = _shared(units, parts)
    return tuple(_chunk(number, run, versions) for number, run in enumerate(runs))


def _shared(units: Sequence[Unit], parts: int) -> list[list[Unit]]:
    """Units in so many runs of about the same size in bytes, none of them empty."""
    total, done = sum(unit.bytes for unit in units), 0
    runs: list[list[Unit]] = [[]]
    for number, unit in enumerate(units):
        to_open = parts - len(runs)
        due = 2 * done + unit.bytes > 2 * total * len(runs) // parts
        if runs[-1] and to_open and (due or len(units) - number <= to_open):
            runs.append([])
        runs[-1].append(unit)
        done += unit.bytes
    return runs


def _chunk(number: int, units: Sequence[Unit], versions: Mapping[str, list[int | str]]) -> Chunk:
    files: list[list[Any]] = []
    for path, unit, _, _ in units:
        if files and files[-1][0] == path and files[-1][2] == unit:
            files[-1][2] = unit + 1
        else:
            files.append([path, unit, unit + 1])
    counted = [rows for _, _, rows, _ in units]
    rows = sum(r for r in counted if r is not None) if None not in counted else None
    first, last = Path(files[0][0]).name, Path(files[-1][0]).name
    label = f"{number + 1}: {first if first == last else f'{first} to {last}'}"
    seen = {path: versions[path] for path, *_ in files}
    bounds = {"files": files, "versions": seen}
    return Chunk(index=number, label=label, bounds=bounds, rows=rows)
