"""SSH tunnels, through a real sshd with keys of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.servers import Database
from tests.servers.ssh import answers, ssh_server
from tests.sql.databases import drain

from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConnectError
from hygge.homes.sql import SQLHome
from hygge.sql import tunnel as tunnels
from hygge.sql.alchemy.connection import SQLConnection
from hygge.sql.postgres.connection import PostgresConnection
from hygge.sql.tunnel import Tunnel, through


@pytest.fixture(scope="module")
def bastion(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tunnel]:
    """An sshd on a free port, and the key that it lets in."""
    with ssh_server(tmp_path_factory.mktemp("ssh")) as server:
        try:
            yield Tunnel(
                host="127.0.0.1", port=server.port, user=server.user,
                key_file=str(server.folder / "user"),
                known_hosts=str(server.folder / "known_hosts"),
            )  # fmt: skip
        finally:
            tunnels.close_tunnels()


def keys_of(database: Database, tunnel: Tunnel) -> dict[str, object]:
    return {
        "host": database.host, "port": database.port, "database": database.database,
        "user": database.user, "password": database.password, "tunnel": tunnel,
    }  # fmt: skip


def test_a_database_is_read_through_it(bastion: Tunnel, postgres: Database) -> None:
    postgres.execute("CREATE TABLE t AS SELECT 7 AS id")
    native = PostgresConnection(**keys_of(postgres, bastion))
    url = f"postgresql+psycopg://{postgres.url.partition('://')[2]}"
    for shop in (native, SQLConnection(url=url, tunnel=bastion)):
        home = SQLHome("t").bind(Surroundings(connections={"shop": shop}))
        with home.open(Context()) as session:
            assert drain(session)["id"].to_list() == [7]
        assert str(postgres.port) in home.place() or postgres.database in home.place()
    far = (bastion, postgres.host, postgres.port)
    assert [key for key in tunnels._open if key == far] == [far]  # one for both


def test_it_is_shared_and_opened_again_when_it_broke(bastion: Tunnel, postgres: Database) -> None:
    where = through(bastion, postgres.host, postgres.port, 10)
    assert through(bastion, postgres.host, postgres.port, 10) == where
    running = tunnels._open[(bastion, postgres.host, postgres.port)]
    running.process.kill()
    running.process.wait()
    again = through(bastion, postgres.host, postgres.port, 10)
    assert answers(again[1])
    tunnels.close_tunnels()
    assert not answers(again[1])


def test_what_ssh_says_is_told(bastion: Tunnel, tmp_path: Path) -> None:
    (tmp_path / "nobody").touch()
    stranger = bastion.model_copy(update={"known_hosts": str(tmp_path / "nobody")})
    with pytest.raises(ConnectError, match="Host key verification failed"):
        through(stranger, "127.0.0.1", 1, 10)
    away = Tunnel(host="127.0.0.1", port=1, known_hosts=str(tmp_path / "nobody"))
    with pytest.raises(ConnectError, match="refused") as caught:
        through(away, "127.0.0.1", 1, 10)
    assert "by hand: ssh 127.0.0.1" in str(caught.value.hint)


def test_a_certificate_cannot_name_the_host_of_a_tunnel() -> None:
    with pytest.raises(ValueError, match="verify-ca"):
        PostgresConnection(
            host="db", database="x", tls="verify-full", tunnel=Tunnel(host="bastion")
        )


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "", "a b"])
def test_a_host_is_no_option(host: str) -> None:
    with pytest.raises(ValueError, match="host"):
        Tunnel(host=host)
