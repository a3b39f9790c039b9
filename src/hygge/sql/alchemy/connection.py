"""Connections to any database by its SQLAlchemy URL."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, ClassVar, Self
from urllib.parse import parse_qsl

from pydantic import Field, field_validator

from hygge.core.context import Context
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.sql.link import Link
from hygge.sql.mysql.settings import WRITING as MYSQL_WRITES
from hygge.sql.pool import Lease
from hygge.sql.server import PooledConnection, seconds
from hygge.sql.session import SQLSession
from hygge.sql.settle.settler import Settler
from hygge.sql.source import Source
from hygge.sql.tunnel import HERE, Tunnel, through

if TYPE_CHECKING:
    from hygge.sql.alchemy.link import AlchemyLink

_CONNECT_TIMEOUTS = {
    "psycopg": "connect_timeout", "psycopg2": "connect_timeout", "pg8000": "timeout",
    "pymysql": "connect_timeout", "mysqldb": "connect_timeout",
    "mysqlconnector": "connection_timeout", "oracledb": "tcp_connect_timeout",
    "pyodbc": "timeout", "pymssql": "login_timeout",
}  # fmt: skip
"""What each driver calls it: an argument of its `connect()`, in seconds."""

_STATEMENT_TIMEOUTS: dict[str, Callable[[float], str]] = {
    "postgresql": lambda s: f"SET statement_timeout = {int(s * 1000)}",
    "cockroachdb": lambda s: f"SET statement_timeout = {int(s * 1000)}",
    "mysql": lambda s: f"SET SESSION max_execution_time = {int(s * 1000)}",
    "mariadb": lambda s: f"SET SESSION max_statement_time = {s}",
}
_UTC = {
    "mysql": "SET time_zone = '+00:00'", "mariadb": "SET time_zone = '+00:00'",
    "postgresql": "SET TIME ZONE 'UTC'", "cockroachdb": "SET TIME ZONE 'UTC'",
}  # fmt: skip
"""Instants are shown in the session's zone, which may have hours that come twice, and in which the
last of them may be in the year 10000."""
_WRITING = {
    "mysql": MYSQL_WRITES, "mariadb": MYSQL_WRITES,
    "postgresql": ("SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED",),
    "sqlite": ("PRAGMA busy_timeout = 30000",),
}  # fmt: skip
"""What a connection that writes is set to, beside: it must see what others have committed."""


class SQLConnection(PooledConnection):
    """Any database by its SQLAlchemy URL: `{type: sql, url: "postgresql+psycopg://..."}`."""

    kind: ClassVar[str] = "sql"

    url: Secret = Field(
        description="A SQLAlchemy URL; a path in an `sqlite:///` URL is relative to the project",
        examples=["${SHOP_URL}", "postgresql+psycopg://db.example.com/shop"],
    )
    tunnel: Tunnel | None = Field(
        default=None,
        description="A machine through which the server is reached, by `ssh`",
        examples=[{"host": "bastion.example.com", "user": "hygge"}],
    )
    root: Path | None = Field(default=None, exclude=True, repr=False, description="Set by hygge")
    writing: bool = Field(default=False, exclude=True, description="Set by hygge")

    @classmethod
    def reaches(cls, scheme: str) -> bool:
        """See Connection; whatever SQLAlchemy has a dialect for, its own or another package's."""
        from sqlalchemy.dialects import registry
        from sqlalchemy.exc import NoSuchModuleError

        try:
            registry.load(scheme.replace("+", "."))
        except (NoSuchModuleError, AttributeError):  # which it raises for `postgresql+array`
            return False
        except ImportError:  # the driver is missing, and that is told where it is needed
            pass
        return True

    @field_validator("url")
    @classmethod
    def _reached(cls, url: Secret) -> Secret:
        """A reference is looked at when a session opens."""
        scheme, separator, _ = url.written.strip().partition("://")
        if separator and "$" not in scheme and not cls.reaches(scheme.lower()):
            backend, _, driver = scheme.lower().partition("+")
            forms = _forms(backend) if driver else []
            known = (
                f"; there are {', '.join(f'{f}://' for f in forms)}"
                if forms
                else "; if it is one of a package's, install that"
            )
            raise ValueError(f"{scheme}:// is no dialect of SQLAlchemy's{known}")
        return url

    def bind(self, root: Path) -> Self:
        tunnel = self.tunnel.bind(root) if self.tunnel else None
        return self.model_copy(update={"root": self.root or root, "tunnel": tunnel})

    def place(self) -> str:
        """The URL without its password, or an SQLite file's path; the reference as written while it
        cannot be resolved."""
        try:
            url = self.url.reveal()
        except ConfigError:
            return self.url.written
        shown = str(Secret(_absolute(url, self.root or Path())))
        return shown.removeprefix("sqlite:///")

    def identity(self) -> str:
        return bare_url(self.url.reveal())

    def connect(self) -> Link:
        """See PooledConnection. Raises ConfigError for a timeout that the driver does not have."""
        from hygge.sql.alchemy.engine import link_of
        from hygge.sql.alchemy.link import AlchemyLink
        from hygge.sql.alchemy.writing import WritingLink

        url = _absolute(self.url.reveal(), self.root)
        kind = WritingLink if self.writing else AlchemyLink
        link = link_of(url, self._arguments, self._through if self.tunnel else None, kind)
        try:
            for statement in self._settings(link):
                link.execute(statement)
        except BaseException:
            link.close()
            raise
        return link

    def _through(self, host: str | None, port: int | None) -> tuple[str, int]:
        assert self.tunnel is not None
        if port is None:
            raise ConfigError(
                "through a `tunnel` the port of the server must be known",
                hint="put it into the URL: //host:5432/...",
            )
        return through(self.tunnel, host or HERE, port, seconds(self.connect_timeout))

    def _arguments(self, driver: str) -> dict[str, Any]:
        name = _CONNECT_TIMEOUTS.get(driver)
        if name is not None:
            return {name: max(1, round(seconds(self.connect_timeout)))}
        if "connect_timeout" in self.model_fields_set:
            raise ConfigError(
                f"hygge does not know how to set `connect_timeout` for the driver '{driver}'",
                hint="put the driver's own setting into the URL, after `?`",
            )
        return {}

    def _settings(self, link: AlchemyLink) -> list[str]:
        backend = "mariadb" if getattr(link.connection.dialect, "is_mariadb", 0) else link.backend
        wanted = [_UTC[backend]] if backend in _UTC else []
        wanted += _WRITING.get(backend, ()) if self.writing else ()
        if self.statement_timeout is not None:
            if backend not in _STATEMENT_TIMEOUTS:
                raise ConfigError(
                    f"hygge does not know how to set `statement_timeout` for {backend}",
                    hint="set it with a statement under `session:`",
                )
            wanted.append(_STATEMENT_TIMEOUTS[backend](seconds(self.statement_timeout)))
        return wanted

    def for_writing(self) -> Self:
        return self.model_copy(update={"writing": True})

    def settler(self) -> Settler:
        from hygge.sql.alchemy.known import settler_of

        return settler_of(self.url.reveal().partition("://")[0].strip())

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        from hygge.sql.alchemy.session import AlchemySession

        return AlchemySession(lease, source, context)


def _forms(backend: str) -> list[str]:
    """The schemes of a database whose drivers SQLAlchemy knows and which hygge can use: those that
    are not asynchronous."""
    try:
        package = import_module(f"sqlalchemy.dialects.{backend}")
    except ImportError:  # of another package, or of none
        return []
    kinds = {name: getattr(inner, "dialect", None) for name, inner in vars(package).items()
             if isinstance(inner, ModuleType) and name != "base"}  # fmt: skip
    drivers = [n for n, kind in kinds.items() if getattr(kind, "is_async", True) is False]
    return [backend, *(f"{backend}+{name}" for name in sorted(drivers))]


def _absolute(url: str, root: Path | None) -> str:
    """A URL whose path, if it is SQLite's, is absolute."""
    head, mark, rest = url.partition(":///")
    if not mark or head.partition("+")[0] != "sqlite" or rest.startswith((":memory:", "file:")):
        return url
    path, question, options = rest.partition("?")
    found = os.path.abspath((root or Path()) / Path(path).expanduser())
    return f"{head}:///{found}{question}{options}"


def bare_url(url: str) -> str:
    """The database that a URL names: no driver, host, user or secret."""
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    if not rest.startswith("/"):  # a password may hold what should be quoted, `@` and `/` too
        rest = rest.rpartition("@")[2]
    _, slash, path = rest.partition("#")[0].partition("/")
    path = slash + path
    if not path.strip("/"):
        path += _named_in(query)
    return f"{scheme.split('+')[0]}:{path}"


_DATABASE = ("database", "service_name", "sid", "dbname", "dsn")


def _named_in(query: str) -> str:
    """The database that a URL's options name, also those of an ODBC string; "" for none."""
    options = dict(parse_qsl(query))
    pairs = (part.partition("=") for part in options.pop("odbc_connect", "").split(";"))
    found = {name.strip().lower(): value.strip() for name, _, value in pairs} | options
    return next((found[name] for name in _DATABASE if found.get(name)), "")
