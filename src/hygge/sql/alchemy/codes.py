"""What a driver's cursor says of a query's columns: type codes, where they say enough.

PEP 249 gives every column a type code and leaves its meaning to the driver.
"""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql

_UNSIGNED, _BINARY_CHARSET = 32, 63
"""MySQL's column flag UNSIGNED_FLAG, and the number of the character set `binary`:
https://dev.mysql.com/doc/dev/mysql-server/latest/group__group__cs__column__definition__flags.html"""

# PostgreSQL's object identifiers of its types, which are fixed: src/include/catalog/pg_type.dat.
_OIDS: dict[int, Any] = {
    16: sa.Boolean(), 17: sa.LargeBinary(), 18: sa.String(), 19: sa.String(), 20: sa.BigInteger(),
    21: sa.SmallInteger(), 23: sa.Integer(), 25: sa.Text(), 26: sa.BigInteger(),
    114: postgresql.JSON(), 700: sa.REAL(), 701: sa.Double(), 1042: sa.String(),
    1043: sa.String(), 1082: sa.Date(), 1083: sa.Time(), 1114: sa.DateTime(),
    1184: sa.DateTime(timezone=True), 1186: postgresql.INTERVAL(), 2950: sa.Uuid(),
    3802: postgresql.JSONB(),
}  # fmt: skip
_NUMERIC = 1700

# MySQL's type codes: include/field_types.h in its source.
_MYSQL: dict[int, Any] = {
    1: sa.Integer(), 2: sa.Integer(), 3: sa.Integer(), 4: mysql.FLOAT(), 5: mysql.DOUBLE(),
    7: mysql.TIMESTAMP(), 8: mysql.BIGINT(), 9: sa.Integer(), 10: sa.Date(), 11: mysql.TIME(),
    12: sa.DateTime(), 13: mysql.YEAR(), 16: mysql.BIT(), 245: sa.JSON(),
}  # fmt: skip
_MYSQL_DECIMALS, _MYSQL_TEXTS = (0, 246), (15, 247, 248, 249, 250, 251, 252, 253, 254)

# pyodbc's type codes are the Python types: https://github.com/mkleehammer/pyodbc/wiki/Cursor
_PYTHON: dict[Any, Any] = {
    bool: sa.Boolean(), int: sa.BigInteger(), float: sa.Double(), str: sa.String(),
    bytes: sa.LargeBinary(), bytearray: sa.LargeBinary(), dt.date: sa.Date(), dt.time: sa.Time(),
    dt.datetime: sa.DateTime(), uuid.UUID: sa.Uuid(),
}  # fmt: skip


def types_of(driver: str, backend: str, cursor: Any) -> list[Any]:
    """SQLAlchemy's type for each column of a cursor that has run; None where that is not known.

    Parameters
    ----------
    driver: SQLAlchemy's name of the driver.
    backend: of the database.
    cursor: the driver's own.
    """
    described: Sequence[Sequence[Any]] = cursor.description
    if backend == "postgresql":
        return [_numeric(c) if c[1] == _NUMERIC else _OIDS.get(c[1]) for c in described]
    if driver == "pyodbc":
        return [_numeric(c) if c[1] is Decimal else _PYTHON.get(c[1]) for c in described]
    if backend in ("mysql", "mariadb"):
        seen = _mysql_flags(driver, cursor)
        return [
            None if flags is None else _mysql(column, *flags)
            for column, flags in zip(described, seen, strict=True)
        ]
    return [None] * len(described)


def _numeric(column: Sequence[Any]) -> Any:
    precision, scale = column[4], column[5]
    return sa.Numeric(precision, scale or 0) if precision else None


def _mysql_flags(driver: str, cursor: Any) -> list[tuple[int, int] | None]:
    """The flags and the character set of each column, which each driver keeps elsewhere."""
    if driver == "pymysql":
        fields = getattr(getattr(cursor, "_result", None), "fields", None)
        if fields is not None:
            return [(f.flags, f.charsetnr) for f in fields]
    if driver == "mysqlconnector" and all(len(c) > 8 for c in cursor.description):
        return [(c[7], c[8]) for c in cursor.description]
    return [None] * len(cursor.description)


def _mysql(column: Sequence[Any], flags: int, charset: int) -> Any:
    code, unsigned = column[1], bool(flags & _UNSIGNED)
    if code in _MYSQL_DECIMALS:
        length, scale = column[3] or column[4] or 0, column[5] or 0
        # The length is that of the text: a sign and a point are in it.
        return sa.Numeric(length - (not unsigned) - (scale > 0), scale)
    if code in _MYSQL_TEXTS:
        return sa.LargeBinary() if charset == _BINARY_CHARSET else sa.String()
    return mysql.BIGINT(unsigned=True) if code == 8 and unsigned else _MYSQL.get(code)
