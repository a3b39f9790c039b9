"""Iceberg tables in object stores, each through its emulator, and in other catalogs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from pyiceberg.catalog import Catalog, load_catalog
from tests.contract import readers
from tests.contract.rest_catalog import TOKEN, served
from tests.servers.objects import Emulator

from hygge import ConfigError, ConflictError, ConnectError, IcebergHome, IcebergStore, Store
from hygge.core import registry
from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema
from hygge.core.settings import build
from hygge.lake.iceberg.upkeep import remove_old
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

KINDS = {"k": pl.Int64, "v": pl.String}


def rows(*ids: int, text: str = "x") -> pl.DataFrame:
    return pl.DataFrame({"k": ids, "v": [text] * len(ids)}, schema=KINDS)


def around(emulator: Emulator, root: Path) -> Surroundings:
    kind = registry.lookup("connection", emulator.kind)
    made = build(kind, "the test", emulator.settings(), {})
    return Surroundings(root=root, connections={"lake": made})


def every_mode(store: Store) -> list[tuple[int, str]]:
    """Load in every mode; returns what the table then has."""
    load_frames(store, [rows(1, 2)], "replace")
    load_frames(store, [rows(3)], "append")
    load_frames(store, [rows(3, 4, text="new")], "merge", ["k"])
    load_frames(store, [rows(1, 1, text="again")], "delete_insert", ["k"])
    state = state_of(store)
    assert state is not None and (state.generation, state.rows) == (4, 5)
    return [(1, "again"), (1, "again"), (2, "x"), (3, "new"), (4, "new")]


def test_object_stores(object_store: Emulator, tmp_path: Path) -> None:
    """By the same connections as everything else; hygge's own catalog stays here."""
    by = around(object_store, tmp_path)
    where = {"path": tmp_path / "lake", "connection": "lake", "warehouse": f"w{uuid4().hex}"}
    store: Any = IcebergStore("t", **where).bind(by)
    expected = every_mode(store)
    home = IcebergHome("t", **where).bind(by)
    assert sorted(pl.concat(home.read_sync()).rows()) == expected
    assert [path.name for path in (tmp_path / "lake").rglob("*")] == ["catalog.db"]
    assert store.compact(Context())[1] == 1
    catalog = store.found.catalog()
    try:
        table = catalog.load_table("default.t")
        assert table.location().startswith(object_store.url)
        assert remove_old(table, store.found, datetime(2100, 1, 1, tzinfo=UTC))
    finally:
        catalog.close()
    assert sorted(pl.concat(home.read_sync()).rows()) == expected


def test_another_program_reads_it(s3: Emulator, tmp_path: Path) -> None:
    """pyiceberg by its own way into S3."""
    where = {"path": tmp_path, "connection": "lake", "warehouse": f"w{uuid4().hex}"}
    expected = every_mode(IcebergStore("t", **where).bind(around(s3, tmp_path)))
    told = s3.settings()
    catalog = load_catalog(
        "hygge", type="sql", uri=f"sqlite:///{tmp_path / 'catalog.db'}",
        **{"s3.endpoint": told["endpoint"], "s3.access-key-id": told["access_key_id"],
           "s3.secret-access-key": told["secret_access_key"], "s3.region": told["region"]},
    )  # fmt: skip
    try:
        got = pl.DataFrame(catalog.load_table("default.t").scan().to_arrow())
    finally:
        catalog.close()
    assert sorted(got.rows()) == expected


def test_two_loads_at_once_in_an_object_store(s3: Emulator, tmp_path: Path) -> None:
    where = {"path": tmp_path, "connection": "lake", "warehouse": f"w{uuid4().hex}"}
    store = IcebergStore("t", **where).bind(around(s3, tmp_path))
    load_frames(store, [rows(1)], "replace")
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), Schema.of(rows()), "append"))
        receipt = write(load, [rows(2)])
        load_frames(store, [rows(3)], "append")
        with pytest.raises(ConflictError):
            commit(load, [receipt])
    home = IcebergHome("t", **where).bind(around(s3, tmp_path))
    assert sorted(pl.concat(home.read_sync())["k"]) == [1, 3]


def test_a_bucket_that_is_not_there(s3: Emulator, tmp_path: Path) -> None:
    where = {"path": tmp_path, "connection": "lake", "warehouse": "s3://nowhere/w"}
    store = IcebergStore("t", **where).bind(around(s3, tmp_path))
    with pytest.raises(ConnectError) as caught:
        load_frames(store, [rows(1)], "replace")
    assert "Only-For-Tests" not in str(caught.value)


# Other catalogs -----------------------------------------------------------------------------------


@pytest.fixture
def theirs(tmp_path: Path) -> Iterator[Catalog]:
    uri, warehouse = f"sqlite:///{tmp_path / 'catalog.db'}", f"file://{tmp_path}"
    found = load_catalog("hygge", type="sql", uri=uri, warehouse=warehouse)
    yield found
    found.close()


def test_a_rest_catalog(theirs: Catalog, tmp_path: Path) -> None:
    with served(theirs) as (address, calls):
        given = {"type": "rest", "uri": address, "token": TOKEN}
        store = IcebergStore("t", catalog=given).bind(Surroundings(root=tmp_path))
        expected = every_mode(store)
        home = IcebergHome("t", catalog=given).bind(Surroundings(root=tmp_path))
        assert sorted(pl.concat(home.read_sync()).rows()) == expected
        assert store.compact(Context())[1] == 1
        with store.open(Context()) as session:
            load = session.begin(request_for(session.state(), Schema.of(rows()), "append"))
            receipt = write(load, [rows(2)])
            load_frames(store, [rows(9)], "append")
            with pytest.raises(ConflictError):
                commit(load, [receipt])
    assert "POST namespaces/default/tables/t" in calls
    assert sorted(readers.iceberg(tmp_path, "t").rows()) == [*expected, (9, "x")]


def test_a_rest_catalog_that_does_not_know_us(theirs: Catalog, tmp_path: Path) -> None:
    with served(theirs) as (address, _):
        given = {"type": "rest", "uri": address, "token": "Zq7-of-another"}
        store = IcebergStore("t", catalog=given).bind(Surroundings(root=tmp_path))
        with pytest.raises(ConnectError) as caught:
            state_of(store)
        assert "Zq7" not in str(caught.value) and caught.value.hint


def test_a_rest_catalog_over_an_object_store(s3: Emulator, tmp_path: Path) -> None:
    """The catalog by its properties, the files by a connection."""
    by = around(s3, tmp_path)
    place: Any = IcebergStore("t", path=tmp_path, connection="lake", warehouse="r").bind(by)
    catalog = place.found.catalog()
    try:
        with served(catalog) as (address, _):
            given = {"type": "rest", "uri": address, "token": TOKEN}
            store = IcebergStore("t", catalog=given, connection="lake").bind(by)
            load_frames(store, [rows(1, 2)], "replace")
            load_frames(store, [rows(2, text="new")], "merge", ["k"])
            home = IcebergHome("t", catalog=given, connection="lake").bind(by)
            assert sorted(pl.concat(home.read_sync()).rows()) == [(1, "x"), (2, "new")]
    finally:
        catalog.close()


def test_glue(s3: Emulator, tmp_path: Path) -> None:
    """AWS's catalog, by the same emulator."""
    told = s3.settings()
    given = {
        "type": "glue", "glue.endpoint": told["endpoint"], "glue.region": "us-east-1",
        "glue.access-key-id": told["access_key_id"],
        "glue.secret-access-key": told["secret_access_key"],
        "warehouse": f"{s3.url}/g{uuid4().hex}",
    }  # fmt: skip
    namespace = f"n{uuid4().hex}"
    store = IcebergStore("t", catalog=given, connection="lake", namespace=namespace)
    assert "Only-For-Tests" not in repr(store.config)
    bound = store.bind(around(s3, tmp_path))
    expected = every_mode(bound)
    home = IcebergHome("t", catalog=given, connection="lake", namespace=namespace)
    assert sorted(pl.concat(home.bind(around(s3, tmp_path)).read_sync()).rows()) == expected


def test_settings_that_do_not_go_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="under `catalog`"):
        IcebergStore("t", catalog={"type": "rest"}, warehouse="s3://b/w")
    one = IcebergStore("t", path="lake").identity()
    other = IcebergStore("t", path="lake", warehouse="s3://b/w", connection="lake").identity()
    assert one != other and other["warehouse"] == "s3://b/w"
