"""What a bucket holds after a load is what the modes' equations say."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import polars as pl
import pytest

from hygge.core.errors import DataError
from hygge.core.fields import Schema
from hygge.core.load import LoadRequest
from hygge.core.terms import Terms
from hygge.files.fold import Fold, once
from hygge.testing._store_terms import BEGAN, FIELDS, SCENES, _coming, _filled, _plain
from hygge.testing.corpus import KEY
from hygge.testing.oracle import Asked, Row, after

KEYED = {n: s for n, s in SCENES.items() if not s.by_window and s.mode != "replace"}


@pytest.mark.parametrize("name", KEYED)
@pytest.mark.parametrize("seed", range(20))
def test_any_history_of_a_bucket(name: str, seed: int) -> None:
    scene, rng = KEYED[name], random.Random(seed)
    held: list[Row] = []
    old: pl.DataFrame | None = None
    for turn in range(6):
        at = BEGAN + timedelta(seconds=turn)
        coming, fields = _coming(scene, rng, turn, at)
        terms = replace(scene.terms, at=at)
        request = LoadRequest("t", scene.mode, fields, "f", "l", keys=(KEY,), terms=terms)
        fold = Fold(request, request.stored)
        old = request.stored.empty() if old is None else old
        asked, present = Asked(scene.mode, [KEY], at=at, **scene.asked), None
        if terms.finds:
            ids = sorted({r[KEY] for r in coming} | {i for i in range(9) if rng.random() < 0.6})
            asked = replace(asked, present=frozenset((i,) for i in ids))
            if asked.told:
                ids = [i for i in range(9) if i not in ids]
            present = pl.DataFrame({KEY: ids}, schema={KEY: pl.Int64})
        before = held
        held = after(held, _filled(scene, coming), asked)
        found = fold.run(old, pl.DataFrame(coming, schema=fields.physical), present)
        old = found.rows
        assert old.schema == request.stored.physical
        assert _sorted(old.to_dicts()) == _sorted(held)
        if terms.finds:
            assert 0 <= found.gone.vanished <= found.gone.living <= len(before)


def _sorted(rows: list[Row]) -> list[Any]:
    return sorted(map(_plain, rows), key=repr)


def test_rows_that_are_equally_late_and_differ() -> None:
    rows = pl.DataFrame({KEY: [1, 1, 2], "v": ["a", "b", "c"], "position": [5, 5, 1]})
    with pytest.raises(DataError, match="k=1 and the same position") as caught:
        once(rows, [KEY], latest="position", entity="t", where="one load")
    assert "deduplicate" in (caught.value.hint or "")
    same = once(rows, [KEY], unlike=["v"], entity="t", where="one load")
    assert same[KEY].to_list() == [1, 2]
    assert FIELDS.names[0] == KEY


POSITIONS = (None, float("-inf"), 1.0, 5.0, float("inf"), float("nan"))


@pytest.mark.parametrize("held", POSITIONS)
@pytest.mark.parametrize("coming", list(permutations(POSITIONS, 2)))
def test_which_position_is_the_latest(held: float | None, coming: tuple[float | None, ...]) -> None:
    """NULL is before all others, and NaN after them, within a load and against what is there."""
    terms, fields = Terms(latest="p"), {KEY: pl.Int64, "p": pl.Float64}
    there = [{KEY: 1, "p": held}]
    rows = [{KEY: 1, "p": p} for p in coming]
    frame = pl.DataFrame(rows, schema=fields)
    request = LoadRequest("t", "merge", Schema.of(frame), "f", "l", keys=(KEY,), terms=terms)
    found = Fold(request, request.stored).run(pl.DataFrame(there, schema=fields), frame)
    best = max((held, *coming), key=POSITIONS.index)
    expected = after(there, rows, Asked("merge", [KEY], latest="p"))
    assert repr(found.rows["p"].to_list()) == repr([best]) == repr([r["p"] for r in expected])
