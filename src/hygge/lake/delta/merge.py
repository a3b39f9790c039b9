"""Bringing rows into a table that has some, in one commit, by Delta's MERGE."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl
import pyarrow as pa
from deltalake import CommitProperties, DeltaTable, WriterProperties
from deltalake.table import TableMerger

from hygge.core.context import CancelToken
from hygge.core.fields import Schema
from hygge.lake.once import COMES
from hygge.lake.parts import Datafile

Frames = Callable[[], Iterator[pl.DataFrame]]


@dataclass(frozen=True)
class How:
    """How a MERGE is done.

    Parameters
    ----------
    commit, writing: properties of its commit and of the files it writes.
    widens: whether columns come that the table does not have.
    """

    commit: CommitProperties
    writing: WriterProperties
    widens: bool


class Stream:
    """Frames for deltalake to draw from; what goes wrong while it does is kept in `error`."""

    def __init__(self, schema: pl.Schema, frames: Frames, cancel: CancelToken) -> None:
        self._schema = pl.DataFrame(schema=schema).to_arrow().schema
        self._frames, self._cancel = frames, cancel
        self.error: BaseException | None = None

    def reader(self) -> pa.RecordBatchReader:
        return pa.RecordBatchReader.from_batches(self._schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            for frame in self._frames():
                self._cancel.check()
                yield from frame.to_arrow().cast(self._schema).to_batches()
        except BaseException as error:
            self.error = error  # what is raised into a library comes out of it as text
            raise


def quoted(name: str) -> str:
    """A column's name in DataFusion's SQL as deltalake has it."""
    return "`" + name.replace("`", "``") + "`"


def merge(
    table: DeltaTable,
    stream: Stream,
    names: Sequence[str],
    keys: Sequence[str],
    bounds: Sequence[str],
    how: How,
) -> None:
    """Replace the rows whose key comes, and add the others.

    Parameters
    ----------
    table: at the version that is merged into.
    stream: the rows, of all columns; every key once.
    names, keys: all columns; those of the key.
    bounds: conditions that all keys of the stream meet, of the target `t`: they let files be
        passed over.
    how: it is done.
    """
    values = {quoted(name): f"s.{quoted(name)}" for name in names}
    _run(
        table, stream, [*_same(keys), *bounds], how,
        lambda m: m.when_matched_update(values).when_not_matched_insert(values),
    )  # fmt: skip


def delete_insert(
    table: DeltaTable,
    stream: Stream,
    names: Sequence[str],
    keys: Sequence[str],
    bounds: Sequence[str],
    how: How,
) -> None:
    """Delete the rows whose keys are there, and add all that come. The stream has the column COMES,
    which is false for those keys. Parameters as of `merge`."""
    values = {quoted(name): f"s.{quoted(name)}" for name in names}
    _run(
        table, stream, [f"NOT s.{COMES}", *_same(keys), *bounds], how,
        lambda m: m.when_matched_delete().when_not_matched_insert(
            values, predicate=f"s.{COMES}"
        ),
    )  # fmt: skip


def _run(
    table: DeltaTable,
    stream: Stream,
    on: Sequence[str],
    how: How,
    clauses: Callable[[TableMerger], TableMerger],
) -> None:
    # Its memory is not bounded (`max_spill_size`): where the bound was reached, some never ended.
    begun = table.merge(
        stream.reader(), " AND ".join(on), source_alias="s", target_alias="t",
        merge_schema=how.widens, streamed_exec=True, writer_properties=how.writing,
        commit_properties=how.commit,
    )  # fmt: skip
    clauses(begun).execute()


def _same(keys: Sequence[str]) -> list[str]:
    return [f"t.{quoted(k)} = s.{quoted(k)}" for k in keys]


def within(bounds: Mapping[str, tuple[int, int]]) -> list[str]:
    """Conditions for rows whose whole numbers are within bounds."""
    return [
        f"{quoted(name)} >= {low} AND {quoted(name)} <= {high}"
        for name, (low, high) in bounds.items()
    ]


def bounds_of(files: Sequence[Datafile], keys: Sequence[str], lying: Schema) -> list[str]:
    """Conditions on the target `t` that every key in some files meets.

    Parameters
    ----------
    files: each with its statistics, as Delta's log has them.
    keys: the key's columns; of those that are no whole numbers nothing is said.
    lying: the fields as they lie.
    """
    told, out = [json.loads(file.facts["stats"]) for file in files], []
    for key in keys:
        known = told and all(key in each["minValues"] for each in told)
        if not known or not lying[key].type.is_integer:
            continue
        low = min(each["minValues"][key] for each in told)
        high = max(each["maxValues"][key] for each in told)
        out.append(f"t.{quoted(key)} >= {low} AND t.{quoted(key)} <= {high}")
    return out
