"""`hygge move`'s sides: what a path or URL means."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hygge.cli.places import Place, parse_place
from hygge.core.errors import ConfigError


@pytest.mark.parametrize(
    ("given", "kind", "name", "settings"),
    [
        ("sqlite:///shop.db#orders", "sqlite", "orders", {"path": "shop.db", "table": "orders"}),
        ("sqlite:////srv/shop.db#a.b", "sqlite", "a.b", {"path": "/srv/shop.db", "table": "a.b"}),
        ("sqlite:///my%20shop.db#x", "sqlite", "x", {"path": "my shop.db", "table": "x"}),
        ("data/shop.sqlite3#orders", "sqlite", "orders",
         {"path": "data/shop.sqlite3", "table": "orders"}),
        ("md:shop#orders", "duckdb", "orders", {"path": "md:shop", "table": "orders"}),
        ("./md:shop", "parquet", "md:shop", {"path": "./md:shop"}),
        ("data/orders", "parquet", "orders", {"path": "data/orders"}),
        ("orders.csv", "csv", "orders", {"path": "orders.csv"}),
        ("ORDERS.CSV", "csv", "ORDERS", {"path": "ORDERS.CSV"}),
        ("orders.tsv", "csv", "orders", {"path": "orders.tsv", "delimiter": "\t"}),
        ("data/2024-*.parquet", "parquet", "data", {"path": "data/2024-*.parquet"}),
        ("a#b.csv", "csv", "a#b", {"path": "a#b.csv"}),
        ("x.jsonl", "ndjson", "x", {"path": "x.jsonl"}),
        ("file:///srv/a%20b.arrow", "ipc", "a b", {"path": "/srv/a b.arrow"}),
        ("csv://in/orders", "csv", "orders", {"path": "in/orders"}),
        ("postgres://me:pw@host/db#public.users", "postgres", "public.users",
         {"url": "postgres://me:pw@host/db", "table": "public.users"}),
        ("postgresql://host/db#users", "postgres", "users",
         {"url": "postgresql://host/db", "table": "users"}),
        ("mysql+pymysql://host/db#users", "sql", "users",
         {"url": "mysql+pymysql://host/db", "table": "users"}),
    ],
)  # fmt: skip
def test_a_source(given: str, kind: str, name: str, settings: dict[str, Any]) -> None:
    assert parse_place(given, "home") == Place(kind, name, settings)


def test_a_folder_is_what_its_files_are(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    assert parse_place(str(tmp_path / "in"), "home").type == "parquet"
    (tmp_path / "in" / "a.csv").touch()
    (tmp_path / "in" / "_hygge.parquet").touch()
    assert parse_place(str(tmp_path / "in"), "home").type == "csv"
    assert parse_place(str(tmp_path / "in"), "store").type == "parquet"
    (tmp_path / "in" / "b.ndjson").touch()
    assert parse_place(str(tmp_path / "in"), "home").type == "parquet"


@pytest.mark.parametrize(
    ("given", "role", "said"),
    [
        ("shop.db", "home", "shop.db#orders"),
        ("sqlite:///#x", "home", "names no file"),
        ("in.xyz", "home", "known endings"),
        ("out.csv", "store", "csv://out"),
        ("", "store", "names no path"),
        ("csv://", "home", "names no path"),
        ("postgres://host/db", "home", "names no table"),
        ("md:shop", "home", "names no table"),
        ("sql://host/db", "store", "'sql://' is no destination that is known"),
        ("sql://host/db#t", "home", "'sql://' is no source that is known"),
    ],
)
def test_what_means_nothing(given: str, role: Any, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_place(given, role)
    assert said in str(caught.value)


def test_what_is_known_is_so_of_that_side() -> None:
    with pytest.raises(ConfigError, match="'odbc://' is no destination") as caught:
        parse_place("odbc://host/db", "store")
    known = (caught.value.hint or "").split(", ")
    assert "odbc://" not in known
    assert {"s3://", "postgresql://", "csv://"} <= {*known}
    with pytest.raises(ConfigError) as caught:
        parse_place("nope://host/db", "home")
    assert "odbc://" in (caught.value.hint or "")
