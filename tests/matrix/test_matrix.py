"""Every Home to every Store: awkward values of all types, and a music shop's tables.

Rows are laid down and read back by what the connectors' own suites use for that, which shares no
code with hygge. Both sides' reviewed losses are those that their suites declare: a type that both
carry exactly must arrive exactly, whatever the other side is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.acceptance.support import as_declared
from tests.acceptance.test_chinook import generate
from tests.matrix.sides import HOMES, STORES, Side
from tests.servers import Database, Server
from tests.servers.objects import Emulator

from hygge import Flow, Home, Store
from hygge.core.conform import conform
from hygge.core.fields import Field, LogicalType, Schema, parse_type
from hygge.testing.corpus import CASES, KEY, Case
from hygge.testing.homes import HomeContract
from hygge.testing.stores import StoreContract

FEWEST_TYPES = 12
"""So many types of the corpus, at least, does any pair carry exactly: so that none is left out
because of a quirk that names too much."""
SHOP = ("Customer", "Employee", "Invoice", "MediaType", "PlaylistTrack", "Track")
"""Kinds of tables: texts, references, money and times, no rows, two keys, many rows."""
_KINDS = {"INTEGER": "int64", "DATETIME": "timestamp(us)", "NUMERIC(10,2)": "decimal(10,2)"}


@pytest.fixture(scope="module")
def in_postgres(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


@pytest.fixture(scope="module")
def in_mysql(mysql_server: Server) -> Iterator[Database]:
    with mysql_server.database() as database:
        yield database


@pytest.fixture
def on_s3(emulators: Callable[[str], Emulator]) -> Emulator:
    return emulators("s3")


@pytest.fixture
def on_azure(emulators: Callable[[str], Emulator]) -> Emulator:
    return emulators("azure")


@pytest.fixture
def on_gcs(emulators: Callable[[str], Emulator]) -> Emulator:
    return emulators("gcs")


@pytest.fixture
def home(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> HomeContract:
    side: Side[HomeContract] = HOMES[request.param]
    suite = side.ready(tmp_path / "home", request)
    monkeypatch.chdir(suite.folder)  # where relative paths start
    return suite


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path) -> StoreContract:
    side: Side[StoreContract] = STORES[request.param]
    return side.ready(tmp_path / "store", request)


@pytest.fixture(scope="session")
def shop(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Schema, pl.DataFrame]]:
    """Tables of a music shop: their fields and rows, as sqlite3 reads them."""
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite"
    generate(path)
    with closing(sqlite3.connect(path)) as db:
        return {name: _table(db, name) for name in SHOP}


def _table(db: sqlite3.Connection, name: str) -> tuple[Schema, pl.DataFrame]:
    columns = db.execute(f"PRAGMA table_info([{name}])").fetchall()
    keys = [c for c in columns if c[5]]
    schema = Schema(
        Field(
            c[1], parse_type(_KINDS.get(c[2], "string")), nullable=not c[3],
            key=int(keys == [c]),
        )
        for c in columns
    )  # fmt: skip
    rows = [
        tuple(as_declared(v, c[2]) for v, c in zip(row, columns, strict=True))
        for row in db.execute(f"SELECT * FROM [{name}]")
    ]
    return schema, pl.DataFrame(rows, schema=schema.physical, orient="row")


def move(home: Home, store: Store, rows: int) -> None:
    done = Flow(home, store).start_sync()
    assert (done.status, done.rows) == ("moved", rows)
    proof: Any = done.proof
    assert (proof.read, proof.written, proof.staged) == (rows, rows, rows)


def exact(case: Case, home: HomeContract, store: StoreContract) -> bool:
    """Whether both sides declare that they carry the values of a type unaltered."""
    kind = str(home.arriving(case.type, case.name))
    there = {case.name, f"values[{case.name}]", f"fields[{case.name}]"}
    here = {case.name, f"values[{case.name}]", kind, f"values[{kind}]"}
    return there.isdisjoint(dict(home.quirks())) and here.isdisjoint(dict(store.quirks()))


def one_table(cases: list[Case]) -> tuple[Schema, pl.DataFrame]:
    """A column for each case, the shorter ones filled up with NULL, beside the row numbers."""
    height = max(len(case.column) for case in cases)
    fields = [Field(KEY, LogicalType("int64"), nullable=False, key=1)]
    columns = [pl.int_range(height, dtype=pl.Int64, eager=True).alias(KEY)]
    for number, case in enumerate(cases):
        column = case.column.alias(f"c{number}")
        fields.append(Field(column.name, case.type))
        columns.append(column.extend_constant(None, height - len(column)))
    return Schema(fields), pl.DataFrame(columns)


def arriving(schema: Schema, home: HomeContract, names: dict[str, str]) -> Schema:
    """The fields as the Home's side has them."""
    return schema.changed({f.name: home.arriving(f.type, names.get(f.name, "")) for f in schema})


@pytest.mark.parametrize("store", list(STORES), indirect=True)
@pytest.mark.parametrize("home", list(HOMES), indirect=True)
def test_values_of_every_type(home: HomeContract, store: StoreContract) -> None:
    cases = [case for case in CASES if exact(case, home, store)]
    assert len(cases) >= FEWEST_TYPES
    schema, frame = one_table(cases)
    target = store.new("corpus")
    move(home.of(frame, schema), target, frame.height)
    fields = arriving(schema, home, {f"c{n}": case.name for n, case in enumerate(cases)})
    expected = conform(frame, fields, entity="expected")
    got = store.rows(target, fields)
    assert got.columns == expected.columns
    store.check_rows(target, expected)


@pytest.mark.parametrize("table", SHOP)
@pytest.mark.parametrize("store", list(STORES), indirect=True)
@pytest.mark.parametrize("home", list(HOMES), indirect=True)
def test_a_music_shop(
    home: HomeContract,
    store: StoreContract,
    table: str,
    shop: dict[str, tuple[Schema, pl.DataFrame]],
) -> None:
    schema, frame = shop[table]
    target = store.new(table)
    move(home.of(frame, schema), target, frame.height)
    expected = conform(frame, arriving(schema, home, {}), entity="expected")
    got = store.rows(target, Schema.of(expected))
    assert got.height == frame.height
    store.check_rows(target, expected)
