"""The connection that settings of a Home or a Store mean: a URL, a path, a name, the only one."""

from __future__ import annotations

import os
from typing import Any, TypeVar

from hygge.core.connection import named
from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError
from hygge.core.secrets import Secret
from hygge.core.settings import build
from hygge.sql.connection import DatabaseConnection, connection_of

URL_VARIABLE = "HYGGE_DATABASE_URL"
C = TypeVar("C", bound=DatabaseConnection)


def connection_for(
    config: Any, around: Surroundings, kind: type[C], *, owner: str, needs: str, ways: str
) -> C:
    """The connection of a kind, bound.

    Parameters
    ----------
    config: settings with `url`, `connection` and perhaps `path`.
    kind: of connection.
    owner: whose settings they are, for errors: `the home of 'users'`.
    needs: what needs such a connection: `a Home of type 'mysql'`.
    ways: what else says where the database is: "a `url`".

    Raises ConfigError where there is none, or another's.
    """
    for way in ("path", "url"):
        if (given := getattr(config, way, None)) is not None:
            made: C = build(kind, owner, {way: given}, {})
            return made.bind(around.root)
    name = config.connection or only(around, kind.kind)
    if name is None:
        raise ConfigError(
            f"{owner} names no connection",
            hint=f"give `connection:` with the name of one of type '{kind.kind}', or {ways}",
        )
    found = named(name, around, owner=owner)
    if not isinstance(found, kind):
        raise ConfigError(
            f"the connection '{name}' is of type '{found.kind}', and {needs} needs one of type "
            f"'{kind.kind}'",
            hint=f"use {needs.partition(' of ')[0]} of `type: {found.kind}`, or another connection",
        )
    return found


def any_connection(config: Any, around: Surroundings, *, owner: str) -> DatabaseConnection:
    """The connection of whichever database, bound; without one the URL that a variable names.

    Raises ConfigError where there is none.
    """
    if config.url is not None:
        return connection_of(config.url, around.root)
    name = config.connection or only(around)
    if name is not None:
        found = named(name, around, owner=owner)
        if isinstance(found, DatabaseConnection):
            return found
        raise ConfigError(
            f"the connection '{name}' is of type '{found.kind}', which is no database",
            hint="name another connection",
        )
    if not os.environ.get(URL_VARIABLE):
        raise ConfigError(
            f"{owner} names no connection, the project has "
            f"{'several and none is `default`' if around.connections else 'none'}, and "
            f"{URL_VARIABLE} is not set",
            hint="give `connection:`, or set that variable to a URL",
        )
    return connection_of(Secret("${" + URL_VARIABLE + "}"), around.root)


def only(around: Surroundings, kind: str | None = None) -> str | None:
    """The name of the project's only or `default` connection, of a kind if one is named."""
    names = [n for n, c in around.connections.items() if kind in (None, c.kind)]
    if "default" in names:
        return "default"
    return names[0] if len(names) == 1 else None
