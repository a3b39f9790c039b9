"""What `hygge discover` is pointed at: a connection's name, a URL, or a database file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hygge.core import registry
from hygge.core.errors import ConfigError, HyggeError
from hygge.core.secrets import redact
from hygge.project.discovery.naming import slug

_ENDINGS = {
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".duckdb": "duckdb",
    ".ddb": "duckdb",
}  # fmt: skip
_REMOTE = "md:"
"""How DuckDB names what lies at MotherDuck."""
_FILES = frozenset(_ENDINGS.values())


@dataclass(frozen=True, slots=True)
class Source:
    """A source to discover.

    Parameters
    ----------
    name: what the flow is called unless said otherwise.
    label: what it is, for people and the record; never a secret.
    type: of its Home.
    settings: to read the catalogue with.
    written: the same for the flow's file: a secret is a reference there.
    variable: the environment variable that `written` refers to; "" for none.
    """

    name: str
    label: str
    type: str
    settings: Mapping[str, Any]
    written: Mapping[str, Any]
    variable: str = ""

    def referring(self, variable: str) -> Source:
        """The same with its secret in another variable."""
        return replace(self, written={"url": f"${{{variable}}}"}, variable=variable)


def source_of(given: str, connections: Mapping[str, Any], root: Path) -> Source:
    """What a text means.

    Parameters
    ----------
    given: the name of a connection; a URL; or the path of an SQLite or DuckDB file.
    connections: the project's, by name.
    root: the project's folder, which paths in its files are relative to.

    Raises ConfigError where it means nothing, with the near miss.
    """
    if given in connections:
        settings = {"connection": given}
        return Source(_flow(given), given, connections[given].kind, settings, settings)
    scheme, mark, rest = given.partition("://")
    if given.startswith(_REMOTE) or (scheme == "duckdb" and rest.startswith(f"/{_REMOTE}")):
        return _motherduck(given if not mark else rest.removeprefix("/"))
    if mark and scheme in _FILES:
        return _file(unquote(rest.removeprefix("/")), scheme, root)
    if mark:
        return _server(given, scheme)
    kind = _ENDINGS.get(Path(given).suffix.lower())
    if kind is not None:
        return _file(given, kind, root)
    near = get_close_matches(given, list(connections), n=1)
    known = ", ".join(connections)
    hint = f"did you mean '{near[0]}'?" if near else f"connections: {known}" if known else None
    raise ConfigError(
        f"there is no connection '{given}', and it is no URL and no database file",
        hint=hint or "add it under `connections:`, or give the path of an SQLite or DuckDB file",
    )


def free_variable(flow: str, url: str, values: Mapping[str, str], texts: Iterable[str]) -> str:
    """The environment variable for a flow's URL: no other URL's.

    Parameters
    ----------
    flow: its name, which the variable is called by.
    url: what the variable is to hold.
    values: of the environment.
    texts: of the project's files, whose variables may be for other URLs.
    """
    stem = re.sub(r"\W", "_", flow).upper() + "_URL"
    spoken = {name for text in texts for name in re.findall(r"\$\{(\w+)", text)}
    names = (stem if n == 1 else f"{stem}_{n}" for n in count(1))
    return next(n for n in names if values.get(n, "" if n in spoken else url) == url)


def _flow(name: str) -> str:
    return slug(name).replace(".", "_")


def _file(path: str, kind: str, root: Path) -> Source:
    whole = Path(path).expanduser().absolute()
    inside = whole.is_relative_to(root)
    shown = Path(os.path.relpath(whole, root)).as_posix() if inside else str(whole)
    settings = {"path": shown}
    return Source(_flow(whole.stem), shown, kind, settings, settings)


def _motherduck(path: str) -> Source:
    if "token=" in path:
        raise ConfigError(
            "MotherDuck's token would be written into the flow's file",
            hint="set it in the environment, as motherduck_token, and leave it out here",
        )
    settings = {"path": path}
    return Source(_flow(path.removeprefix(_REMOTE) or "motherduck"), path, "duckdb", settings,
                  settings)  # fmt: skip


def _server(url: str, scheme: str) -> Source:
    kind = _kind_of(scheme.partition("+")[0])
    database = re.split(r"[/?#]", url.rpartition("@")[2].partition("://")[2] or url)[-1]
    tail = re.search(r"/([^/?#]+)(?:[?#].*)?$", url.partition("://")[2])
    name = _flow(tail[1] if tail else database or kind)
    if redact(url) == url:
        return Source(name, url, kind, {"url": url}, {"url": url})
    variable = re.sub(r"\W", "_", name).upper() + "_URL"
    return Source(name, redact(url), kind, {"url": url}, {"url": f"${{{variable}}}"}, variable)


def _kind_of(scheme: str) -> str:
    """The type whose connections have a URL scheme; `sql` where none has."""
    for name in registry.names("connection"):
        try:
            if scheme in getattr(registry.lookup("connection", name), "schemes", ()):
                return name
        except HyggeError:  # a connector whose driver is missing cannot claim it
            continue
    return "sql"
