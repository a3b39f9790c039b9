"""Addresses: URLs taken apart, and merged with keys."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hygge.core.context import Context
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.sql.address import Address, parse_url, shown
from hygge.sql.link import Link
from hygge.sql.pool import Lease
from hygge.sql.server import ServerConnection
from hygge.sql.session import SQLSession
from hygge.sql.source import Source

SCHEMES = ("postgresql", "postgres")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda text: text == text.strip()
)


class Nowhere(ServerConnection):
    kind = "postgres"
    schemes = SCHEMES
    default_port = 5432

    def connect(self) -> Link:
        raise AssertionError

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        raise AssertionError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("postgresql://h/d", Address("h", None, "d")),
        ("postgres://u@h:5433/d", Address("h", 5433, "d", "u")),
        ("postgresql+psycopg://u:p@h/d", Address("h", None, "d", "u", "p")),
        ("postgresql:///d", Address(database="d")),
        ("postgresql://", Address()),
        ("postgresql://u:@h/d", Address("h", None, "d", "u", "")),
        ("postgresql://u:a@b/c:d@h/d", Address("h", None, "d", "u", "a@b/c:d")),
        ("postgresql://[::1]:5432/d", Address("::1", 5432, "d")),
        ("postgresql://%2Frun%2Fpg/d", Address("/run/pg", None, "d")),
        ("postgresql://a,b/d", Address("a,b", None, "d")),
        ("postgresql://a:1,b:1/d", Address("a,b", 1, "d")),
        ("postgresql://h/d?sslmode=require&x=", Address("h", None, "d",
                                                        options={"sslmode": "require", "x": ""})),
    ],
)  # fmt: skip
def test_urls(url: str, address: Address) -> None:
    assert parse_url(url, SCHEMES) == address


@given(user=TEXT, password=TEXT, database=TEXT, port=st.integers(1, 65535))
def test_what_is_quoted_comes_back(user: str, password: str, database: str, port: int) -> None:
    parts = (quote(part, safe="") for part in (user, password, database))
    url = "postgresql://{}:{}@host:{port}/{}".format(*parts, port=port)
    assert parse_url(url, SCHEMES) == Address("host", port, database, user, password)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://h/d", "mysql://"),
        ("h/d", "begins with postgresql:// or postgres://"),
        ("postgresql://h:x/d", "number"),
        ("postgresql://h:0/d", "no port"),
        ("postgresql://h:70000/d", "no port"),
        ("postgresql://a:1,b:2/d", "the same port"),
    ],
)
def test_bad_urls_say_what_would_do(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        parse_url(url, SCHEMES)


def test_for_people() -> None:
    assert shown("postgresql", Address("h", 5432, "d", "u", "p"), 5432) == "postgresql://h/d"
    assert shown("postgresql", Address("::1", 1, "a/b"), 5432) == "postgresql://[::1]:1/a%2Fb"


def test_keys_say_what_the_url_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", "open sesame")
    connection = Nowhere(
        url=Secret("postgres://u@h/d"), password=Secret("${SHOP_PASSWORD}"), port=6000
    )
    assert connection.address() == Address("h", 6000, "d", "u", "open sesame")
    assert connection.place() == "postgresql://h:6000/d"
    assert connection.identity() == "postgres:d"
    assert "sesame" not in repr(connection) + repr(connection.address())


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"url": "postgres://h/d", "host": "g"}, "`url` has a host already"),
        ({"url": "postgres://u:p@h/d", "password": "q"}, "`url` has a password already"),
        ({"host": "h"}, "names no database"),
        ({"url": "postgres://u:topsecret@h:x/d"}, "number"),
    ],
)
def test_contradictions_are_told_at_once(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says) as caught:
        Nowhere.model_validate(given)
    assert "topsecret" not in caught.value.errors()[0]["msg"]


def test_references_are_resolved_late(monkeypatch: pytest.MonkeyPatch) -> None:
    connection = Nowhere(url=Secret("${SHOP_URL}"))
    assert connection.place() == "${SHOP_URL}"
    with pytest.raises(ConfigError, match="SHOP_URL is not set"):
        connection.identity()
    monkeypatch.setenv("SHOP_URL", "postgres://u:topsecret@h/d")
    assert connection.identity() == "postgres:d"
    assert connection.place() == "postgresql://h/d"
    monkeypatch.setenv("SHOP_URL", "mysql://u:topsecret@h/d")
    with pytest.raises(ConfigError, match="another type") as caught:
        connection.address()
    assert "topsecret" not in str(caught.value)


def test_paths_are_the_projects(tmp_path: Path) -> None:
    connection = Nowhere(database="d", tls_ca="ca.pem", tls_cert="/etc/c.pem").bind(tmp_path)
    assert (connection.tls_ca, connection.tls_cert) == (str(tmp_path / "ca.pem"), "/etc/c.pem")
    assert connection.tls_key is None
