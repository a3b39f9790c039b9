"""The eleven tables of a music shop, moved by one flow: the main job, start to end.

The real database is used where HYGGE_TEST_DATA names the folder that has it; a generated one with
the same tables, types and kinds of values always is.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.acceptance.support import Parquet, as_declared, in_order, run

ROWS = {
    "Album": 347, "Artist": 275, "Customer": 59, "Employee": 8, "Genre": 25, "Invoice": 412,
    "InvoiceLine": 2_240, "MediaType": 5, "Playlist": 18, "PlaylistTrack": 8_715, "Track": 3_503,
}  # fmt: skip
PLACES = (
    "[Address] NVARCHAR(70), [City] NVARCHAR(40), [State] NVARCHAR(40), [Country] NVARCHAR(40), "
    "[PostalCode] NVARCHAR(10), [Phone] NVARCHAR(24), [Fax] NVARCHAR(24)"
)
TABLES = {
    "Artist": "[ArtistId] INTEGER NOT NULL, [Name] NVARCHAR(120), PRIMARY KEY ([ArtistId])",
    "Album": "[AlbumId] INTEGER NOT NULL, [Title] NVARCHAR(160) NOT NULL, "
    "[ArtistId] INTEGER NOT NULL REFERENCES [Artist] ([ArtistId]), PRIMARY KEY ([AlbumId])",
    "Employee": "[EmployeeId] INTEGER NOT NULL, [LastName] NVARCHAR(20) NOT NULL, "
    "[FirstName] NVARCHAR(20) NOT NULL, [Title] NVARCHAR(30), [ReportsTo] INTEGER, "
    f"[BirthDate] DATETIME, [HireDate] DATETIME, {PLACES}, [Email] NVARCHAR(60), "
    "PRIMARY KEY ([EmployeeId])",
    "Customer": "[CustomerId] INTEGER NOT NULL, [FirstName] NVARCHAR(40) NOT NULL, "
    f"[LastName] NVARCHAR(20) NOT NULL, [Company] NVARCHAR(80), {PLACES}, "
    "[Email] NVARCHAR(60) NOT NULL, [SupportRepId] INTEGER, PRIMARY KEY ([CustomerId])",
    "Genre": "[GenreId] INTEGER NOT NULL, [Name] NVARCHAR(120), PRIMARY KEY ([GenreId])",
    "MediaType": "[MediaTypeId] INTEGER NOT NULL, [Name] NVARCHAR(120), "
    "PRIMARY KEY ([MediaTypeId])",
    "Track": "[TrackId] INTEGER NOT NULL, [Name] NVARCHAR(200) NOT NULL, [AlbumId] INTEGER, "
    "[MediaTypeId] INTEGER NOT NULL, [GenreId] INTEGER, [Composer] NVARCHAR(220), "
    "[Milliseconds] INTEGER NOT NULL, [Bytes] INTEGER, [UnitPrice] NUMERIC(10,2) NOT NULL, "
    "PRIMARY KEY ([TrackId])",
    "Playlist": "[PlaylistId] INTEGER NOT NULL, [Name] NVARCHAR(120), PRIMARY KEY ([PlaylistId])",
    "PlaylistTrack": "[PlaylistId] INTEGER NOT NULL, [TrackId] INTEGER NOT NULL, "
    "PRIMARY KEY ([PlaylistId], [TrackId])",
    "Invoice": "[InvoiceId] INTEGER NOT NULL, [CustomerId] INTEGER NOT NULL, "
    "[InvoiceDate] DATETIME NOT NULL, [BillingAddress] NVARCHAR(70), "
    "[Total] NUMERIC(10,2) NOT NULL, PRIMARY KEY ([InvoiceId])",
    "InvoiceLine": "[InvoiceLineId] INTEGER NOT NULL, [InvoiceId] INTEGER NOT NULL, "
    "[TrackId] INTEGER NOT NULL, [UnitPrice] NUMERIC(10,2) NOT NULL, "
    "[Quantity] INTEGER NOT NULL, PRIMARY KEY ([InvoiceLineId])",
}
WORDS = ("Antônio", "Łódź", 'Frank\'s "Café"', "東京", "Ünder the 🌙", "a\nb", "", "Rock")

PROJECT = """\
connections:
  shop:
    type: sqlite
    path: {database}
"""
FLOW = """\
home:
  type: sqlite
  connection: shop
store:
  type: parquet
  path: lake
tables: ["main.*"]
"""


@dataclass(frozen=True)
class Shop:
    """A database, what it is known to hold, and the project that moves it."""

    database: Path
    project: Path
    rows: dict[str, int]

    def table(self, name: str) -> Parquet:
        return Parquet(self.project / "lake" / name)


def generate(path: Path) -> dict[str, int]:
    """Write a shop of the same eleven tables; returns how many rows each has."""
    chance = Random(11)
    sizes = {
        "Artist": 12, "Album": 30, "Employee": 8, "Customer": 40, "Genre": 5, "MediaType": 0,
        "Track": 700, "Playlist": 4, "PlaylistTrack": 900, "Invoice": 120, "InvoiceLine": 600,
    }  # fmt: skip
    with closing(sqlite3.connect(path)) as db, db:
        for name, columns in TABLES.items():
            db.execute(f"CREATE TABLE [{name}] ({columns})")
            kinds = [(c[1], c[2], c[3], c[5]) for c in db.execute(f"PRAGMA table_info([{name}])")]
            marks = ", ".join("?" * len(kinds))
            for number in range(1, sizes[name] + 1):
                row = [_value(kind, number, chance) for kind in kinds]
                db.execute(f"INSERT INTO [{name}] VALUES ({marks})", row)
    return sizes


def _value(kind: tuple[str, str, int, int], number: int, chance: Random) -> Any:
    name, declared, required, key = kind
    if key:
        return number if key == 1 else 7 * number  # both parts of a composite key
    if not required and chance.random() < 0.3:
        return None
    if declared.startswith("NUMERIC"):
        return chance.choice(
            (0.99, 1.99, -0.01, 0, 12345678.9, 13.86, chance.randrange(9999) / 100)
        )
    if declared == "DATETIME":
        return f"{1970 + number % 60}-02-{1 + number % 28:02d} {number % 24:02d}:00:00"
    if declared == "INTEGER":
        return chance.randrange(1, 40) if name.endswith("Id") else chance.randrange(2**40)
    return f"{chance.choice(WORDS)} {number}"


def _real(path: Path) -> Path:
    folder = os.environ.get("HYGGE_TEST_DATA")
    if not folder:
        pytest.skip("HYGGE_TEST_DATA names no folder with chinook/Chinook_Sqlite.sqlite")
    return Path(folder) / "chinook" / "Chinook_Sqlite.sqlite"


@pytest.fixture(scope="module", params=["generated", "chinook"])
def shop(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Shop]:
    """A shop, moved once by `hygge go`."""
    root = tmp_path_factory.mktemp("shop")
    if request.param == "chinook":
        database, rows = _real(root), ROWS
    else:
        database = root / "shop.sqlite"
        rows = generate(database)
    project = root / "project"
    (project / "flows" / "shop").mkdir(parents=True)
    quoted = json.dumps(str(database))
    (project / "hygge.yml").write_text(PROJECT.format(database=quoted), encoding="utf-8")
    (project / "flows" / "shop" / "flow.yml").write_text(FLOW, encoding="utf-8")
    run("go", cwd=project)
    yield Shop(database, project, rows)


def at_source(shop: Shop, table: str) -> tuple[dict[str, str], list[tuple[Any, ...]]]:
    """A table's declared types and its values, as sqlite3 reads them."""
    with closing(sqlite3.connect(f"file:{shop.database}?mode=ro", uri=True)) as db:
        kinds = {c[1]: c[2] for c in db.execute(f"PRAGMA table_info([{table}])")}
        found = db.execute(f"SELECT * FROM [{table}]").fetchall()
    rows = [
        tuple(as_declared(v, kind) for v, kind in zip(row, kinds.values(), strict=True))
        for row in found
    ]
    return kinds, in_order(rows)


def test_every_table_arrives_whole(shop: Shop) -> None:
    arrived = {p.name for p in (shop.project / "lake").iterdir() if not p.name.startswith(".")}
    assert arrived == set(shop.rows)
    assert {name: shop.table(name).count for name in shop.rows} == shop.rows


def test_the_known_total(shop: Shop) -> None:
    if shop.rows is ROWS:
        assert sum(shop.table(name).count for name in ROWS) == 15_607


@pytest.mark.parametrize("table", sorted(ROWS))
def test_values_are_those_of_the_source(shop: Shop, table: str) -> None:
    declared, rows = at_source(shop, table)
    copy = shop.table(table)
    assert list(copy.types) == list(declared)
    assert len(rows) == shop.rows[table]
    assert copy.rows() == rows


def test_declared_types_are_honoured(shop: Shop) -> None:
    meant = {"INTEGER": "BIGINT", "DATETIME": "TIMESTAMP", "NUMERIC(10,2)": "DECIMAL(10,2)"}
    for table in shop.rows:
        declared, _ = at_source(shop, table)
        expected = {name: meant.get(kind, "VARCHAR") for name, kind in declared.items()}
        assert shop.table(table).types == expected, table


def test_money_adds_up_exactly(shop: Shop) -> None:
    with closing(sqlite3.connect(shop.database)) as db:
        cents = [round(total * 100) for (total,) in db.execute("SELECT Total FROM Invoice")]
    ((total, first),) = shop.table("Invoice").ask("SELECT sum(Total), min(InvoiceDate) FROM it")
    assert total == Decimal(sum(cents)).scaleb(-2)
    assert isinstance(first, datetime)
    if shop.rows is ROWS:
        assert total == Decimal("2328.60")
        assert first == datetime(2021, 1, 1)


def test_going_again_leaves_exactly_the_same(shop: Shop) -> None:
    before = {name: (shop.table(name).types, shop.table(name).rows()) for name in shop.rows}
    report = shop.project / "run.json"
    run("go", "--report", str(report), cwd=shop.project)
    assert {n: (shop.table(n).types, shop.table(n).rows()) for n in shop.rows} == before
    told = json.loads(report.read_text(encoding="utf-8"))
    assert told["status"] == "ok"
    assert told["rows"] == sum(shop.rows.values())
    counted = {e["entity"].removeprefix("shop."): e["proof"] for e in told["entities"]}
    for name, rows in shop.rows.items():
        proof = counted[name]
        assert (proof["read"], proof["written"], proof["staged"]) == (rows, rows, rows), name


def test_a_failed_run_leaves_the_last_good_state(shop: Shop, tmp_path: Path) -> None:
    """A value that does not fit its declared type: named, and nothing of the table changes."""
    copy = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(shop.database)) as source, closing(sqlite3.connect(copy)) as db:
        source.backup(db)
    project = tmp_path / "project"
    (project / "flows" / "shop").mkdir(parents=True)
    quoted = json.dumps(str(copy))
    (project / "hygge.yml").write_text(PROJECT.format(database=quoted), encoding="utf-8")
    (project / "flows" / "shop" / "flow.yml").write_text(FLOW, encoding="utf-8")
    run("go", cwd=project)
    invoices = Parquet(project / "lake" / "Invoice")
    before = invoices.files()
    with closing(sqlite3.connect(copy)) as db, db:
        db.execute("UPDATE Invoice SET InvoiceDate = 'last Tuesday' WHERE InvoiceId = 7")
    done = run("go", cwd=project, code=1)
    assert invoices.files() == before
    for word in ("InvoiceDate", "InvoiceId=7", "last Tuesday"):
        assert word in done.stdout + done.stderr
    assert Parquet(project / "lake" / "Track").count == shop.rows["Track"]
