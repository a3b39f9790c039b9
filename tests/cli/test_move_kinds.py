"""`hygge move` over every kind of place that a path or a URL names, there and back."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import date
from decimal import Decimal
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.cli.support import hygge

from hygge.cli.places import parse_place
from hygge.core.errors import ConfigError

PLACES = {  # the destination, and the source that it is afterwards; the table is 't' if unsaid
    "parquet": ("out/t", "out/t"), "parquet://": ("parquet://out/t", "out/t"),
    "csv": ("csv://out/t", "out/t/part-*.csv"), "ndjson": ("ndjson://out/t", "ndjson://out/t"),
    "ipc": ("ipc://out/t", "out/t"), "delta": ("delta://lake/t", "delta://lake/t"),
    "a folder of delta": ("delta://lake/t", "lake/t"),
    "iceberg": ("iceberg://lake", "iceberg://lake#t"),
    "sqlite": ("sqlite:///w.db", "w.db#t"), "sqlite's file": ("w.sqlite#u", "sqlite:///w.sqlite#u"),
    "duckdb": ("duckdb:///w.duckdb#t", "w.duckdb#t"), "duckdb's file": ("w.duckdb", "w.duckdb#t"),
    "pysqlite": ("w.db", "sqlite+pysqlite:///w.db#t"), "pymysql": ("{pymysql}", "{pymysql}#t"),
    "postgres": ("{postgres}#u", "{postgres}#public.u"), "mysql": ("{mysql}", "{mysql}#t"),
}  # fmt: skip


@pytest.mark.parametrize("kind", list(PLACES))
def test_there_and_back(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db, db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, price DECIMAL(9,2), day DATE)")
        db.execute("INSERT INTO t VALUES (1, 1.25, '2024-02-29'), (2, NULL, NULL)")
    there, back = PLACES[kind]
    if (server := kind.removeprefix("py")) in ("postgres", "mysql"):
        url = request.getfixturevalue(f"{server}_url")
        urls = {"postgres": url, "mysql": url, "pymysql": url.replace("://", "+pymysql://", 1)}
        there, back = there.format_map(urls), back.format_map(urls)
    hygge("move", "shop.db#t", there, cwd=tmp_path)
    hygge("move", back, "back", cwd=tmp_path)
    found = pl.read_parquet(tmp_path / "back" / "*.parquet").sort("id")
    assert found.select("id", pl.col("price").cast(pl.Decimal(9, 2)), "day").rows() == [
        (1, Decimal("1.25"), date(2024, 2, 29)), (2, None, None),
    ]  # fmt: skip


NEEDS_A_FLOW = {"onelake", "open_mirroring"}


@pytest.mark.parametrize("side", ["home", "store"])
def test_every_type_can_be_named_or_says_what_it_needs(side: Any) -> None:
    """No hint leads in a circle."""
    kinds = {point.name for point in entry_points(group=f"hygge.{side}s")}
    kinds -= {"sql"}  # whose URLs begin with the dialect's name
    assert {"delta", "iceberg", "postgres", "csv"} < kinds
    for kind in kinds - NEEDS_A_FLOW:
        assert parse_place(f"{kind}://x/y#t", side).type == kind
    for kind in kinds & NEEDS_A_FLOW:
        with pytest.raises(ConfigError) as caught:
            parse_place(f"{kind}://x/y#t", side)
        assert caught.value.hint == f"write a flow for it, with `type: {kind}`"


def test_nothing_is_made_where_something_is_to_be_read(tmp_path: Path) -> None:
    for place in ("iceberg://in#t", "delta://in", "in/w.db#t", "in/w.duckdb#t", "in"):
        (tmp_path / "in").mkdir(exist_ok=True)
        hygge("move", place, "out", cwd=tmp_path, code=1)
        assert not [*(tmp_path / "in").iterdir()], place


@pytest.mark.parametrize("side", [0, 1])
def test_an_unknown_scheme_says_what_is_known(side: int, tmp_path: Path) -> None:
    sides = ["shop.db#t", "out"]
    sides[side] = "gopher://host/t"
    done = hygge("move", *sides, cwd=tmp_path, code=2)
    assert f"'gopher://' is no {('source', 'destination')[side]} that is known" in done.err
    assert "delta://, duckdb://" in done.err and "s3://" in done.err
