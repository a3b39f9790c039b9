"""How a server is found and let us in: what is asked, in which order, and what is left to libpq."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.servers import Broken, Database, Server
from tests.servers import postgres_server as private_server
from tests.sql.postgres.wire.scripted import info, saying, scripted

from hygge.core.secrets import redact
from hygge.sql.postgres.wire import asked as asking
from hygge.sql.postgres.wire import client
from hygge.sql.postgres.wire import dial as dialling
from hygge.sql.postgres.wire.asked import Asked
from hygge.sql.postgres.wire.client import Beyond, ServerError, Wire
from hygge.sql.postgres.wire.dial import dial
from hygge.sql.postgres.wire.messages import message

DB = {"host": "db", "dbname": "shop", "user": "me"}


def asked(
    conninfo: Mapping[str, str], environ: Mapping[str, str] | None = None, home: Path | None = None
) -> Asked:
    return asking.asked(conninfo, environ or {}, home, "root")


# What is asked ------------------------------------------------------------------------------------


def test_what_is_left_out() -> None:
    found = asked({"host": "db", "password": ""})
    assert (found.port, found.user, found.password) == (5432, "root", "")
    assert found.parameters == {"user": "root", "database": "root", "client_encoding": "UTF8"}
    assert (found.sslmode, found.root, found.pair) == ("prefer", None, None)
    assert (found.timeout_s, found.keepalives, found.tuning) == (None, True, {})


def test_what_is_said(tmp_path: Path) -> None:
    found = asked({
        **DB, "port": "5433", "password": "pw", "connect_timeout": "1", "application_name": "it",
        "client_encoding": "utf-8", "options": "-c geqo=off", "sslmode": "verify-ca",
        "sslrootcert": "ca.pem", "keepalives": "0", "keepalives_idle": "9", "gssencmode": "prefer",
        "tcp_user_timeout": "7", "sslnegotiation": "postgres", "target_session_attrs": "any",
        "channel_binding": "prefer",
    }, home=tmp_path)  # fmt: skip
    assert (found.host, found.port, found.password) == ("db", 5433, "pw")
    assert found.parameters == {
        "user": "me", "database": "shop", "options": "-c geqo=off", "application_name": "it",
        "client_encoding": "UTF8",
    }  # fmt: skip
    assert (found.sslmode, found.root, found.timeout_s) == ("verify-ca", "ca.pem", 2.0)
    assert (found.keepalives, found.tuning) == (
        False,
        {"keepalives_idle": 9, "tcp_user_timeout": 7},
    )
    assert "pw" not in repr(found)


@pytest.mark.parametrize(
    "change",
    [
        {"hostaddr": "10.0.0.1"}, {"host": "one,two"}, {"host": "@abstract"}, {"host": "bücher.de"},
        {"host": "a..b"}, {"host": 64 * "x"},
        {"port": "1,2"}, {"port": "0"}, {"port": "70000"}, {"port": "x"}, {"service": "shop"},
        {"passfile": "f"}, {"password": "grün"}, {"client_encoding": "latin1"},
        {"client_encoding": "auto"}, {"sslmode": "allow"}, {"sslmode": "always"},
        {"sslnegotiation": "direct"}, {"target_session_attrs": "read-write"},
        {"gssencmode": "require"}, {"channel_binding": "require"}, {"krbsrvname": "postgres"},
        {"sslcrl": "f"}, {"sslpassword": "x"}, {"requirepeer": "postgres"}, {"unknown": "x"},
        {"connect_timeout": "-1"}, {"connect_timeout": "1.5"}, {"keepalives": "yes"},
        {"sslrootcert": "system", "sslmode": "require"}, {"sslcert": "no.crt", "sslkey": "no.key"},
        {"sslcert": __file__}, {"sslkey": __file__}, {"sslcert": __file__, "sslkey": "engine:key"},
        {"sslcert": __file__, "sslkey": __file__}, {"user": "a\0b"}, {"host": "/" + 100 * "x"},
    ],
    ids=str,
)  # fmt: skip
def test_what_is_for_libpq(change: dict[str, str]) -> None:
    with pytest.raises(Beyond):
        asked({**DB, **change})


@pytest.mark.parametrize(
    "name",
    ["PGSERVICE", "PGSERVICEFILE", "PGHOSTADDR", "PGTZ", "PGDATESTYLE", "PGREQUIREAUTH"],
)
def test_of_the_environment_some_is_for_libpq(name: str) -> None:
    with pytest.raises(Beyond, match=name):
        asked(DB, {name: "1"})


def test_the_environment_says_what_is_left_unsaid() -> None:
    """As for libpq, for which even an empty keyword is said."""
    environ = {"PGHOST": "x", "PGPORT": "7", "PGDATABASE": "y", "PGUSER": "u", "PGPASSWORD": "pw",
               "PGSSLMODE": "require", "PGPASSFILE": "f", "HOME": "/"}  # fmt: skip
    found = asked({"application_name": "it"}, environ)
    assert (found.host, found.port, found.user) == ("x", 7, "u")
    assert (found.password, found.sslmode, found.parameters["database"]) == ("pw", "require", "y")
    said = {"host": "db", "dbname": "shop", "user": "me", "password": "", "sslmode": "disable"}
    found = asked(said, {**environ, "PGPORT": ""})
    assert (found.host, found.port, found.user) == ("db", 5432, "me")
    assert (found.password, found.sslmode, found.parameters["database"]) == ("", "disable", "shop")
    for name, value in (("PGHOST", "one,two"), ("PGSSLMODE", "allow"), ("PGPORT", "x")):
        with pytest.raises(Beyond):
            asked({}, {**environ, name: value})


def test_a_password_of_the_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "from around")
    refusal = message(b"E", b"SFATAL\0C28P01\0Mfrom around is wrong\0\0")
    with scripted(saying(greeting=refusal)) as port, pytest.raises(ServerError) as caught:
        Wire.open({word: said for word, said in info(port).items() if word != "password"})
    assert redact(str(caught.value)).endswith("FATAL:  *** is wrong")


def test_the_files_where_libpq_looks_for_them(tmp_path: Path) -> None:
    folder = tmp_path / ".postgresql"
    folder.mkdir()
    assert asked(DB, home=tmp_path).root == str(folder / "root.crt")
    assert asked({**DB, "sslrootcert": "system"}, home=tmp_path).sslmode == "verify-full"
    for name in ("postgresql.crt", "root.crl"):
        (folder / name).touch()
        with pytest.raises(Beyond, match=r"certificate"):
            asked(DB, home=tmp_path)
        assert asked({**DB, "sslmode": "disable"}, home=tmp_path).root is None
        assert asked({**DB, "host": "/run"}, home=tmp_path).root is None
        (folder / name).unlink()


def test_a_key_that_others_can_read_is_libpqs_to_refuse(tmp_path: Path) -> None:
    key = tmp_path / "own.key"
    key.touch(mode=0o600)
    files = {"sslcert": str(key), "sslkey": str(key)}
    assert asked({**DB, **files}).pair == (str(key), str(key))
    key.chmod(0o644)
    with pytest.raises(Beyond, match="others can read it"):
        asked({**DB, **files})


def test_a_server_without_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with TemporaryDirectory(dir="/tmp") as folder:  # the path of a socket has to be short
        monkeypatch.setattr(asking, "SOCKETS", folder)
        with pytest.raises(Beyond, match="no host"):
            asked({"dbname": "shop"})
        (Path(folder) / ".s.PGSQL.5432").touch()
        assert asked({"dbname": "shop"}).socket == f"{folder}/.s.PGSQL.5432"


# Finding the server -------------------------------------------------------------------------------


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at which nobody listens: that of a socket that is bound, and no more."""
    with socket.socket() as end:
        end.bind(("127.0.0.1", 0))
        yield int(end.getsockname()[1])


def test_who_is_not_there(closed_port: int) -> None:
    port = closed_port
    with pytest.raises(ServerError) as caught:
        Wire.open(info(port))
    assert str(caught.value) == (
        f'connection to server at "127.0.0.1", port {port} failed: Connection refused\n'
        "\tIs the server running on that host and accepting TCP/IP connections?"
    )
    with pytest.raises(ServerError, match=r'could not translate host name "no\.invalid"'):
        Wire.open(info(port, host="no.invalid"))
    with pytest.raises(ServerError) as caught:
        Wire.open(info(port, host="/no/such"))
    assert str(caught.value) == (
        f'connection to server on socket "/no/such/.s.PGSQL.{port}" failed: No such file or '
        "directory\n\tIs the server running locally and accepting connections on that socket?"
    )


def found_at(monkeypatch: pytest.MonkeyPatch, *ports: int) -> None:
    """A name that stands for several addresses."""

    def look_up(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", p)) for p in ports]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


def test_another_address_is_tried_where_nobody_answers(
    monkeypatch: pytest.MonkeyPatch, closed_port: int
) -> None:
    with scripted(saying()) as port:
        found_at(monkeypatch, closed_port, port)
        Wire.open(info(1, host="db")).close()


def test_who_is_refused_is_not_told_otherwise_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = message(b"E", b"SFATAL\0C28P01\0Mpassword authentication failed\0\0")
    with scripted(saying(greeting=refusal), saying()) as port:
        found_at(monkeypatch, port, port)
        with pytest.raises(ServerError, match="FATAL:  password authentication failed") as caught:
            Wire.open(info(1, host="db"))
    assert str(caught.value).startswith('connection to server at "db" (127.0.0.1), port 1 failed: ')


@pytest.mark.parametrize("sslmode", ["disable", "prefer", "require"])
def test_a_server_that_never_answers(sslmode: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        wanted = replace(asked(info(port, sslmode=sslmode)), timeout_s=0.05)
        with pytest.raises(ServerError, match="timeout expired"):
            dial(wanted)


def test_cancelling_where_the_server_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leaving a COPY that never ends breaks the connection, in good time."""
    monkeypatch.setattr(client, "PATIENCE_S", 0.05)
    copy = message(b"H", b"\0\0\0") + message(b"d", b"x") * 5000
    with scripted(saying(copy, b"")) as port:
        wire = Wire.open(info(port))
        monkeypatch.setattr("hygge.sql.postgres.wire.dial.CANCEL_S", 0.05)
        with wire.copy_out("COPY", 4096) as blocks:
            next(blocks)
        with pytest.raises(ServerError, match="no connection"):
            wire.query("SELECT 1")


@pytest.mark.parametrize("answer", [b"E", b"X", b""])
def test_what_is_no_answer_about_tls(answer: bytes) -> None:
    def talk(end: socket.socket) -> None:
        end.recv(8)
        end.sendall(answer)

    with scripted(talk) as port, pytest.raises(ServerError) as caught:
        Wire.open(info(port, sslmode="require"))
    assert caught.value.sqlstate is None
    with scripted(talk, saying()) as port:  # and if TLS need not be, it is tried without
        Wire.open(info(port, sslmode="prefer")).close()


def test_who_is_refused_without_tls_does_not_come_again() -> None:
    refuses = saying(greeting=message(b"E", b"SFATAL\0Mwrong password\0\0"))
    with scripted(refuses, saying()) as port, pytest.raises(ServerError, match="wrong password"):
        Wire.open(info(port, sslmode="prefer"))


def test_a_server_of_another_encoding() -> None:
    greeting = message(b"R", bytes(4)) + message(b"Z", b"I")
    with scripted(saying(greeting=greeting)) as port, pytest.raises(Beyond, match="encoding"):
        Wire.open(info(port))


# Real servers -------------------------------------------------------------------------------------

RULES = """
hostnossl all plain_only all           scram-sha-256
host      all plain_only all           reject
host      all trusted    all           trust
host      all cleartext  all           password
host      all md5        all           md5
hostssl   all by_cert    all           cert
host      all all        all           scram-sha-256
local     all all                      scram-sha-256
"""
ROLES = """
CREATE ROLE trusted LOGIN; CREATE ROLE cleartext LOGIN PASSWORD 'pw'; CREATE ROLE by_cert LOGIN;
CREATE ROLE plain_only LOGIN PASSWORD 'pw'; SET password_encryption = 'md5';
CREATE ROLE md5 LOGIN PASSWORD 'pw'
"""


def certificate(folder: Path, name: str, common: str) -> Path:
    """A self-signed certificate and, beside it, its key, by openssl."""
    file = folder / f"{name}.crt"
    subprocess.run(
        ["openssl", "req", "-new", "-x509", "-days", "2", "-nodes", "-subj", f"/CN={common}",
         "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-addext",
         f"subjectAltName=DNS:{common}", "-out", file, "-keyout",
         file.with_suffix(".key")],
        check=True, capture_output=True,
    )  # fmt: skip
    file.with_suffix(".key").chmod(0o600)
    return file


@dataclass(frozen=True)
class Guarded:
    """A server that lets everybody in otherwise."""

    database: Database
    folder: Path
    tls: bool

    def info(self, **change: str) -> dict[str, str]:
        at = self.database
        files = {
            k: str(self.folder / v)
            for k, v in change.items()
            if k.startswith(("sslr", "sslc", "sslk"))
        }
        return {"host": "127.0.0.1", "port": str(at.port), "dbname": at.database, "user": at.user,
                "password": at.password, "connect_timeout": "30", **change, **files}  # fmt: skip


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory, postgres_server: Server) -> Iterator[Guarded]:
    """A server of its own; the shared one is only asked for so that a missing one is told."""
    folder = tmp_path_factory.mktemp("guarded")
    with private_server(own=True) as server:
        put = server.admin.execute
        put(ROLES)

        def write(name: str, text: str) -> None:
            put(f"CREATE TABLE c (line text);\nCOPY c FROM STDIN;\n{text}\\.\n"
                f"COPY c TO PROGRAM 'umask 077; cat > {name}'; DROP TABLE c;")  # fmt: skip

        tls = shutil.which("openssl") is not None
        if tls:
            own = certificate(folder, "own", "localhost")
            certificate(folder, "other", "localhost")
            mine = certificate(folder, "mine", "by_cert")
            write("server.crt", own.read_text())
            write("server.key", own.with_suffix(".key").read_text())
            write("clients.crt", mine.read_text())
            try:
                put("ALTER SYSTEM SET ssl = on;")
                put("ALTER SYSTEM SET ssl_ca_file = 'clients.crt';")
            except Broken:  # as it was built
                tls = False
        rules = "\n".join(line for line in RULES.strip().split("\n") if tls or "ssl" not in line)
        write("pg_hba.conf", rules + "\n")
        server.restart()
        yield Guarded(server.admin, folder, tls)


@pytest.fixture
def secured(guarded: Guarded) -> Guarded:
    if not guarded.tls:
        pytest.skip("openssl, or TLS in the server, is not there")
    return guarded


def encrypted(conninfo: Mapping[str, str]) -> bool:
    """Whether there is TLS, as the server sees it; and that statements can be cancelled over it."""
    wire = Wire.open(conninfo)
    try:
        ((told,),) = wire.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0].rows
        many = "generate_series(1, 9999) a, generate_series(1, 9999) b"
        with wire.copy_out(
            f"COPY (SELECT repeat('x', 900) FROM {many}) TO STDOUT", 1 << 16
        ) as blocks:
            next(blocks)
        wire.query("CREATE TEMP TABLE t (a text)")
        assert wire.copy_in("COPY t FROM STDIN", [b"x" * 999 + b"\n"] * 2000) == 2000
        with wire.copy_out("COPY t TO STDOUT", 1 << 16) as blocks:
            assert sum(len(block.starts) for block in blocks) == 2000
    finally:
        wire.close()
    return told == "t"


def test_every_way_of_proving_who_one_is(guarded: Guarded) -> None:
    for user in ("trusted", "cleartext", "md5"):
        wire = Wire.open(guarded.info(user=user, password="pw"))
        assert wire.query("SELECT current_user")[0].rows == [(user,)]
        wire.close()
    for user in ("cleartext", "md5", guarded.database.user):
        with pytest.raises(ServerError, match="password authentication failed") as caught:
            Wire.open(guarded.info(user=user, password="hushed"))
        assert "hushed" not in str(caught.value)
        with pytest.raises(Beyond):
            Wire.open(guarded.info(user=user, password=""))
    Wire.open(guarded.info(user="trusted", password="")).close()


def test_the_socket(guarded: Guarded) -> None:
    if not guarded.database.socket:
        pytest.skip("the server has no socket here")
    assert not encrypted(guarded.info(host=guarded.database.socket, sslmode="require"))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({}, True), ({"sslmode": "disable"}, False), ({"sslmode": "require"}, True),
        ({"sslmode": "verify-ca", "sslrootcert": "own.crt"}, True),
        ({"sslmode": "verify-full", "sslrootcert": "own.crt", "host": "localhost"}, True),
        ({"sslmode": "require", "sslrootcert": "own.crt"}, True),
        ({"sslmode": "require", "sslrootcert": "none.crt"}, True),
        ({"sslmode": "prefer", "sslrootcert": "other.crt"}, False),  # as libpq does
        ({"user": "by_cert", "sslcert": "mine.crt", "sslkey": "mine.key"}, True),
    ],
    ids=str,
)  # fmt: skip
def test_tls(secured: Guarded, change: dict[str, str], told: bool) -> None:
    assert encrypted(secured.info(**change)) is told


def test_who_is_let_in_without_tls_alone(secured: Guarded) -> None:
    """What is preferred is tried first."""
    Wire.open(secured.info(user="plain_only", password="pw")).close()
    with pytest.raises(ServerError, match="pg_hba"):
        Wire.open(secured.info(user="plain_only", password="pw", sslmode="require"))


@pytest.mark.parametrize(
    ("change", "times"),
    [
        ({"user": "md5", "password": "no"}, 2),  # by pg_hba.conf it may be another without TLS
        ({"user": "trusted", "dbname": "nowhere"}, 1),
        ({"user": "md5", "password": "no", "sslmode": "require"}, 1),
    ],
    ids=str,
)
def test_how_often_the_door_is_knocked_at(
    secured: Guarded, monkeypatch: pytest.MonkeyPatch, change: dict[str, str], times: int
) -> None:
    knocked: list[Any] = []
    connected = dialling._connected

    def knock(*to: Any) -> socket.socket:
        knocked.append(to)
        return connected(*to)

    monkeypatch.setattr(dialling, "_connected", knock)
    with pytest.raises(ServerError):
        Wire.open(secured.info(**change))
    assert len(knocked) == times


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"sslmode": "verify-ca", "sslrootcert": "other.crt"}, "certificate verify failed"),
        ({"sslmode": "require", "sslrootcert": "other.crt"}, "certificate verify failed"),
        ({"sslmode": "verify-ca", "sslrootcert": "none.crt"}, "certificate file .* does not exist"),
        ({"sslmode": "require", "sslrootcert": "own.key"}, "root certificate file .*: no cert"),
        ({"sslmode": "require", "sslcert": "mine.crt", "sslkey": "own.key"}, "certificate file"),
        ({"sslmode": "require", "user": "by_cert"}, "certificate"),
    ],
    ids=str,
)  # fmt: skip
def test_what_proves_nothing(secured: Guarded, change: dict[str, str], told: str) -> None:
    with pytest.raises(ServerError, match=told) as caught:
        Wire.open(secured.info(**change))
    assert caught.value.sqlstate is None


@pytest.mark.parametrize(
    "change",
    [
        {}, {"sslmode": "disable"}, {"sslmode": "require"}, {"sslmode": "verify-ca"},
        {"sslmode": "verify-ca", "sslrootcert": "own.crt"},
        {"sslmode": "verify-full", "sslrootcert": "own.crt", "host": "localhost"},
        {"sslmode": "verify-full", "sslrootcert": "own.crt"},
        {"sslmode": "verify-full", "sslrootcert": "system", "host": "localhost"},
        {"sslmode": "verify-ca", "sslrootcert": "other.crt"},
        {"sslmode": "verify-ca", "sslrootcert": "none.crt"},
        {"sslmode": "require", "sslrootcert": "other.crt"},
        {"sslmode": "require", "sslrootcert": "none.crt"},
        {"sslmode": "require", "sslrootcert": "own.key"},
        {"sslmode": "prefer", "sslrootcert": "other.crt"},
        {"sslmode": "prefer", "sslrootcert": "own.key"},
        {"user": "by_cert", "sslcert": "mine.crt", "sslkey": "mine.key"}, {"user": "by_cert"},
        {"user": "trusted", "password": ""}, {"user": "md5", "password": "pw"},
        {"user": "md5", "password": "no"}, {"user": "cleartext", "password": "pw"},
        {"user": "plain_only", "password": "pw"}, {"password": "no"}, {"user": "nobody"},
        {"user": "plain_only", "password": "pw", "sslmode": "require"}, {"dbname": "nowhere"},
        {"options": "-c geqo=off"}, {"options": "-c nonsense=1"}, {"host": "/no/such"},
        {"host": "localhost"}, {"port": "1"},
    ],
    ids=str,
)  # fmt: skip
def test_libpq_comes_to_the_same(secured: Guarded, change: dict[str, str]) -> None:
    """As psycopg finds it, which libpq connects."""
    psycopg = pytest.importorskip("psycopg")
    conninfo = secured.info(**change)
    try:
        with psycopg.connect(**conninfo) as other:
            theirs = str(other.pgconn.ssl_in_use)
    except psycopg.OperationalError as error:
        theirs = str(error)
    try:
        wire = Wire.open(conninfo)
    except Beyond:
        return
    except ServerError as error:
        told = re.split(r'(?:port \d+|PGSQL\.\d+") failed: ', str(error))[-1].splitlines()[0]
        assert told in theirs or (": " in told and told.rpartition(": ")[0] in theirs)
        return
    ((ssl,),) = wire.query("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()")[0].rows
    wire.close()
    assert str(ssl == "t") == theirs


def test_a_name_that_the_certificate_has_not_is_libpqs_to_judge(secured: Guarded) -> None:
    with pytest.raises(Beyond, match="certificate"):
        Wire.open(secured.info(sslmode="verify-full", sslrootcert="own.crt"))


def test_a_key_with_a_pass_phrase_is_for_libpq(secured: Guarded) -> None:
    locked = secured.folder / "locked.key"
    subprocess.run(
        ["openssl", "ec", "-aes128", "-passout", "pass:secret", "-in",
         secured.folder / "mine.key", "-out", locked], check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(Beyond, match="pass phrase"):
        Wire.open(secured.info(sslcert="mine.crt", sslkey="locked.key"))
