"""Connections to SQL Server, Azure SQL Database and Managed Instance."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

from pydantic import Field, ValidationError, model_validator

from hygge.core.context import Context
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.sql.address import Address, parse_url, shown
from hygge.sql.link import Link
from hygge.sql.mssql.login import Auth, Login
from hygge.sql.mssql.strings import DEFAULT_PORT, ODBC_DRIVER, connection_string, server_of
from hygge.sql.odbc.missing import missing_odbc
from hygge.sql.pool import Lease, pool_of
from hygge.sql.server import PooledConnection, seconds
from hygge.sql.session import SQLSession
from hygge.sql.settle.settler import Settler
from hygge.sql.source import Source

if TYPE_CHECKING:
    from hygge.sql.mssql.odbc import ODBCLink

Isolation = Literal["snapshot", "read_committed", "read_uncommitted"]
LONGEST = 65_536
"""What `longest_text` and `longest_binary` are if left out."""
OPTIONS = {
    name.replace("_", ""): name
    for name in ("auth", "encrypt", "trust_server_certificate", "application_intent",
                 "multi_subnet_failover", "instance", "client_id", "tenant_id", "isolation",
                 "driver", "odbc_driver", "application_name")
}  # fmt: skip
"""What may stand after `?` in a URL, without `_`: `TrustServerCertificate=yes` is known too."""


class MSSQLConnection(PooledConnection):
    """A database of SQL Server: `{type: mssql, server: db.example.com, database: shop}`, or by its
    URL. Who connects is `user` and `password`; without them an identity of Microsoft Entra ID that
    is found in the environment, as `auth` says."""

    kind: ClassVar[str] = "mssql"
    schemes: ClassVar[tuple[str, ...]] = ("mssql", "sqlserver")

    url: Secret | None = Field(
        default=None,
        description="The address as a URL; what it leaves out may stand beside it",
        examples=["${SHOP_URL}"],
    )
    server: str | None = Field(
        default=None, min_length=1, description="The server's name or address",
        examples=["myserver.database.windows.net"],
    )  # fmt: skip
    port: int | None = Field(
        default=None, ge=1, le=65535, description="Its port; 1433, or the instance's, if left out"
    )
    instance: str | None = Field(
        default=None, min_length=1, description="A named instance on that server",
        examples=["SQLEXPRESS"],
    )  # fmt: skip
    database: str | None = Field(
        default=None, min_length=1, description="The database", examples=["shop"]
    )
    auth: Auth | None = Field(
        default=None,
        description="Who connects: `sql` (the default with a `user`), or an identity of Entra ID "
        "(`default`: the first that the environment has), or `windows` for Kerberos",
        examples=["managed_identity"],
    )
    user: str | None = Field(default=None, description="Who connects", examples=["hygge"])
    password: Secret | None = Field(
        default=None, description="The user's password", examples=["${SHOP_PASSWORD}"]
    )
    client_id: str | None = Field(
        default=None,
        description="The application of a service principal, or a user-assigned managed identity",
    )
    client_secret: Secret | None = Field(
        default=None, description="A service principal's secret", examples=["${CLIENT_SECRET}"]
    )
    tenant_id: str | None = Field(
        default=None,
        description="The tenant of a service principal or of `azure_cli`; the server's if left out",
    )
    certificate: str | None = Field(
        default=None,
        description="A service principal's certificate with its private key (PEM or PKCS12), "
        "instead of a secret",
        examples=["principal.pem"],
    )
    certificate_password: Secret | None = Field(
        default=None, description="What opens a locked certificate",
        examples=["${CERTIFICATE_PASSWORD}"],
    )  # fmt: skip
    encrypt: Literal["yes", "no", "strict"] = Field(
        default="yes", description="Whether the way is encrypted; `strict` is TDS 8.0"
    )
    trust_server_certificate: bool = Field(
        default=False, description="Whether any certificate of the server will do"
    )
    application_intent: Literal["readonly", "readwrite"] | None = Field(
        default=None, description="`readonly` goes to a readable secondary, where there is one"
    )
    multi_subnet_failover: bool = Field(
        default=False, description="Whether all addresses of a group are tried at once"
    )
    isolation: Isolation | None = Field(
        default=None,
        description="How a read is kept apart from writers; if left out, `snapshot` where the "
        "database allows it, else `read_committed`",
    )

    driver: Literal["mssql-python", "odbc"] = Field(
        default="mssql-python",
        description="Which driver is used: Microsoft's own package, or by `odbc` one that is "
        "installed on the system (ODBC Driver 18, and `pip install 'hygge[odbc]'`)",
    )
    odbc_driver: str | None = Field(
        default=None, min_length=1,
        description="With `driver: odbc`, the name of Microsoft's driver in odbcinst.ini, or the "
        f"path of its library; `{ODBC_DRIVER}` if left out",
        examples=["ODBC Driver 17 for SQL Server"],
    )  # fmt: skip
    longest_text: int | None = Field(
        default=None, ge=1,
        description="With `driver: odbc`, the units of UTF-16 that one text may have, 65,536 if "
        "left out; a longer one is an error",
    )  # fmt: skip
    longest_binary: int | None = Field(
        default=None, ge=1, description="With `driver: odbc`, the same of bytes of binary values"
    )
    application_name: str | None = Field(
        default=None, min_length=1, max_length=128,
        description="With `driver: odbc`, what the server's `APP_NAME()` calls us, `hygge` if left "
        "out; mssql-python keeps that name for itself",
        examples=["nightly-loads"],
    )  # fmt: skip

    @model_validator(mode="before")
    @classmethod
    def _yes_or_no(cls, given: Any) -> Any:
        """`encrypt: yes`, which YAML reads as true."""
        if isinstance(given, dict) and isinstance(given.get("encrypt"), bool):
            return {**given, "encrypt": "yes" if given["encrypt"] else "no"}
        return given

    @model_validator(mode="after")
    def _addressed(self) -> Self:
        if self.url is None:
            self._whole()
        elif not self.url.is_reference:
            self._merged()
        return self

    def bind(self, root: Path) -> Self:
        """With the path of a certificate resolved against a folder."""
        if not self.certificate:
            return self
        return self.model_copy(
            update={"certificate": str(root / Path(self.certificate).expanduser())}
        )

    def _whole(self) -> None:
        """Raises ValueError where keys are missing, or of no use to each other."""
        if not self.server:
            raise ValueError("it names no server; give `server`, or a `url`")
        if not self.database:
            raise ValueError("it names no database; give `database`, or the URL a path")
        if self.instance and self.port:
            raise ValueError("`instance` and `port` exclude each other")
        self.login().check()
        if self.driver == "odbc":
            self.login().check_odbc()
            return
        for name in ("odbc_driver", "longest_text", "longest_binary", "application_name"):
            if getattr(self, name) is not None:
                raise ValueError(f"`{name}` is of no use without `driver: odbc`")

    def login(self) -> Login:
        """Who connects."""
        auth: Auth = self.auth or ("sql" if self.user else "default")
        return Login(auth, self.user, self.password, self.client_id, self.client_secret,
                     self.tenant_id, self.certificate, self.certificate_password)  # fmt: skip

    def _merged(self) -> MSSQLConnection:
        """URL and keys as keys alone. Raises ValueError that shows no secret."""
        if self.url is None:
            return self
        found = parse_url(self.url.reveal(), self.schemes)
        given: dict[str, Any] = {
            "server": found.host, "port": found.port, "database": found.database,
            "user": found.user, "password": found.password,
        }  # fmt: skip
        for name, value in found.options.items():
            setting = OPTIONS.get(name.lower().replace("_", "").replace("-", ""))
            if setting is None:
                known = ", ".join(OPTIONS.values())
                raise ValueError(f"`url` has the option '{name}'; known are {known}")
            given[setting] = value.lower() if setting.startswith(("enc", "app", "iso")) else value
        given = {name: value for name, value in given.items() if value not in (None, "")}
        own = {n: getattr(self, n) for n in self.model_fields_set if n != "url"}
        for name in given:
            if own.get(name) is not None:
                raise ValueError(f"`url` has a {name} already, and `{name}` gives another")
        try:
            return type(self).model_validate({**given, **own})
        except ValidationError as error:
            # Pydantic's own words show what was given, which may be a secret.
            said = "; ".join(
                ": ".join([*map(str, e["loc"]), e["msg"].removeprefix("Value error, ")])
                for e in error.errors()
            )
            raise ValueError(f"`url`: {said}") from None

    def whole(self) -> MSSQLConnection:
        """This description without a URL.

        Raises ConfigError where URL and keys contradict each other, leave out what is needed, or
        refer to a variable that is not set.
        """
        try:
            return self._merged()
        except ValueError as error:
            raise ConfigError(f"a connection of type '{self.kind}': {error}") from None

    def place(self) -> str:
        """The server and the database; the reference as written while it cannot be resolved."""
        try:
            known = self.whole()
        except ConfigError:
            return self.url.written if self.url and self.url.is_reference else self.kind
        host = known.server or ""
        where = Address(host, known.port, known.database or "")
        text = shown(self.schemes[0], where, DEFAULT_PORT)
        also = {"instance": known.instance, "driver": known.driver.replace("mssql-python", "")}
        told = "&".join(f"{name}={value}" for name, value in also.items() if value)
        return f"{text}?{told}" if told else text

    def identity(self) -> str:
        return f"{self.kind}:{self.whole().database}"

    def keys(self) -> dict[str, str]:
        """What the driver is told, secrets revealed, by its own words.

        https://learn.microsoft.com/sql/connect/odbc/dsn-connection-string-attribute
        """
        known = self.whole()
        said = {
            "Server": server_of(known.server or "", known.port, known.instance),
            "Database": known.database or "",
            **known.login().keys(),
            "Encrypt": known.encrypt,
            "TrustServerCertificate": "yes" if known.trust_server_certificate else "no",
        }
        if known.application_intent:
            said["ApplicationIntent"] = "Read" + known.application_intent[4:].capitalize()
        if known.multi_subnet_failover:
            said["MultiSubnetFailover"] = "yes"
        if known.driver == "odbc":
            called = known.application_name or "hygge"
            said = {"Driver": known.odbc_driver or ODBC_DRIVER, **said, "APP": called}
        return said

    def connect(self) -> Link:
        known = self.whole()
        said: dict[str, Any] = {
            "login": known.login(), "isolation": known.isolation,
            "connect_timeout": seconds(self.connect_timeout),
            "statement_timeout": seconds(self.statement_timeout),
        }  # fmt: skip
        # Where the driver itself looks for the way, a look beforehand would be a guess.
        direct = not (known.instance or known.multi_subnet_failover or "\\" in str(known.server))
        probe = (known.server or "", known.port or DEFAULT_PORT) if direct else None
        text, place = connection_string(self.keys()), self.place()
        if known.driver == "odbc":
            return _odbc().open(
                text, place, probe=probe, longest_text=known.longest_text or LONGEST,
                longest_binary=known.longest_binary or LONGEST, **said,
            )  # fmt: skip
        from hygge.sql.mssql.native import NativeLink

        return NativeLink.open(text, place, probe=probe, **said)

    def settler(self) -> Settler:
        from hygge.sql.mssql.settler import MSSQLSettler

        return MSSQLSettler()

    @property
    def opens_beside(self) -> bool:
        return self.whole().driver != "odbc"

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.mssql.session import MSSQLSession

        return MSSQLSession(lease, source, context, pool_of(self).spare)


def _odbc() -> type[ODBCLink]:
    """The class of connections through ODBC. Raises MissingDriver."""
    try:
        from hygge.sql.mssql.odbc import ODBCLink
    except (ImportError, OSError) as error:
        raise missing_odbc(error) from error
    return ODBCLink
