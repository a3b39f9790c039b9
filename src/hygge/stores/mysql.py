"""MySQLStore: a table of a MySQL or MariaDB database."""

from __future__ import annotations

from hygge.sql.mysql.connection import MySQLConnection
from hygge.sql.settle.partitioned import PartitionedStore, PartitionedStoreConfig


class MySQLStoreConfig(PartitionedStoreConfig):
    """Settings of a MySQL Store: a connection, a table, and how it is to be."""


class MySQLStore(PartitionedStore):
    """Where data settles in MySQL or MariaDB.

    `MySQLStore("users", connection="warehouse")` loads the table `users`, made if need be.
    """

    Config = MySQLStoreConfig
    config: MySQLStoreConfig
    connection_type = MySQLConnection
