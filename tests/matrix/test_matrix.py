"""Every Home to every Store: awkward values of all types, and a music shop's tables.

Rows are laid down, once for all Stores, and read back by what the connectors' own suites use for
that, which shares no code with hygge. Both sides' reviewed losses are those that their suites
declare: a type that both carry exactly must arrive exactly, whatever the other side is.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.acceptance.support import as_declared
from tests.acceptance.test_chinook import generate
from tests.matrix.sides import HOMES, STORES, Side, There
from tests.servers import Server
from tests.servers.objects import KINDS as OBJECT_STORES
from tests.servers.objects import Emulator
from tests.sql.mssql import support as mssql

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


MARKS = {"mssql": [mssql.needs_server, pytest.mark.timeout(600)]}
EVERY_HOME = [pytest.param(name, marks=MARKS.get(name, [])) for name in HOMES]
EVERY_STORE = [pytest.param(name, marks=MARKS.get(name, [])) for name in STORES]
Lay = Callable[[str, str, Schema, pl.DataFrame], Home]


@pytest.fixture(scope="session")
def fresh(request: pytest.FixtureRequest, emulators: Callable[[str], Emulator]) -> Iterator[There]:
    """Each time a database of its own, of SQL Server a table of its own; or the emulator."""
    with ExitStack() as stack:

        def of(on: str) -> Any:
            if on in OBJECT_STORES:
                return emulators(on)
            if on == "mssql":
                return stack.enter_context(mssql.table())
            server: Server = request.getfixturevalue(f"{on}_server")
            return server.new_database()  # which goes with the server

        yield of


@pytest.fixture(scope="session")
def shared(fresh: There) -> There:
    """One database for all that ask."""
    return cache(fresh)


@pytest.fixture(scope="session")
def laid() -> dict[tuple[str, str], tuple[Path, Home]]:
    """What lies at Homes, and in which folder: each is laid down once, and read by every Store."""
    return {}


@pytest.fixture
def lay(
    laid: dict[tuple[str, str], tuple[Path, Home]],
    fresh: There,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Lay:
    """A Home by its name, of rows that `what` tells from others."""

    def made(name: str, what: str, schema: Schema, frame: pl.DataFrame) -> Home:
        if (name, what) not in laid:
            suite = HOMES[name].ready(tmp_path_factory.mktemp("homes") / name, fresh)
            monkeypatch.chdir(suite.folder)
            laid[name, what] = suite.folder, suite.of(frame, schema)
        folder, found = laid[name, what]
        monkeypatch.chdir(folder)  # where relative paths start
        return found

    return made


@pytest.fixture
def store(request: pytest.FixtureRequest, tmp_path: Path, shared: There) -> StoreContract:
    side: Side[StoreContract] = STORES[request.param]
    return side.ready(tmp_path / "store", shared)


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


@pytest.mark.parametrize("store", EVERY_STORE, indirect=True)
@pytest.mark.parametrize("home", EVERY_HOME)
def test_values_of_every_type(home: str, store: StoreContract, lay: Lay) -> None:
    suite = HOMES[home].suite()
    cases = [case for case in CASES if exact(case, suite, store)]
    assert len(cases) >= FEWEST_TYPES
    schema, frame = one_table(cases)
    target = store.new("corpus")
    what = str([case.name for case in cases])
    move(lay(home, what, schema, frame), target, frame.height)
    fields = arriving(schema, suite, {f"c{n}": case.name for n, case in enumerate(cases)})
    expected = conform(frame, fields, entity="expected")
    got = store.rows(target, fields)
    assert got.columns == expected.columns
    store.check_rows(target, expected)


@pytest.mark.parametrize("table", SHOP)
@pytest.mark.parametrize("store", EVERY_STORE, indirect=True)
@pytest.mark.parametrize("home", EVERY_HOME)
def test_a_music_shop(
    home: str,
    store: StoreContract,
    table: str,
    shop: dict[str, tuple[Schema, pl.DataFrame]],
    lay: Lay,
) -> None:
    schema, frame = shop[table]
    target = store.new(table)
    move(lay(home, table, schema, frame), target, frame.height)
    expected = conform(frame, arriving(schema, HOMES[home].suite(), {}), entity="expected")
    got = store.rows(target, Schema.of(expected))
    assert got.height == frame.height
    store.check_rows(target, expected)
