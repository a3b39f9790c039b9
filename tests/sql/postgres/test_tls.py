"""TLS: whether the way is encrypted, and whether the server must prove who it is."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.servers import Broken, Database, Server
from tests.servers import postgres_server as private_server

from hygge import ConnectError
from hygge.sql.postgres.connection import PostgresConnection


def certificate(folder: Path, name: str) -> tuple[Path, Path]:
    """A self-signed certificate for `localhost` and its key, by openssl."""
    files = folder / f"{name}.crt", folder / f"{name}.key"
    subprocess.run(
        ["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", "/CN=localhost",
         "-addext", "subjectAltName=DNS:localhost", "-out", files[0], "-keyout", files[1]],
        check=True, capture_output=True,
    )  # fmt: skip
    return files


@dataclass(frozen=True)
class Secured:
    database: Database
    own: Path  # the certificate that it shows
    other: Path  # one that it does not

    def connection(self, **settings: Any) -> PostgresConnection:
        at = self.database
        return PostgresConnection.model_validate(
            {"host": "localhost", "port": at.port, "database": at.database, "user": at.user,
             "password": at.password, **settings}
        )  # fmt: skip


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory, postgres_server: Server) -> Iterator[Secured]:
    """A server of its own; the shared one is only asked for so that a missing one is told."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes certificates, is not there")
    folder = tmp_path_factory.mktemp("tls")
    own, key = certificate(folder, "own")
    other, _ = certificate(folder, "other")
    with private_server(own=True) as server:
        for name, file in (("server.crt", own), ("server.key", key)):
            # By the server, whose own they must be.
            server.admin.execute(
                f"CREATE TABLE c (line text);\nCOPY c FROM STDIN;\n{file.read_text()}\\.\n"
                f"COPY c TO PROGRAM 'umask 077; cat > {name}'; DROP TABLE c;"
            )
        try:
            server.admin.execute("ALTER SYSTEM SET ssl = on;")
        except Broken as error:
            pytest.skip(f"this server has no TLS: {error}")
        server.admin.execute("SELECT pg_reload_conf();")
        yield Secured(server.admin, own, other)


@pytest.mark.parametrize(
    ("settings", "encrypted"),
    [
        ({}, True), ({"tls": "disable"}, False), ({"tls": "require"}, True),
        ({"tls": "verify-ca", "tls_ca": "own", "host": "127.0.0.1"}, True),
        ({"tls": "verify-full", "tls_ca": "own"}, True),
    ],
)  # fmt: skip
def test_ways_in(secured: Secured, settings: dict[str, Any], encrypted: bool) -> None:
    if "tls_ca" in settings:
        settings = settings | {"tls_ca": str(secured.own)}
    with secured.connection(**settings).open_link() as link:
        assert link.row("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()") == (encrypted,)


@pytest.mark.parametrize(
    "settings",
    [
        {"tls": "verify-full", "tls_ca": "own", "host": "127.0.0.1"},
        {"tls": "verify-ca", "tls_ca": "other"},
    ],
)
def test_who_cannot_prove_who_they_are(secured: Secured, settings: dict[str, Any]) -> None:
    file = {"own": secured.own, "other": secured.other}[settings["tls_ca"]]
    with pytest.raises(ConnectError) as caught:
        secured.connection(**settings | {"tls_ca": str(file)}).connect()
    assert "tls_ca" in str(caught.value.hint)
