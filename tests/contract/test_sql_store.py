"""The suite over the SQL Store through SQLAlchemy: PostgreSQL by psycopg, MariaDB by PyMySQL, and
SQLite, which stands for databases that hygge knows nothing of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar

import polars as pl
from tests.contract import readers, test_postgres_store
from tests.contract.lost import lose_the_answer
from tests.contract.served import by_another_driver

from hygge import Schema, SQLStore, Store
from hygge.core.context import Surroundings
from hygge.sql.alchemy.connection import SQLConnection
from hygge.sql.alchemy.settler import AlchemySettler
from hygge.sql.settle.load import STEPS
from hygge.testing.stores import StoreContract

warehouse = test_postgres_store.warehouse
NO_NAN = "SQLite makes NULL of NaN"
ALTER = "how a database alters a column's type is not part of SQL's core"


@by_another_driver
class TestSQLStoreByPsycopg(test_postgres_store.TestPostgresStore):
    store, connection, scheme = SQLStore, SQLConnection, "postgresql+psycopg"


class TestSQLStoreOfUnknownDatabases(StoreContract):
    steps = STEPS
    never: ClassVar = {
        **{f"{check}[{kind} / not finite]": NO_NAN for check in ("values", "state_keeps_fields")
           for kind in ("float32", "float64")},
        **{f"columns_that_become_wider[{kinds}-{mode}]": ALTER for mode in ("append", "merge")
           for kinds in ("int32-int64-int64", "decimal(5,2)-decimal(10,4)-decimal(10,4)",
                         "float32-float64-float64", "timestamp(ms)-timestamp(us)-timestamp(us)",
                         "string(5)-string-string", "int64-decimal(10,2)-decimal(21,2)")},
    }  # fmt: skip

    def make(self, name: str) -> Store:
        store = SQLStore(name, connection="w")
        here = SQLConnection(url=f"sqlite:///{self.folder / 'warehouse.db'}")
        return store.bind(Surroundings(root=self.folder, connections={"w": here}))

    def fragile(self, name: str) -> tuple[Store, Callable[[bool], None]]:
        return self.make(name), partial(lose_the_answer, AlchemySettler)

    def rows(self, store: Store, schema: Schema) -> pl.DataFrame:
        return readers.sqlite(self.folder / "warehouse.db", store.name, schema)
