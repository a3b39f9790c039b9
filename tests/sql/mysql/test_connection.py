"""Addresses of MySQL, and its errors in hygge's words; no server."""

from __future__ import annotations

from typing import Any

import pymysql
import pytest
from pydantic import ValidationError

from hygge.core.errors import (
    ConfigError,
    ConnectError,
    DataError,
    HyggeError,
    TransientError,
)
from hygge.sql.mysql.connection import MySQLConnection
from hygge.sql.mysql.errors import explain


@pytest.mark.parametrize(
    ("settings", "route"),
    [
        ({"url": "mysql://u:p@h/d"}, {"host": "h", "port": 3306, "user": "u", "password": "p"}),
        ({"url": "mariadb+pymysql://h:3307/d"}, {"port": 3307, "database": "d", "user": ""}),
        (
            {"url": "mysql://h/d?ssl-mode=VERIFY_IDENTITY&ssl_ca=a"},
            {"tls": "verify-full", "ca": "a"},
        ),
        ({"url": "mysql://h/d?ssl-mode=REQUIRED", "tls": "verify-ca"}, {"tls": "verify-ca"}),
        ({"url": "mysql:///d?unix_socket=/run/s"}, {"socket": "/run/s", "host": "localhost"}),
        ({"host": "/run/s", "database": "d"}, {"socket": "/run/s"}),
        ({"host": "h", "database": "d", "read_timeout": "2m"}, {"read_timeout": 120.0}),
    ],
)  # fmt: skip
def test_routes(settings: dict[str, Any], route: dict[str, Any]) -> None:
    found = MySQLConnection(**settings).route()
    assert {name: getattr(found, name) for name in route} == route
    assert "password" not in repr(found)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"url": "mysql://h/d?chatset=utf8"}, "option 'chatset'; known are ssl-mode"),
        ({"url": "mysql://h/d?charset=latin1"}, "utf8mb4"),
        ({"url": "mysql://h/d?ssl-mode=YES"}, "VERIFY_IDENTITY"),
        ({"url": "postgresql://h/d"}, "mysql://"),
        ({"host": "h"}, "database"),
        ({"host": "h", "database": "d", "read_timeout": "0s"}, "longer than nothing"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        MySQLConnection(**settings)


@pytest.mark.parametrize(
    ("number", "kind", "hint"),
    [
        (1045, ConnectError, "password"),
        (1049, ConnectError, "database"),
        (1142, ConnectError, "GRANT"),
        (2003, ConnectError, "host"),
        (1146, ConfigError, "table"),
        (1064, ConfigError, "query"),
        (1040, TransientError, "pool_size"),
        (1205, TransientError, "again"),
        (1213, TransientError, "again"),
        (2006, TransientError, "line"),
        (2013, TransientError, "line"),
        (1927, TransientError, "line"),
        (3024, TransientError, "statement_timeout"),
        (1969, TransientError, "statement_timeout"),
        (1690, DataError, ""),
    ],
)
def test_errors_by_number(number: int, kind: type[HyggeError], hint: str) -> None:
    found = explain(pymysql.err.OperationalError(number, "it says why"), "mysql://h/d")
    assert type(found) is kind
    assert f"mysql://h/d: it says why ({number})" in str(found)
    assert hint in str(found.hint or "")


def test_what_the_system_says_is_transient() -> None:
    assert isinstance(explain(TimeoutError("timed out"), "x"), TransientError)
    assert isinstance(explain(pymysql.err.InterfaceError(0, ""), "x"), TransientError)
