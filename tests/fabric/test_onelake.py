"""OneLake, by a stand-in for it, and Azurite: what is asked there, and what comes of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import polars as pl
import pytest
from deltalake import DeltaTable
from tests.fabric import replicator
from tests.fabric.onelake import TOKEN, Held, onelake
from tests.servers.objects import Emulator

from hygge import (
    ConfigError,
    ConflictError,
    ConnectError,
    DeltaStore,
    OneLakeStore,
    OpenMirroringStore,
    ParquetHome,
    ParquetStore,
    Store,
    TransientError,
)
from hygge.core import registry
from hygge.core.context import Context, Surroundings
from hygge.core.fields import Schema
from hygge.core.settings import build
from hygge.lake.mirror import publish
from hygge.storage.azure import AzureConnection
from hygge.storage.onelake import Remover
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

ZONE = "https://onelake.dfs.fabric.microsoft.com/ws/db/Files/LandingZone"
AN_ID = "6f9619ff-8b86-d011-b42d-00c04fc964ff"
T1, T2 = "00000000000000000001.parquet", "00000000000000000002.parquet"
Read = Callable[[], list[tuple[Any, ...]]]


def rows(*ids: int, text: str = "x") -> pl.DataFrame:
    return pl.DataFrame({"k": ids, "v": [text] * len(ids)}, schema={"k": pl.Int64, "v": pl.String})


@pytest.fixture
def fabric() -> Iterator[Held]:
    with onelake() as held:
        yield held


@pytest.fixture
def around(fabric: Held, monkeypatch: pytest.MonkeyPatch) -> Surroundings:
    """A connection with an identity, which is given a token for storage."""

    def get_token(scope: str) -> SimpleNamespace:
        assert scope == "https://storage.azure.com/.default"
        return SimpleNamespace(token=TOKEN, expires_on=int(time.time()) + 3600)

    monkeypatch.setattr(
        AzureConnection, "credential", lambda self: SimpleNamespace(get_token=get_token)
    )
    return Surroundings(connections={"fabric": connection(fabric, auth="managed_identity")})


def connection(fabric: Held, **settings: Any) -> AzureConnection:
    at = f"http://127.0.0.1:{fabric.port}/onelake"
    given = {"endpoint": at, "timeout": "20s", **settings}
    made: AzureConnection = build(AzureConnection, "the test", given, {})
    return made


@pytest.fixture
def store(around: Surroundings) -> Store:
    return OpenMirroringStore("t", landing_zone=ZONE, connection="fabric", table="sales.t").bind(
        around
    )


def mirrored(fabric: Held) -> list[tuple[Any, ...]]:
    folder = "db/Files/LandingZone/sales.schema/t/"
    files = {p.removeprefix(folder): d for p, d in fabric.files.items() if p.startswith(folder)}
    found, _ = replicator.replay([n for n in files if "/" not in n], files.__getitem__)
    return sorted(tuple(row.values()) for row in found)


# The landing zone ---------------------------------------------------------------------------------


def test_what_is_asked_of_onelake(store: Store, fabric: Held) -> None:
    load_frames(store, [rows(1)], "merge", ["k"])
    puts = [(path, told.get("If-None-Match")) for method, path, told in fabric.asked
            if method == "PUT"]  # fmt: skip
    assert len(puts) == 5 and {condition for _, condition in puts} == {"*"}
    zone = "/onelake/ws/db/Files/LandingZone"
    assert [path for path, _ in puts if "/_hygge/" not in path] == [
        f"{zone}/sales.schema/t/_metadata.json", f"{zone}/sales.schema/t/{T1}",
    ]  # fmt: skip
    assert all(told["Authorization"] == f"Bearer {TOKEN}" for _, _, told in fabric.asked)
    assert not [path for method, path, _ in fabric.asked if method == "POST"]
    assert mirrored(fabric) == [(1, "x")]


def test_a_full_reload_leaves_no_folder_of_before(store: Store, fabric: Held) -> None:
    """Folders are there by themselves, and Fabric tells by the folder that the table is another."""
    load_frames(store, [rows(1)], "append")
    load_frames(store, [rows(2)], "append")
    folder = "db/Files/LandingZone/sales.schema/t"
    fabric.files[f"{folder}/_ProcessedFiles/{T1}"] = fabric.files.pop(f"{folder}/{T1}")
    fabric.folders.add(f"{folder}/_ProcessedFiles")
    fabric.asked.clear()
    load_frames(store, [rows(3)], "replace")
    gone = [path.removeprefix(f"/onelake/ws/{folder}") for method, path, _ in fabric.asked
            if method == "DELETE" and folder in path]  # fmt: skip
    assert gone == [
        "/_metadata.json", f"/{T2}", f"/_ProcessedFiles/{T1}", "/_metadata.json",
        "/_ProcessedFiles", "",
    ]  # fmt: skip
    assert mirrored(fabric) == [(3, "x")]
    own = [p for p in fabric.folders if "/_hygge/" in p and "stage-" in p]
    assert own == [], "nor of what waited"


def test_fabric_uses_the_folder(store: Store, fabric: Held, monkeypatch: Any) -> None:
    """What cannot be removed now is removed by the next run."""
    monkeypatch.setattr(publish.Publisher, "grace", timedelta())
    load_frames(store, [rows(1)], "append")
    folder = "db/Files/LandingZone/sales.schema/t"
    fabric.locked.add(folder)
    with pytest.raises(TransientError, match="perhaps because Fabric reads it"):
        load_frames(store, [rows(2)], "replace")
    fabric.locked.clear()
    state = state_of(store)
    assert state is not None and state.generation == 2
    assert mirrored(fabric) == [(2, "x")]


def test_who_may_not(fabric: Held) -> None:
    around = Surroundings(connections={"fabric": connection(fabric, sas_token="?sv=1&sig=Zq7")})
    store = OpenMirroringStore("t", landing_zone=ZONE, connection="fabric").bind(around)
    with pytest.raises(ConnectError) as caught:
        state_of(store)
    assert "Zq7" not in str(caught.value)


def test_removing_one_by_one(fabric: Held) -> None:
    url = f"http://127.0.0.1:{fabric.port}/onelake/ws"
    fetched = list[int]()

    def tokens() -> dict[str, Any]:
        fetched.append(1)
        return {"token": TOKEN, "expires_at": datetime.max.replace(tzinfo=UTC)}

    remove = Remover(url, tokens, "", 10)
    fabric.files["db/Files/a b/é%.txt"] = b"x"
    remove("db/Files/a b/é%.txt")
    remove("db/Files/a b/é%.txt")  # what is not there is not missed
    assert fabric.files == {} and len(fetched) == 1
    fabric.folders |= {"db/Files/f", "db/Files/f/g"}
    with pytest.raises(ConnectError, match="409 DirectoryIsNotEmpty"):
        remove("db/Files/f")
    with pytest.raises(ConnectError, match="401") as caught:
        Remover(url, None, "sv=1&sig=Zq7", 10)("db/Files/f")
    assert "Zq7" not in str(caught.value)
    with pytest.raises(TransientError):
        Remover("http://127.0.0.1:9/ws", None, "", 10)("x")
    fabric.busy = 1
    with pytest.raises(TransientError, match="503"):
        remove("db/Files/f/g")


# The same in Azurite ------------------------------------------------------------------------------


@pytest.fixture
def azurite(emulators: Callable[[str], Emulator]) -> tuple[Store, Read]:
    """A table in a landing zone there, and what a stand-in for Fabric makes of it."""
    emulator = emulators("azure")
    made = build(
        registry.lookup("connection", "azure"), "the test", emulator.settings(), {}
    )  # fmt: skip
    zone = f"z{uuid4().hex}/Files/LandingZone"
    found = OpenMirroringStore("t", landing_zone=zone, connection="here", part_rows=3).bind(
        Surroundings(connections={"here": made})
    )
    tree = made.connect(made.address(""))

    def read() -> list[tuple[Any, ...]]:
        names = [entry.name for entry in tree.below(f"{zone}/t")]
        got, _ = replicator.replay(names, lambda name: tree.read(f"{zone}/t/{name}"))
        return sorted(tuple(row.values()) for row in got)

    return found, read


def test_every_mode_in_azurite(azurite: tuple[Store, Read]) -> None:
    store, read = azurite
    load_frames(store, [rows(*range(8))], "replace")
    load_frames(store, [rows(8)], "append")
    load_frames(store, [rows(7, 8, 9, 10, text="new")], "merge", ["k"])
    expected = [*rows(*range(7)).rows(), *rows(7, 8, 9, 10, text="new").rows()]
    assert read() == expected
    state = state_of(store)
    assert state is not None and (state.generation, state.loaded) == (3, 4)
    load_frames(store, [rows(1)], "replace")
    assert read() == [(1, "x")]


def test_of_loads_at_once_in_azurite_one_wins(azurite: tuple[Store, Read]) -> None:
    store, read = azurite
    load_frames(store, [rows(0)], "append")
    won, lost, start = list[int](), list[int](), threading.Barrier(4)

    def work(number: int) -> None:
        with store.open(Context()) as session:
            load = session.begin(request_for(session.state(), Schema.of(rows()), "append"))
            receipt = write(load, [rows(number)])
            start.wait(60)
            try:
                commit(load, [receipt])
                won.append(number)
            except ConflictError:
                lost.append(number)

    threads = [threading.Thread(target=work, args=[n]) for n in (1, 2, 3, 4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(won), len(lost)) == (1, 3)
    assert read() == [(0, "x"), (won[0], "x")]


# Tables and files ---------------------------------------------------------------------------------


def test_addresses() -> None:
    def place(**settings: Any) -> str:
        given = {"workspace": "sales", "item": "shop.Lakehouse", **settings}
        return OneLakeStore("users", options=given).place()

    root = "abfss://sales@onelake.dfs.fabric.microsoft.com/shop.Lakehouse"
    assert place() == f"{root}/Tables/users"
    assert place(table="dbo.users") == f"{root}/Tables/dbo/users"
    assert place(files="/landing/users/") == f"{root}/Files/landing/users"
    assert place(region="WestUS").startswith("abfss://sales@westus-onelake.dfs.fabric.")
    ids = {"workspace": str(uuid4()), "item": str(uuid4())}
    assert place(**ids).endswith(f"/{ids['item']}/Tables/users")


@pytest.mark.parametrize(
    "wrong",
    [
        {"workspace": "my sales"}, {"item": "shop"}, {"item": AN_ID},
        {"table": "a", "files": "b"}, {"options": {"path": "x"}}, {"options": {"colour": "red"}},
        {"table": "a/b"}, {"files": "../x"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_no_address(around: Surroundings, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        OneLakeStore("t", options={"workspace": "ws", "item": "s.Lakehouse", **wrong}).bind(around)


def test_entities() -> None:
    place = OneLakeStore.place_entity
    assert place({}, "dbo.users", shared=True) == {"table": "dbo.users"}
    assert place({"files": "in"}, "users", shared=True) == {"files": "in/users"}
    assert place({"files": "in"}, "users", shared=False) == {"files": "in"}


def at(around: Surroundings, **settings: Any) -> Any:
    given = {"workspace": "ws", "item": "shop.Lakehouse", "connection": "fabric", **settings}
    return OneLakeStore("users", options=given).bind(around)


def test_a_table(around: Surroundings, fabric: Held) -> None:
    store = at(around, table="dbo.users", options={"compression": "snappy"})
    assert isinstance(store, DeltaStore) and store.config.compression == "snappy"
    load_frames(store, [rows(1, 2)], "replace")
    load_frames(store, [rows(3)], "append")
    assert any(p.startswith("shop.Lakehouse/Tables/dbo/users/_delta_log/") for p in fabric.files)
    place = store.table
    assert place is not None
    table = DeltaTable(place.address, storage_options=place.revealed()).to_pyarrow_table()
    assert sorted(table["k"].to_pylist()) == [1, 2, 3]
    load_frames(store, [rows(3, 4, text="new")], "merge", ["k"])
    state = state_of(store)
    assert state is not None and state.generation == 3
    table = DeltaTable(place.address, storage_options=place.revealed()).to_pyarrow_table()
    got = sorted(zip(table["k"].to_pylist(), table["v"].to_pylist(), strict=True))
    assert got == [(1, "x"), (2, "x"), (3, "new"), (4, "new")]


def test_files(around: Surroundings, fabric: Held) -> None:
    store = at(around, files="landing/users")
    assert isinstance(store, ParquetStore)
    load_frames(store, [rows(1, 2)], "replace")
    load_frames(store, [rows(2, 3, text="new")], "merge", ["k"])
    assert any(p.startswith("shop.Lakehouse/Files/landing/users/") for p in fabric.files)
    home = ParquetHome("users", path=store.config.path, connection="fabric").bind(around)
    assert sorted(pl.concat(home.read_sync()).rows()) == [(1, "x"), (2, "new"), (3, "new")]
