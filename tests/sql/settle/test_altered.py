"""Tables that somebody alters between a load's look at them and what it does to their rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.servers import Database, Server
from tests.sql.mssql.support import Live, needs_server

from hygge import MSSQLStore, MySQLStore, PostgresStore, Store
from hygge.core.context import Context, Surroundings
from hygge.core.errors import BadValue, ConflictError, DataError, VerifyError
from hygge.core.fields import Schema
from hygge.core.state import Mode
from hygge.sql.settle import fill, incoming, keep
from hygge.testing.loading import commit, load_frames, request_for, state_of, write

NUMBERS = count()


@pytest.fixture(scope="module")
def mariadb(mysql_server: Server) -> Iterator[Database]:
    with mysql_server.database() as database:
        yield database


@pytest.fixture
def live() -> Iterator[Live]:
    database = Live()
    yield database
    database.clear("altered%")


KINDS: dict[str, tuple[str, type[Any]]] = {
    "postgres": ("warehouse", PostgresStore), "mysql": ("mariadb", MySQLStore),
    "mssql": ("live", MSSQLStore),
}  # fmt: skip
Served = tuple[Database | Live, Store]


@pytest.fixture(params=["postgres", "mysql", pytest.param("mssql", marks=needs_server)])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Served:
    """A database, and a bound Store of a table of it."""
    which, kind = KINDS[request.param]
    database: Database | Live = request.getfixturevalue(which)
    name = f"altered{next(NUMBERS)}"
    return database, kind(name, url=database.url).bind(Surroundings(root=tmp_path))


def rows(*keys: int) -> pl.DataFrame:
    return pl.DataFrame(
        {"k": keys, "n": [key + Decimal("0.1234") for key in keys]},
        schema={"k": pl.Int64, "n": pl.Decimal(12, 4)},
    )


def once(monkeypatch: pytest.MonkeyPatch, where: tuple[Any, str], do: Callable[[], object]) -> None:
    """After the first call of a function, something else happens."""
    original, left = getattr(*where), [do]

    def then(*arguments: Any) -> Any:
        found = original(*arguments)
        if left:
            left.pop()()
        return found

    monkeypatch.setattr(*where, then)


NARROW = {
    "postgres": "ALTER n TYPE numeric(8,1)", "mysql": "MODIFY n DECIMAL(8,1)",
    "mssql": "ALTER COLUMN n decimal(8,1)",
}  # fmt: skip


def narrow(database: Database | Live, name: str) -> str:
    (how,) = (how for kind, how in NARROW.items() if database.scheme.startswith(kind))
    return database.execute(f"ALTER TABLE {name} {how}")


@pytest.mark.parametrize(
    ("mode", "where"),
    [
        ("append", (incoming, "takes_as_it_is")),
        ("merge", (fill, "check_types")),
        ("delete_insert", (fill, "check_types")),
        ("scd2", (fill, "check_types")),
    ],
)
def test_a_column_that_is_narrowed_meanwhile_rounds_no_value(
    served: Served, mode: Mode, where: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, store = served
    keys = () if mode == "append" else ("k",)
    if database.scheme == "mssql":
        where = (fill, "check_types")  # its rows are always staged
    load_frames(store, [rows(1, 2)], mode, keys)
    once(monkeypatch, where, lambda: narrow(database, store.name))
    with pytest.raises((ConflictError, BadValue), match=r"altered|does not fit"):
        load_frames(store, [rows(3)], mode, keys)  # MariaDB warns of what it cuts as rows come in
    with pytest.raises(DataError, match="'n' is"):  # so does what runs again by itself
        load_frames(store, [rows(3)], mode, keys)
    assert database.execute(f"SELECT COUNT(*) FROM {store.name}").strip() == "2"
    state = state_of(store)
    assert state is not None
    assert (state.generation, state.rows) == (1, 2)


def test_a_table_that_stays_is_narrowed_while_its_rows_are_replaced(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, store = served
    load_frames(store, [rows(1, 2)], "replace")
    database.execute(f"CREATE INDEX theirs ON {store.name} (k)")
    once(monkeypatch, (keep, "count"), lambda: narrow(database, store.name))
    with pytest.raises(ConflictError, match="altered"):
        load_frames(store, [rows(3)], "replace")
    assert database.execute(f"SELECT COUNT(*) FROM {store.name}").strip() == "2"


def trigger(table: str, body: str) -> str:
    return (
        "CREATE OR REPLACE FUNCTION meddle() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$BEGIN {body} END$$; CREATE TRIGGER t BEFORE INSERT ON {table} "
        "FOR EACH ROW EXECUTE FUNCTION meddle()"
    )


@pytest.mark.parametrize("served", ["postgres"], indirect=True)
def test_a_trigger_that_comes_meanwhile(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    database, store = served
    load_frames(store, [rows(1, 2)], "append")
    meddle = trigger(store.name, "NEW.k := 0; RETURN NEW;")
    once(monkeypatch, (incoming, "takes_as_it_is"), lambda: database.execute(meddle))
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), Schema.of(rows(3)), "append"))
        receipt = write(load, [rows(3)])
        with pytest.raises(ConflictError, match="altered"):
            commit(load, [receipt])


@pytest.mark.parametrize("served", ["postgres"], indirect=True)  # MariaDB's leave no row out
def test_a_trigger_that_comes_meanwhile_and_leaves_rows_out(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    database, store = served
    load_frames(store, [rows(1, 2)], "append")
    meddle = trigger(store.name, "RETURN NULL;")
    once(monkeypatch, (incoming, "takes_as_it_is"), lambda: database.execute(meddle))
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), Schema.of(rows(3)), "append"))
        with pytest.raises(VerifyError, match="1 rows were sent, and 0 taken"):
            write(load, [rows(3)])
    assert database.execute(f"SELECT COUNT(*) FROM {store.name}").strip() == "2"


def test_columns_that_the_load_itself_adds_and_widens_are_no_alteration(
    served: Served,
) -> None:
    _, store = served
    load_frames(store, [rows(1)], "merge", ("k",))
    wider = rows(2).with_columns(pl.col("n").cast(pl.Decimal(20, 6)), more=pl.lit("x"))
    assert load_frames(store, [wider], "merge", ("k",)).rows == 2


@pytest.mark.parametrize("served", ["mysql"], indirect=True)  # where altering ends a transaction
def test_a_column_of_two_that_a_load_that_died_has_added_is_no_alteration(served: Served) -> None:
    database, store = served
    load_frames(store, [rows(1)], "merge", ("k",))
    database.execute(f"ALTER TABLE {store.name} ADD a BIGINT")
    wider = rows(2).with_columns(a=pl.lit(1, pl.Int64), b=pl.lit("x"))
    assert load_frames(store, [wider], "merge", ("k",)).rows == 2


def test_a_table_that_is_dropped_meanwhile(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    database, store = served
    load_frames(store, [rows(1)], "merge", ("k",))
    once(monkeypatch, (fill, "check_types"), lambda: database.execute(f"DROP TABLE {store.name}"))
    with store.open(Context()) as session:
        fields = Schema.of(rows(2))
        load = session.begin(request_for(session.state(), fields, "merge", ("k",)))
        with pytest.raises(ConflictError, match="dropped"):
            commit(load, [write(load, [rows(2)])])
