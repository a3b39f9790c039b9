"""Making SQLAlchemy's engines, which are asked for single connections: the pool is hygge's."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import quote, unquote

import sqlalchemy as sa

from hygge.core.errors import ConfigError, MissingDriver
from hygge.core.secrets import redact
from hygge.sql.alchemy.link import AlchemyLink, told

# The password ends at the last `@`, so that it may hold what should be quoted, as everywhere here.
_LOGIN = re.compile(r"(?P<head>[^:/]+://[^:/@?]*:)(?P<password>.*)@", re.DOTALL)


def link_of(
    url: str,
    arguments: Callable[[str], dict[str, Any]],
    through: Callable[[str | None, int | None], tuple[str, int]] | None = None,
    kind: type[AlchemyLink] = AlchemyLink,
) -> AlchemyLink:
    """An open connection.

    Parameters
    ----------
    url: SQLAlchemy's.
    arguments: for the driver's `connect()`, by the driver's name.
    through: gives the host and port to connect to instead of those in the URL.
    kind: of link.

    Raises
    ------
    ConfigError: it is no URL, or of no database that SQLAlchemy knows.
    MissingDriver: its driver is not installed.
    ConnectError, TransientError: it cannot be reached.
    """
    try:
        parsed = sa.make_url(_LOGIN.sub(_quoted, url.strip()))
    except sa.exc.ArgumentError:
        raise ConfigError("that is no SQLAlchemy URL", hint="e.g. sqlite:///shop.db") from None
    backend = parsed.get_backend_name()
    if through is not None:
        host, port = through(parsed.host, parsed.port)
        parsed = parsed.set(host=host, port=port)
    try:
        engine = _engine(parsed, tuple(sorted(arguments(_driver(parsed)).items())))
    except ModuleNotFoundError as error:
        raise _missing(error, backend) from None
    except sa.exc.NoSuchModuleError as error:
        raise ConfigError(redact(str(error)), hint="SQLAlchemy knows no such database") from None
    label = f"{backend}:{parsed.database or ''}"
    with told(label):
        return kind(engine.connect(), label)


def _quoted(login: re.Match[str]) -> str:
    return f"{login['head']}{quote(unquote(login['password']), safe='')}@"


def _driver(url: sa.URL) -> str:
    return str(url.get_dialect().driver)


def _missing(error: ModuleNotFoundError, backend: str) -> MissingDriver:
    missing = MissingDriver(error.name or "?", backend)
    missing.hint = (
        "install the package that brings it beside hygge, or name another driver in the URL, "
        f"as in {backend}+DRIVER://"
    )
    return missing


@cache
def _engine(url: sa.URL, arguments: tuple[tuple[str, Any], ...]) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.NullPool, connect_args=dict(arguments))
