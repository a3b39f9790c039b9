"""What changes in a table, whatever fits memory at a time: the same as the modes' equations say."""

from __future__ import annotations

import random
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest

from hygge.core.context import CancelToken
from hygge.core.fields import Schema
from hygge.core.load import LoadRequest
from hygge.core.terms import Deletes, Terms
from hygge.files import buckets
from hygge.files.fold import Fold
from hygge.lake import folding
from hygge.lake.folding import Bounds, Brought, Folding, Frames, There
from hygge.testing._store_terms import BEGAN, SCENES, _coming, _filled, _plain
from hygge.testing.corpus import KEY
from hygge.testing.oracle import Asked, Row, after

FOLDED = sorted(name for name in SCENES if not name.startswith("delete_insert"))
LIMITS = {
    "all at once": {},
    "no hashes": {"MOST": 0},
    "many buckets": {"LEAF_BYTES": 256},
    "spilled": {"LEAF_BYTES": 256, "SPILL_BYTES": 64},
}


def in_pieces(rows: pl.DataFrame) -> Frames:
    def frames(columns: Sequence[str] | None) -> Iterator[pl.DataFrame]:
        yield from rows.select(columns or rows.columns).iter_slices(3)

    return frames


def bringing(keys: Sequence[int]) -> Brought:
    return Brought(in_pieces(pl.DataFrame({KEY: keys}, schema={KEY: pl.Int64})), lambda: len(keys))


@pytest.mark.parametrize("limits", LIMITS)
@pytest.mark.parametrize("name", FOLDED)
def test_what_changes_is_what_the_equations_say(
    name: str, limits: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place := tmp_path / "brackets [1]").mkdir()  # in which a pattern would find nothing
    monkeypatch.setattr(tempfile, "tempdir", str(place))
    for limit, value in LIMITS[limits].items():
        monkeypatch.setattr(folding if limit == "MOST" else buckets, limit, value)
    scene, rng = SCENES[name], random.Random(name)
    held: list[Row] = []
    table: pl.DataFrame | None = None
    for turn in range(6):
        at = BEGAN + timedelta(microseconds=turn)
        terms = replace(scene.terms, at=at)
        coming, fields = _coming(scene, rng, turn, at)
        asked = Asked(scene.mode, [KEY], at=at, **scene.asked)
        brought = None
        if terms.finds:
            ids = {r[KEY] for r in coming} | {i for i in range(9) if rng.random() < 0.6}
            asked = replace(asked, present=frozenset((i,) for i in ids))
            told = [i for i in range(9) if (i in ids) != asked.told]
            brought = bringing(told)
        request = LoadRequest("t", scene.mode, fields, "", "", keys=(KEY,), terms=terms)
        rows = in_pieces(pl.DataFrame(coming, schema=fields.physical))
        keeps = table is not None and table.height and scene.mode != "replace"
        table = folded(request, fields, rows, brought, table if keeps else None)
        held = after(held, _filled(scene, coming), asked)
        assert sorted(map(_plain, table.to_dicts()), key=repr) == sorted(
            map(_plain, held), key=repr
        )


def folded(
    request: LoadRequest,
    fields: Schema,
    rows: Frames,
    brought: Brought | None,
    table: pl.DataFrame | None,
) -> pl.DataFrame:
    """The table after a load."""
    terms = request.terms
    ends = terms.versions.valid_to if request.mode == "scd2" else ""

    def there(columns: Sequence[str] | None, bounds: Bounds) -> Iterator[pl.DataFrame]:
        assert table is not None
        yield from in_pieces(
            table.filter(*(pl.col(n).is_between(*span) for n, span in bounds.items()))
        )(columns)

    stored = request.stored
    old = None if table is None else There(there, lambda: table.height)
    added, left = [stored.empty()], [pl.DataFrame(schema={KEY: pl.Int64})]
    Folding(Fold(request, stored), fields, rows, brought, old, CancelToken()).run(
        added.append, left.append
    )
    if table is None:
        return pl.concat(added)
    goes = pl.col(KEY).is_in(pl.concat(left)[KEY].implode())
    if ends:
        goes &= pl.col(ends).is_null()
    return pl.concat([table.filter(~goes), *added])


def test_rows_that_stay_as_they_are_are_not_written() -> None:
    scene = SCENES["scd2, closing"]
    fields = Schema.of(pl.DataFrame(schema={KEY: pl.Int64, "v": pl.String}))
    rows = pl.DataFrame({KEY: range(20), "v": [str(at) for at in range(20)]})
    request = LoadRequest("t", "scd2", fields, "", "", keys=(KEY,), terms=scene.terms)
    table = folded(request, fields, in_pieces(rows), None, None)
    later = replace(scene.terms, at=BEGAN + timedelta(seconds=1), whole=True)
    changed = rows.with_columns(v=pl.when(pl.col(KEY) == 3).then(pl.lit("new")).otherwise("v"))
    added, left = list[pl.DataFrame](), list[pl.DataFrame]()
    Folding(
        Fold(replace(request, terms=later), request.stored), fields,
        in_pieces(changed.filter(pl.col(KEY) != 5)), None,
        There(lambda columns, bounds: in_pieces(table)(columns), lambda: table.height),
        CancelToken(),
    ).run(added.append, left.append)  # fmt: skip
    assert sorted(pl.concat(left)[KEY].to_list()) == [3, 5]
    assert sorted(pl.concat(added)[KEY].to_list()) == [3, 3, 5]


@pytest.mark.parametrize("most", [0, 8_000_000], ids=["too many change", "few change"])
def test_buckets_are_as_many_as_the_table_needs(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few rows come."""
    bound, taken = 4096, list[float]()
    monkeypatch.setattr(folding, "MOST", most)
    monkeypatch.setattr(buckets, "LEAF_BYTES", bound)
    take = buckets.Sorter.take

    def noted(self: buckets.Sorter, number: int, fields: Schema) -> pl.DataFrame:
        rows = take(self, number, fields)
        taken.append(rows.estimated_size())
        return rows

    monkeypatch.setattr(buckets.Sorter, "take", noted)
    fields = Schema.of(pl.DataFrame(schema={KEY: pl.Int64, "v": pl.Int64}))
    table = pl.DataFrame({KEY: range(3000), "v": [1] * 3000})
    terms = Terms(at=BEGAN, deletes=Deletes(hard=True, find=True))
    request = LoadRequest("t", "merge", fields, "", "", keys=(KEY,), terms=terms)
    some = pl.DataFrame({KEY: [0, 1], "v": [2, 2]})
    now = folded(request, fields, in_pieces(some), bringing(range(2000)), table)
    assert sorted(now[KEY]) == list(range(2000)) and now["v"].sum() == 2002
    assert 0 < max(taken) <= bound
