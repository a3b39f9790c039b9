"""Connections to object stores: addresses, settings, and credentials from each cloud's chain."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hygge.core import registry
from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError, ConnectError, TransientError
from hygge.core.secrets import Secret
from hygge.core.settings import build
from hygge.core.upkeep import Optimize, due
from hygge.storage.address import Address
from hygge.storage.azure import AzureConnection
from hygge.storage.connection import located, tree_of
from hygge.storage.gcs import GCSConnection
from hygge.storage.s3 import S3Connection

SECRET = "Wide-Harbour-42"


def made(kind: str, **settings: Any) -> Any:
    return build(registry.lookup("connection", kind), f"the {kind}", settings, {})


@pytest.fixture(autouse=True)
def _no_chain(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without anybody's credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_REGION",
                 "AWS_DEFAULT_REGION", "AZURE_STORAGE_ACCOUNT_KEY"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


@pytest.mark.parametrize(
    ("url", "shown", "key"),
    [
        ("s3://b/x/y/", "s3://b/x/y", "x/y"),
        ("S3://b", "s3://b", ""),
        ("gs://b//x/./y", "gs://b/x/y", "x/y"),
        ("abfss://c@a.dfs.core.windows.net/x", "abfss://c@a.dfs.core.windows.net/x", "x"),
    ],
)
def test_addresses(url: str, shown: str, key: str) -> None:
    address = Address.parse(url)
    assert (str(address), address.key) == (shown, key)
    assert address.join("z/w").key == f"{key}/z/w".lstrip("/")


@pytest.mark.parametrize("url", ["s3://", "s3:///x", "s3://b/../x", "s3://b/x?y=1", "just/a/path"])
def test_what_is_no_address(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Address.parse(url)
    assert caught.value.hint


def test_paths_and_connections() -> None:
    lake = made("s3", url="s3://lake/landing")
    around = Surroundings(connections={"lake": lake, "open": made("gcs")})

    def at(path: str, connection: str | None = None) -> str:
        return str(located(path, around, owner="x", connection=connection)[1])

    assert at("s3://other/x") == "s3://other/x"
    assert at("users", "lake") == "s3://lake/landing/users"
    assert at("s3://lake/elsewhere", "lake") == "s3://lake/elsewhere"
    for path, connection, told in (
        ("gs://b/x", "lake", "no path of a connection of type 's3'"),
        ("users", "open", "is relative"),
        ("users", "lak", "is not there"),
        ("postgresql://b/x", None, "files cannot lie on"),
        ("ftp://b/x", None, "files cannot lie on"),
    ):
        with pytest.raises(ConfigError, match=told) as caught:
            at(path, connection)
        assert caught.value.hint
    database = Surroundings(connections={"db": made("sqlite", path="x.db")})
    with pytest.raises(ConfigError, match="which is to a database"):
        located("x", database, owner="x", connection="db")


@pytest.mark.parametrize(
    ("kind", "settings", "told"),
    [
        ("s3", {"url": "gs://b"}, "s3://"),
        ("s3", {"access_key_id": "x"}, "go together"),
        ("s3", {"profile": "x", "access_key_id": "x", "secret_access_key": "yyy"}, "exclude"),
        ("s3", {"timeout": "0"}, "needs some time"),
        ("gcs", {"service_account": "x", "endpoint": "http://x"}, "exclude"),
        ("azure", {"auth": "azure_cli", "account_key": "xyz"}, "exclude"),
        ("azure", {"auth": "service_principal", "client_id": "x"}, "needs `tenant_id`"),
        ("azure", {"client_id": "x"}, "of no use"),
        ("azure", {"auth": "managed_identity", "tenant_id": "x"}, "of no use"),
    ],
)
def test_what_does_not_go_together(kind: str, settings: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        made(kind, **settings)


def test_secrets_never_show() -> None:
    for connection in (
        made("s3", access_key_id="x", secret_access_key=SECRET),
        made("azure", account="x", account_key=SECRET),
        made("gcs", service_account_key=f'{{"private_key": "{SECRET}"}}'),
    ):
        assert SECRET not in repr(connection) + str(connection) + connection.place()


def test_a_profile_of_aws(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text(
        f"[night]\naws_access_key_id = AKIANIGHT\naws_secret_access_key = {SECRET}\n"
        "aws_session_token = tok\n"
    )
    (tmp_path / "config").write_text("[profile night]\nregion = eu-north-1\n")
    lake: S3Connection = made("s3", url="s3://lake", profile="night")
    assert lake.storage_options(lake.address("x")) == {
        "aws_access_key_id": "AKIANIGHT", "aws_secret_access_key": SECRET, "timeout": "120s",
        "aws_session_token": "tok", "aws_region": "eu-north-1",
    }  # fmt: skip
    tree_of(lake, lake.address("").at(""))


def test_a_profile_that_is_not_there() -> None:
    lake = made("s3", url="s3://lake", profile="nobody")
    with pytest.raises(ConnectError, match="nobody"):
        tree_of(lake, lake.address("").at(""))


def test_a_service_account_beside_the_project(tmp_path: Path) -> None:
    lake: GCSConnection = made("gcs", service_account="secrets/x.json").bind(tmp_path)
    options = lake.storage_options(Address.parse("gs://b/x"))
    assert options["google_service_account"] == str(tmp_path / "secrets" / "x.json")


@pytest.mark.parametrize(
    ("settings", "credential"),
    [
        ({}, "DefaultAzureCredential"),
        ({"auth": "default"}, "DefaultAzureCredential"),
        ({"auth": "managed_identity", "client_id": "me"}, "ManagedIdentityCredential"),
        ({"auth": "azure_cli"}, "AzureCliCredential"),
        ({"auth": "interactive", "tenant_id": "t"}, "InteractiveBrowserCredential"),
        ({"auth": "service_principal", "tenant_id": "t", "client_id": "c", "client_secret": SECRET},
         "ClientSecretCredential"),
    ],
)  # fmt: skip
def test_identities_of_entra(settings: dict[str, Any], credential: str) -> None:
    lake: AzureConnection = made("azure", account="lake", **settings)
    assert type(lake.credential()).__name__ == credential


@pytest.fixture
def heard() -> Iterator[tuple[str, list[str]]]:
    """A server that refuses everybody, and who they said they are."""
    said: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            said.append(self.headers.get("Authorization") or "")
            self.send_response(403)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}", said
        server.shutdown()


def test_tokens_of_entra(heard: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint, said = heard
    token = SimpleNamespace(token="tok-1", expires_on=datetime(2100, 1, 1, tzinfo=UTC).timestamp())
    source = SimpleNamespace(get_token=lambda *scopes: token)
    monkeypatch.setattr(AzureConnection, "credential", lambda self: source)
    lake = made("azure", account="lake", url="az://c", auth="managed_identity", endpoint=endpoint)
    with pytest.raises(ConnectError, match="access was refused") as caught:
        tree_of(lake, lake.address("").at("")).entry("x")
    assert said == ["Bearer tok-1"]
    assert caught.value.hint
    assert lake.storage_options(lake.address("x"))["azure_storage_token"] == "tok-1"


def test_no_token_of_entra(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*scopes: str) -> None:
        raise RuntimeError("nobody is logged in")

    monkeypatch.setattr(
        AzureConnection, "credential", lambda self: SimpleNamespace(get_token=refuse)
    )
    lake = made("azure", account="lake", url="az://c", auth="azure_cli")
    with pytest.raises((ConnectError, TransientError), match="nobody is logged in"):
        tree_of(lake, lake.address("").at("")).entry("x")


def test_accounts_in_urls_of_azure() -> None:
    lake: AzureConnection = made("azure", account_key=SECRET)
    options = lake.storage_options(Address.parse("abfss://c@other.dfs.core.windows.net/x"))
    assert options["azure_storage_account_name"] == "other"
    options = lake.storage_options(Address.parse("abfss://w@onelake.dfs.fabric.microsoft.com/x"))
    assert options["azure_use_fabric_endpoint"] == "true"


def test_an_emulators_options_of_google() -> None:
    lake: GCSConnection = made("gcs", endpoint="http://127.0.0.1:1")
    options = lake.storage_options(Address.parse("gs://b"))
    assert json.loads(options["google_service_account_key"])["disable_oauth"] is True
    assert options["allow_http"] == "true"


def test_a_secret_may_be_a_reference(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAKE_SECRET", SECRET)
    lake = made("s3", access_key_id="x", secret_access_key=Secret("${LAKE_SECRET}"))
    assert lake.storage_options(Address.parse("s3://b"))["aws_secret_access_key"] == SECRET


def test_upkeep() -> None:
    given = build(Optimize, "optimize", {"compact": "24h", "vacuum": "7d"}, {})
    now = datetime(2026, 5, 2, 12, tzinfo=UTC)
    assert due(None, given.compact_every, now)
    assert due(datetime(2026, 5, 1, 12, tzinfo=UTC), given.compact_every, now)
    assert not due(datetime(2026, 5, 1, 13, tzinfo=UTC), given.compact_every, now)
    assert not due(None, Optimize().compact_every, now)
    assert given.vacuum_after is not None and given.vacuum_after.days == 7
    with pytest.raises(ConfigError, match="not a duration"):
        build(Optimize, "optimize", {"compact": "often"}, {})
