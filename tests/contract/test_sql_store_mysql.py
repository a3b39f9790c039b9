"""The suite over the SQL Store through SQLAlchemy: MariaDB by PyMySQL."""

from __future__ import annotations

from tests.contract import test_mysql_store
from tests.contract.served import by_another_driver

from hygge import SQLStore
from hygge.sql.alchemy.connection import SQLConnection

warehouse = test_mysql_store.warehouse


@by_another_driver
class TestSQLStoreByPyMySQL(test_mysql_store.TestMySQLStore):
    store, connection, scheme = SQLStore, SQLConnection, "mysql+pymysql"
