"""A Delta table as a Store and a Home see it: opened at a version, its state, its commits."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, Transaction, WriterProperties
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from hygge.core.errors import StateError
from hygge.core.state import State
from hygge.files import local
from hygge.lake import faults
from hygge.lake.parts import PIECE_ROWS
from hygge.lake.place import Place
from hygge.lake.shelf import Shelf

APPLICATION = "hygge"
"""The application whose transactions point at the states."""
FOLDER = "_hygge"
"""What is hygge's own in a table's folder; readers and Delta's vacuum pass it over."""
_GENERATION = 1 << 32


def opened(place: Place, version: int | None = None) -> DeltaTable | None:
    """The table, at its newest version or an older one; None where there is none."""
    if place.local is not None and not (place.local / "_delta_log").is_dir():
        return None
    with telling(place):
        try:
            return DeltaTable(place.address, version=version, storage_options=place.revealed())
        except TableNotFoundError:
            return None


@contextmanager
def telling(place: Place) -> Iterator[None]:
    """Turn what deltalake and the operating system say into errors for people; but a commit's own
    failure stays: the commit knows what it means."""
    failed: CommitFailedError | None = None
    with faults.telling(place, DeltaError):
        try:
            yield
        except CommitFailedError as error:
            failed = error
    if failed is not None:
        raise failed


def next_number(generation: int) -> int:
    """The number of a state: of its transaction, and in its name. Of a later generation it is
    larger, and no two loads have the same."""
    return generation * _GENERATION + secrets.randbelow(_GENERATION)


def state_name(number: int) -> str:
    return f"{FOLDER}/state-{number:020d}.json"


def number_of(table: DeltaTable | None) -> int | None:
    """The number of the state that a table's version points at; None where it has none."""
    return None if table is None else table.transaction_version(APPLICATION)


def properties(number: int, *, retries: int) -> CommitProperties:
    """How a load commits: its transaction, which excludes any other of hygge's at this moment, and
    how often it may be tried anew on top of what others than hygge commit."""
    now = int(datetime.now(UTC).timestamp() * 1000)
    return CommitProperties(
        app_transactions=[Transaction(APPLICATION, number, now)], max_commit_retries=retries
    )


def writing(compression: str) -> WriterProperties:
    """How the library writes files, where it does: as hygge writes them.

    Parameters
    ----------
    compression: the codec of the pages, as Polars names it; zstd at level 1.
    """
    codec: Any = "LZ4_RAW" if compression == "lz4" else compression.upper()
    return WriterProperties(
        compression=codec, compression_level=1 if compression == "zstd" else None,
        max_row_group_size=PIECE_ROWS,
    )  # fmt: skip


def read_state(table: DeltaTable, shelf: Shelf, place: Place) -> State | None:
    """The state that a table's version points at, with the rows that version has.

    Raises FileNotFoundError where it is gone, StateError where it is damaged.
    """
    number = number_of(table)
    if number is None:
        return None
    state = State.from_json(shelf.read(state_name(number)), place=str(place))
    if state.generation != number // _GENERATION:
        raise StateError(
            f"{place}: its state is of generation {state.generation}, and the table's of "
            f"{number // _GENERATION}",
            hint="restore the table from a backup, or move it away and load anew",
        )
    return state if state.rows is not None else replace(state, rows=row_count(table))


def held_state(place: Place, shelf: Shelf) -> tuple[DeltaTable | None, State | None]:
    """The table as it is now, and what it holds; None for what is not there.

    Raises StateError where the state is gone or damaged.
    """
    seen = None
    while True:
        table = opened(place)
        if table is None:
            return None, None
        try:
            return table, read_state(table, shelf, place)
        except FileNotFoundError:
            # Another load has replaced it under our eyes, unless the table still points at it.
            if seen == number_of(table):
                raise StateError(
                    f"{place}: its state {state_name(seen or 0)} is missing",
                    hint="restore the table from a backup, or move it away and load anew",
                ) from None
            seen = number_of(table)


def row_count(table: DeltaTable) -> int | None:
    """A version's rows, from its log; None where that does not tell."""
    if "deletionVectors" in (table.protocol().reader_features or ()):
        return None
    actions = pl.DataFrame(table.get_add_actions(flatten=True))
    if "num_records" not in actions.columns or actions["num_records"].null_count():
        return None
    return int(actions["num_records"].sum())


def byte_count(table: DeltaTable) -> int:
    """The bytes of a version's files."""
    return int(pl.DataFrame(table.get_add_actions())["size_bytes"].sum())


def sizes_of(table: DeltaTable) -> dict[str, int]:
    """The bytes of a version's files that lie in the table's folder, by their names there."""
    files = pl.DataFrame(table.get_add_actions()).select("path", "size_bytes")
    return {unquote(path): size for path, size in files.iter_rows() if "://" not in path}


def forget_states(shelf: Shelf, number: int) -> None:
    """Remove the states that no commit points at, now that one points at this number."""
    known = (entry.name for entry in shelf.entries(FOLDER))
    own = [name for name in known if name.startswith(f"{FOLDER}/state-")]
    generation = state_name((number // _GENERATION + 1) * _GENERATION)
    shelf.remove([name for name in own if name < generation and name != state_name(number)])


def make_log_durable(folder: Path | None, after: int) -> None:
    """Have the log's entries after a version on disk: the library leaves that to the system."""
    if folder is None:
        return
    log = folder / "_delta_log"
    for entry in log.glob("*.json"):
        if entry.stem.isdigit() and int(entry.stem) > after:
            local.sync(entry)
    local.sync(log)
    local.sync(folder)


def columns_of(table: DeltaTable) -> set[str]:
    return {field.name for field in table.schema().fields}


def scanned(
    table: DeltaTable, columns: Sequence[str], condition: str = ""
) -> Iterator[pl.DataFrame]:
    """The rows of a version that meet a condition, in those of some columns that it has."""
    there = columns_of(table)
    yield from scan(table, [name for name in columns if name in there], condition)


def scan(table: DeltaTable, columns: Sequence[str], condition: str = "") -> Iterator[pl.DataFrame]:
    """The rows of a version that meet a condition, in some of its columns.

    pyarrow draws them, for it lets go of the interpreter's lock while it waits. deltalake's own
    iteration keeps it, and waits for threads of deltalake that may be waiting for that very lock
    to draw the rows of another table's MERGE.

    Raises DeltaError.
    """
    found = table.scan(columns=list(columns), predicate=condition or None)
    try:
        for batch in pa.RecordBatchReader.from_stream(found):
            yield pl.DataFrame(batch)
    except pa.ArrowException as error:  # as which it comes out of the stream
        raise DeltaError(str(error)) from error
