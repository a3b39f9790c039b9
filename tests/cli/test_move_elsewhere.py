"""`hygge move` and `hygge debug` with files elsewhere."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from uuid import uuid4

import polars as pl
import pytest
from tests.cli.support import hygge
from tests.servers.objects import Emulator

from hygge.cli.places import parse_place
from hygge.core.errors import ConfigError


def test_a_table_there_and_back(s3: Emulator, tmp_path: Path) -> None:
    """S3 is found by what the environment says, as AWS's own tools find it."""
    settings = s3.settings()
    env = {
        "AWS_ACCESS_KEY_ID": settings["access_key_id"], "AWS_REGION": settings["region"],
        "AWS_SECRET_ACCESS_KEY": settings["secret_access_key"],
        "AWS_ENDPOINT_URL": settings["endpoint"],
    }  # fmt: skip
    with closing(sqlite3.connect(tmp_path / "x.db")) as db, db:
        db.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "é"), (2, None)])
    place = f"{s3.url}/m{uuid4().hex[:8]}/t"
    hygge("move", "sqlite:///x.db#t", place, cwd=tmp_path, env=env)
    hygge("move", place, "data/back", cwd=tmp_path, env=env)
    found = pl.read_parquet(tmp_path / "data/back/part-*.parquet").sort("id")
    assert found.rows() == [(1, "é"), (2, None)]


PROJECT = """
connections:
  lake: {type: s3, url: "%s", endpoint: "%s", access_key_id: tester, secret_access_key: "%s"}
flows:
  orders:
    home: {type: csv, path: orders.csv}
    store: {type: parquet, connection: lake, path: "%s"}
    mode: append
    full_append: true
  back:
    home: {type: parquet, connection: lake, path: "%s"}
    store: {type: parquet, path: data/back}
"""


def test_a_project_with_files_elsewhere(s3: Emulator, tmp_path: Path) -> None:
    """`debug` says what lies there, `go` loads, `compact` joins, and secrets do not show."""
    own, secret = f"p{uuid4().hex[:8]}", s3.settings()["secret_access_key"]
    text = PROJECT % (s3.url, s3.settings()["endpoint"], secret, own, own)
    (tmp_path / "hygge.yml").write_text(text)
    (tmp_path / "orders.csv").write_text("id,name\n1,a\n")
    before = hygge("debug", cwd=tmp_path, code=1)  # nothing to read back yet
    assert f"{s3.url}/{own}" in before.out and "nothing of hygge's yet" in before.out
    for _ in range(3):
        hygge("go", "--flow", "orders", cwd=tmp_path)
    after = hygge("debug", cwd=tmp_path)
    assert "3 rows, generation 3" in after.out and "2 columns, 3 rows" in after.out
    joined = hygge("compact", "orders", cwd=tmp_path)
    assert "3 files are now 1" in joined.out
    hygge("go", "--flow", "back", cwd=tmp_path)
    assert pl.read_parquet(tmp_path / "data/back/part-*.parquet").height == 3
    for done in (before, after, joined):
        assert secret not in done.out + done.err


def test_places_of_files() -> None:
    place = parse_place("s3://b/x/orders", "store")
    assert (place.type, place.name, place.settings) == (
        "parquet", "orders", {"path": "s3://b/x/orders"},
    )  # fmt: skip
    assert parse_place("az://c/in/*.csv", "home").type == "csv"
    assert parse_place("sftp://me@host/in/orders.ndjson", "home").name == "orders"
    with pytest.raises(ConfigError) as caught:
        parse_place("gs://b/orders.csv", "store")
    assert caught.value.hint == "gs://b/orders is a folder"
