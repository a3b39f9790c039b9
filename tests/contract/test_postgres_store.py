"""The suite over PostgreSQL's Store, against what psql prints."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any, ClassVar

import polars as pl
import pytest
from tests.contract.readers import value_of
from tests.contract.served import ServedContract
from tests.contract.test_postgres import by_libpq
from tests.servers import Database, Server

from hygge import PostgresStore, Schema, Store
from hygge.core.errors import DataError
from hygge.core.fields import LogicalType
from hygge.sql.postgres.connection import PostgresConnection
from hygge.testing._store_base import some_rows
from hygge.testing.corpus import KEY
from hygge.testing.loading import load_frames, state_of

NO_NS = "PostgreSQL's times are of microseconds"
NO_NUL = "PostgreSQL's text has no NUL"
NULL = "no value"
LOWER = "a uuid is a number, written in lower case"


@pytest.fixture(scope="module")
def warehouse(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


def parsed(kind: LogicalType, text: str) -> Any:
    if kind.kind == "bool":
        return text == "t"
    if kind.kind == "binary":
        return bytes.fromhex(text.removeprefix("\\x"))
    if kind.kind == "duration":
        return int(text)
    if kind.kind in ("list", "struct"):
        return value_of(kind, json.loads(text))
    if kind.kind == "timestamp" and text.endswith("+00"):
        text += ":00"
    return value_of(kind, text)


def shown(name: str, kind: LogicalType) -> str:
    """A column as psql is to print it."""
    quoted = '"' + name.replace('"', '""') + '"'
    if kind.kind == "duration":
        return f"(extract(epoch FROM {quoted}) * 1000000)::bigint"
    return f"to_json({quoted})::text" if kind.kind in ("list", "struct") else quoted


def copied(database: Database, query: str) -> list[list[str | None]]:
    """The rows of a query as COPY writes them; psql itself shows some characters as nothing."""
    text = database.execute(
        f"SET TimeZone = 'UTC'; COPY ({query}) TO STDOUT (FORMAT csv, NULL '{NULL}')"
    )
    lines = csv.reader(io.StringIO(text, newline=""), strict=True)
    return [[None if v == NULL else v for v in line or [""]] for line in lines]


class TestPostgresStore(ServedContract):
    store, connection, scheme = PostgresStore, PostgresConnection, "postgresql"
    never: ClassVar = {
        "timestamp(ns)": NO_NS, "values[string / NUL]": NO_NUL,
        "state_keeps_fields[string / NUL]": NO_NUL,
        "merge_tells_keys_apart[string / NUL]": NO_NUL,
    }  # fmt: skip
    lossy: ClassVar = {"values[uuid]": LOWER, "merge_tells_keys_apart[uuid]": LOWER}

    def keys_seen(self, store: Store, schema: Schema) -> list[int]:
        # By a plain SELECT: COPY keeps a snapshot that is older than the lock it has waited for.
        return [int(str(k)) for (k,) in self.database.rows(f'SELECT k FROM "{store.name}"')]

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        names = [
            str(name)
            for (name,) in self.database.rows(
                "SELECT attname FROM pg_attribute WHERE attnum > 0 AND NOT attisdropped "
                f"AND attrelid = to_regclass('\"{store.name}\"') ORDER BY attnum"
            )
        ]
        if not names:
            return pl.DataFrame()
        kinds = {n: f.type if (f := schema.get(n)) else LogicalType("string") for n in names}
        wanted = ", ".join(shown(n, kinds[n]) for n in names)
        found = copied(self.database, f'SELECT {wanted} FROM "{store.name}"')
        return pl.DataFrame(
            [
                pl.Series(
                    name, [None if row[at] is None else parsed(kinds[name], row[at] or "")
                           for row in found], dtype=kinds[name].physical, strict=False,
                )
                for at, name in enumerate(names)
            ]
        )  # fmt: skip

    def test_a_schema_is_made_and_named_in_either_way(self) -> None:
        for number, settings in enumerate(({"schema": "raw"}, {}, {"schema": "raw"})):
            name = "users" if settings else "raw.users"
            store = PostgresStore(name, url=self.database.url, **settings)
            store.write_sync(some_rows(number, 1))
            assert store.identity()["table"] == "raw.users"
        found = self.database.rows("SELECT k FROM raw.users ORDER BY k")
        assert found == [("0",), ("1",), ("2",)]
        self.database.execute("DROP SCHEMA raw CASCADE")

    def test_what_hangs_on_a_table_stays(self) -> None:
        """A view, an index and a grant outlive a load that replaces; readers of the view see it."""
        store = self.new()
        load_frames(store, [some_rows(0, 5)], "replace")
        name = f'"{store.name}"'
        self.database.execute(
            f'CREATE VIEW "{store.name} view" AS SELECT k FROM {name}; '
            f"CREATE INDEX ON {name} (v); GRANT SELECT ON {name} TO PUBLIC"
        )
        load_frames(store, [some_rows(10, 3)], "replace")
        found = self.database.rows(f'SELECT k FROM "{store.name} view" ORDER BY k')
        assert found == [("10",), ("11",), ("12",)]
        self.check_rows(store, some_rows(10, 3))
        kept = "SELECT count(*) FROM pg_indexes WHERE tablename = " + f"'{store.name}'"
        assert self.database.rows(kept) == [("1",)]

    def test_a_table_that_was_emptied_holds_nothing(self) -> None:
        """To go on from its position would leave out what was in it."""
        store = self.new()
        load_frames(store, [some_rows(0, 5)], "append")
        self.database.execute(f'TRUNCATE "{store.name}"')
        assert state_of(store) is None
        load_frames(store, [some_rows(0, 7)], "append")
        self.check_rows(store, some_rows(0, 7))

    def test_a_column_that_somebody_narrowed_alters_nothing(self) -> None:
        store = self.new()
        amounts = pl.DataFrame({KEY: [1], "amount": ["1.25"]}).with_columns(
            pl.col("amount").cast(pl.Decimal(10, 2))
        )
        load_frames(store, [amounts], "append")
        self.database.execute(f'ALTER TABLE "{store.name}" ALTER COLUMN amount TYPE numeric(12,0)')
        with pytest.raises(DataError, match="would alter values"):
            load_frames(store, [amounts], "append")
        rows = self.database.rows(f'SELECT k FROM "{store.name}"')
        assert rows == [("1",)]


class TestPostgresStoreByLibpq(TestPostgresStore):
    @pytest.fixture(autouse=True)
    def _by_libpq(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(PostgresConnection, "connect", by_libpq)
