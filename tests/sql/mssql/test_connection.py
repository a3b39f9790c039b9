"""Addresses and identities for SQL Server, and its errors in hygge's words; no server."""

from __future__ import annotations

import pickle
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from hygge.core.errors import ConfigError, ConnectError, DataError, HyggeError, TransientError
from hygge.sql.mssql.connection import MSSQLConnection
from hygge.sql.mssql.errors import explain, explain_odbc
from hygge.sql.mssql.native import driver
from hygge.sql.mssql.strings import connection_string

BASE = {"server": "h", "database": "d"}
CERTIFIED = {"auth": "service_principal", "client_id": "app", "tenant_id": "t",
             "certificate": "c.pem"}  # fmt: skip
ODBC = {"driver": "odbc"}
PRINCIPAL = {"auth": "service_principal", "client_id": "app", "client_secret": "hush-hush"}


@pytest.mark.parametrize(
    ("settings", "keys"),
    [
        (BASE, {"Server": "tcp:h,1433", "Database": "d", "Encrypt": "yes",
                "Authentication": "ActiveDirectoryDefault", "TrustServerCertificate": "no"}),
        ({**BASE, "port": 1444}, {"Server": "tcp:h,1444"}),
        ({**BASE, "instance": "EXPRESS"}, {"Server": "h\\EXPRESS"}),
        ({**BASE, "server": "h\\EXPRESS"}, {"Server": "h\\EXPRESS"}),
        ({**BASE, "user": "u", "password": "p;}"}, {"UID": "u", "PWD": "p;}"}),
        ({**BASE, "auth": "windows"}, {"Trusted_Connection": "yes"}),
        ({**BASE, "auth": "interactive", "user": "u@x.org"},
         {"Authentication": "ActiveDirectoryInteractive", "UID": "u@x.org"}),
        ({**BASE, "auth": "managed_identity"}, {"Authentication": "ActiveDirectoryMsi"}),
        ({**BASE, "auth": "managed_identity", "client_id": "app"}, {"UID": "app"}),
        ({**BASE, **PRINCIPAL},
         {"Authentication": "ActiveDirectoryServicePrincipal", "UID": "app", "PWD": "hush-hush"}),
        ({**BASE, "encrypt": False, "trust_server_certificate": True},
         {"Encrypt": "no", "TrustServerCertificate": "yes"}),
        ({**BASE, "application_intent": "readonly", "multi_subnet_failover": True},
         {"ApplicationIntent": "ReadOnly", "MultiSubnetFailover": "yes"}),
        ({"url": "mssql://u:p%40@h:1444/d?TrustServerCertificate=yes&encrypt=strict"},
         {"Server": "tcp:h,1444", "UID": "u", "PWD": "p@", "Encrypt": "strict",
          "TrustServerCertificate": "yes"}),
        ({"url": "sqlserver://h/d?application-intent=ReadOnly", "auth": "azure_cli"},
         {"ApplicationIntent": "ReadOnly"}),
        ({"url": "mssql://u@h/d", "password": "p"}, {"PWD": "p"}),
        ({**BASE, **ODBC, "user": "u", "password": "p"},
         {"Driver": "ODBC Driver 18 for SQL Server", "Server": "tcp:h,1433", "UID": "u",
          "PWD": "p", "APP": "hygge", "Encrypt": "yes"}),
        ({"url": "mssql://u:p@h/d?driver=odbc&application_name=loads"}, {"APP": "loads"}),
        ({**BASE, **ODBC, "auth": "windows", "odbc_driver": "/opt/libmsodbcsql.so"},
         {"Driver": "/opt/libmsodbcsql.so", "Trusted_Connection": "yes"}),
        ({**BASE, **ODBC, **PRINCIPAL},
         {"Authentication": "ActiveDirectoryServicePrincipal", "UID": "app", "PWD": "hush-hush"}),
        ({**BASE, **ODBC, "auth": "managed_identity", "client_id": "app"},
         {"Authentication": "ActiveDirectoryMsi", "UID": "app"}),
        ({"url": "mssql://u:p@h/d?driver=odbc&odbc_driver=FreeTDS"}, {"Driver": "FreeTDS"}),
        ({**BASE, "user": "u", "password": "p"}, {"Driver": None, "APP": None}),
    ],
)  # fmt: skip
def test_what_the_driver_is_told(settings: dict[str, Any], keys: dict[str, str]) -> None:
    connection = MSSQLConnection(**settings)
    found = connection.keys()
    assert {name: found.get(name) for name in keys} == keys
    again = pickle.loads(pickle.dumps(connection))
    assert again.keys() == found


@pytest.mark.parametrize("extra", [{"auth": "azure_cli"}, {**PRINCIPAL, "tenant_id": "t"}])
def test_tokens_that_the_driver_has_no_word_for(extra: dict[str, str]) -> None:
    keys = MSSQLConnection(**BASE, **extra).keys()
    assert not {"UID", "PWD", "Authentication"} & keys.keys()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"server": "h"}, "database"),
        ({"database": "d"}, "server"),
        ({**BASE, "instance": "i", "port": 1}, "exclude each other"),
        ({**BASE, "auth": "sql"}, "needs `user` and `password`"),
        ({**BASE, "user": "u"}, "needs `password`"),
        ({**BASE, "password": "abc"}, "`password` is of no use with `auth: default`"),
        ({**BASE, "auth": "azure_cli", "client_id": "x"}, "`client_id` is of no use"),
        ({**BASE, "auth": "service_principal", "client_id": "x"}, "client_secret"),
        ({**BASE, **PRINCIPAL, "certificate": "c.pem", "tenant_id": "t"}, "exclude each other"),
        ({**BASE, **CERTIFIED, "tenant_id": None}, "needs `tenant_id`"),
        ({**BASE, "auth": "azure_cli", "certificate": "c.pem"}, "`certificate` is of no use"),
        ({**BASE, **PRINCIPAL, "certificate_password": "x"}, "`certificate_password` is of no use"),
        ({"url": "mssql://h/d?chatset=utf8"}, "option 'chatset'; known are auth"),
        ({"url": "mssql://h/d?encrypt=maybe"}, "encrypt"),
        ({"url": "mssql://u@h/d"}, "`url`: `auth: sql` needs `password`"),
        ({"url": "mssql://h/d", "database": "e"}, "`url` has a database already"),
        ({"url": "postgresql://h/d"}, "mssql://"),
        ({**BASE, "connect_timeout": "0s"}, "longer than nothing"),
        ({**BASE, **ODBC}, "there is no `auth: default`: the driver takes no token"),
        ({**BASE, **ODBC, "auth": "azure_cli"}, "there is no `auth: azure_cli`"),
        ({**BASE, **ODBC, **CERTIFIED}, "there is no `certificate`"),
        ({**BASE, **ODBC, **PRINCIPAL, "tenant_id": "t"}, "`tenant_id` is of no use with"),
        ({**BASE, "odbc_driver": "FreeTDS"}, "`odbc_driver` is of no use without"),
        ({**BASE, "application_name": "loads"}, "`application_name` is of no use without"),
        ({**BASE, "longest_text": 9}, "`longest_text` is of no use without"),
    ],
)
def test_wrong_settings_are_told(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        MSSQLConnection(**settings)


def test_no_secret_shows() -> None:
    connection = MSSQLConnection(**BASE, **PRINCIPAL)
    for text in (repr(connection), connection.place(), connection.identity()):
        assert "hush-hush" not in text


def test_where_it_is() -> None:
    assert MSSQLConnection(**BASE).place() == "mssql://h/d"
    assert MSSQLConnection(**BASE, instance="X").place() == "mssql://h/d?instance=X"
    told = MSSQLConnection(url="mssql://u:p@h/d?driver=odbc").place()
    assert told == "mssql://h/d?driver=odbc"
    assert MSSQLConnection(url="mssql://u:p@h:1/d").place() == "mssql://h:1/d"
    assert MSSQLConnection(url="${NOT_SET_HERE}").place() == "${NOT_SET_HERE}"
    assert MSSQLConnection(**BASE).identity() == "mssql:d"


def test_a_variable_that_is_not_set() -> None:
    with pytest.raises(ConfigError, match="NOT_SET_HERE"):
        MSSQLConnection(url="${NOT_SET_HERE}").keys()


@given(st.dictionaries(st.from_regex(r"[A-Z][a-z]{1,8}", fullmatch=True), st.text(), max_size=4))
def test_quoting(keys: dict[str, str]) -> None:
    """What ODBC's own grammar reads out of it is what was put in."""
    text = connection_string(keys)
    read = re.findall(r"([A-Za-z]+)=\{((?:[^}]|\}\})*)\}(?:;|$)", text)
    assert {name: value.replace("}}", "}") for name, value in read} == keys


class Told(Exception):
    """An error in the form that mssql-python gives it."""

    def __init__(self, driver_error: str, ddbc_error: str) -> None:
        super().__init__(f"Driver Error: {driver_error}; DDBC Error: {ddbc_error}")
        self.driver_error, self.ddbc_error = driver_error, ddbc_error


SYNTAX = "Syntax error or access violation"
SERVER = "[Microsoft][SQL Server]"


@pytest.mark.parametrize(
    ("state", "text", "kind", "hint"),
    [
        ("Invalid authorization specification", "Login failed for user 'sa'.", ConnectError,
         "password"),
        ("Invalid authorization specification",
         "Login failed for user '<token-identified principal>'.", ConnectError,
         "FROM EXTERNAL PROVIDER"),
        (SYNTAX, 'Cannot open database "x" requested by the login. The login failed.', ConnectError,
         "check `database`"),
        (SYNTAX, "Cannot open server 'x' requested by the login. Client with IP address '1.2.3.4' "
         "is not allowed to access the server.", ConnectError, "firewall"),
        ("Client unable to establish connection", "SSL Provider: [certificate verify failed]",
         ConnectError, "trust_server_certificate"),
        ("Client unable to establish connection", "TCP Provider: Error code 0x2AF9", ConnectError,
         "no host"),
        ("Client unable to establish connection", "AADSTS7000222: The provided client secret keys "
         "are expired.", ConnectError, "expired"),
        ("Client unable to establish connection", "AADSTS700016: Application was not found in the "
         "directory", ConnectError, "tenant_id"),
        ("Serialization failure", "Transaction was deadlocked on lock resources", TransientError,
         "again"),
        (SYNTAX, "Lock request time out period exceeded.", TransientError, "LOCK_TIMEOUT"),
        ("General error", "The service is currently busy. Retry the request after 10 seconds.",
         TransientError, "throttles"),
        ("General error", "Cannot process request. Not enough resources to process request.",
         TransientError, "throttles"),
        ("Communication link failure", "TCP Provider: Error code 0x2746", TransientError, "line"),
        (SYNTAX, "The SELECT permission was denied on the object 't'", ConnectError, "GRANT"),
        ("Base table or view not found", "Invalid object name 'x'.", ConfigError, "table"),
        (SYNTAX, "The ORDER BY clause is invalid in views, inline functions", ConfigError,
         "ORDER BY"),
        (SYNTAX, "Incorrect syntax near the keyword 'with'.", ConfigError, "WITH"),
        ("Division by zero", "Divide by zero error encountered.", DataError, None),
    ],
)  # fmt: skip
def test_errors(state: str, text: str, kind: type[HyggeError], hint: str | None) -> None:
    found = explain(Told(state, SERVER + text), "mssql://h/d")
    assert type(found) is kind
    assert found.message == f"mssql://h/d: {text}"
    assert hint is None or hint in (found.hint or "")


OF_ODBC = (
    "ODBC emitted an error calling 'SQLExecDirect':\nState: {}, Native error: 1, Message: {}{}"
)
MICROSOFT = "[Microsoft][ODBC Driver 18 for SQL Server][SQL Server]"


@pytest.mark.parametrize(
    ("state", "whose", "text", "kind", "hint"),
    [
        ("28000", MICROSOFT, "Login failed for user 'sa'.", ConnectError, "password"),
        ("01000", "[unixODBC][Driver Manager]", "Can't open lib 'x' : file not found",
         ConnectError, "odbcinst"),
        ("IM002", "[unixODBC][Driver Manager]", "Data source name not found", ConnectError,
         "odbc_driver"),
        ("42000", MICROSOFT, "Login failed for user '<token-identified principal>'.", ConnectError,
         "FROM EXTERNAL PROVIDER"),
        ("40001", MICROSOFT, "Transaction (Process ID 5) was deadlocked on lock resources",
         TransientError, "again"),
        ("08S01", MICROSOFT, "TCP Provider: Error code 0x68", TransientError, "line"),
        ("42S02", MICROSOFT, "Invalid object name 'x'.", ConfigError, "query"),
        ("HYT00", "[Microsoft][ODBC Driver 18 for SQL Server]", "Query timeout expired",
         TransientError, "statement_timeout"),
        ("22012", MICROSOFT, "Divide by zero error encountered.", DataError, None),
    ],
)  # fmt: skip
def test_errors_of_odbc(
    state: str, whose: str, text: str, kind: type[HyggeError], hint: str | None
) -> None:
    found = explain_odbc(Exception(OF_ODBC.format(state, whose, text)), "mssql://h/d")
    assert type(found) is kind
    assert found.message == f"mssql://h/d: {text}"
    assert hint is None or hint in (found.hint or "")


def test_a_value_that_no_buffer_holds() -> None:
    """It is arrow-odbc that says so, and no driver."""
    found = explain_odbc(Exception("the value is too large to be written"), "mssql://h/d")
    assert type(found) is DataError and "`longest_text`" in (found.hint or "")


def test_the_driver_is_set_up() -> None:
    """It loads, with the system's libraries that it needs, and has no pool of its own."""
    module = driver()
    assert module.native_provider == "msodbcsql18"


def certificate(path: Path, password: bytes | None = None) -> None:
    """A certificate of one's own with its key, as PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hygge")])
    day = datetime(2024, 1, 1, tzinfo=UTC)
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(day).not_valid_after(day + timedelta(days=9999))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    locked: Any = serialization.NoEncryption()
    if password:
        locked = serialization.BestAvailableEncryption(password)
    form, of = serialization.PrivateFormat.PKCS8, serialization.Encoding.PEM
    path.write_bytes(key.private_bytes(of, form, locked) + made.public_bytes(of))


@pytest.mark.parametrize("password", [None, "hush-hush"])
def test_a_principal_with_a_certificate(tmp_path: Path, password: str | None) -> None:
    """Its path is taken from the project's folder; a locked one is opened by its password."""
    certificate(tmp_path / "c.pem", password and password.encode())  # type: ignore[arg-type]
    given = {**BASE, **CERTIFIED, "certificate_password": password}
    connection = MSSQLConnection(**given).bind(tmp_path)
    assert not {"UID", "PWD", "Authentication"} & connection.keys().keys()
    login = connection.login()
    assert type(login.credential()).__name__ == "CertificateCredential"
    assert login.words() == "`auth: service_principal` as 'app' with a certificate"
    assert "hush-hush" not in repr(connection)


@pytest.mark.parametrize("wrong", ["missing", "locked", "no key"])
def test_a_certificate_that_cannot_be_read(tmp_path: Path, wrong: str) -> None:
    if wrong == "locked":
        certificate(tmp_path / "c.pem", b"another")
    if wrong == "no key":
        (tmp_path / "c.pem").write_text("nothing")
    connection = MSSQLConnection(**BASE, **CERTIFIED).bind(tmp_path)
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        connection.login().credential()
    assert caught.value.hint is not None and "private key" in caught.value.hint
