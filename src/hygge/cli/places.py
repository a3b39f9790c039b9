"""`hygge move`'s sides: from a path or a URL to a connector's type and its settings."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hygge.core import registry
from hygge.core.errors import ConfigError

ENDINGS = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".arrow": "ipc", ".ipc": "ipc", ".feather": "ipc",
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite",
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """One side of a move.

    Parameters
    ----------
    type: of the connector.
    name: of the entity.
    settings: for the connector.
    """

    type: str
    name: str
    settings: dict[str, Any]


def parse_place(text: str, role: registry.Role) -> Place:
    """What a text means as a source (`home`) or destination (`store`).

    `sqlite:///shop.db#orders` is a table of a database; `shop.db#orders` too. `orders.csv` is a
    file, by its ending; a path without one is a folder of Parquet files. Any other URL is given
    to the connector of its scheme, or to `sql` with the table after `#`.

    Raises ConfigError where it means nothing, with what would.
    """
    scheme, separator, _ = text.partition("://")
    if separator and scheme not in ("sqlite", "file"):
        return _server(text, scheme, role)
    path, _, table = text.partition("#") if _has_table(text) else (text, "", "")
    if scheme == "sqlite" and separator:
        path = path.removeprefix("sqlite://").removeprefix("/")
    elif scheme == "file" and separator:
        path = path.removeprefix("file://")
    if not path:
        raise ConfigError(f"'{text}' names no file", hint="e.g. sqlite:///shop.db#orders")
    path = unquote(path) if separator else path
    kind = "sqlite" if scheme == "sqlite" and separator else _kind(path, role)
    if kind != "sqlite":
        settings: dict[str, Any] = {"path": path}
        if path.endswith(".tsv"):
            settings["delimiter"] = "\t"
        return Place(kind, Path(path).stem.split("*")[0] or Path(path).parent.name, settings)
    if not table:
        raise ConfigError(f"'{text}' names no table", hint=f"add it after `#`: {text}#orders")
    return Place("sqlite", table, {"path": path, "table": table})


def _has_table(text: str) -> bool:
    """Whether a `#` sets off a table; in a file's name it is only a character."""
    return text.startswith("sqlite://") or _ending(text.partition("#")[0]) == "sqlite"


def _ending(path: str) -> str | None:
    return ENDINGS.get(Path(path).suffix.lower())


def _kind(path: str, role: registry.Role) -> str:
    found = _ending(path)
    if found is not None:
        return found
    if Path(path).suffix and not Path(path).is_dir() and not any(c in path for c in "*?["):
        raise ConfigError(
            f"'{path}': nothing is known of files that end in '{Path(path).suffix}'",
            hint=f"known endings: {', '.join(ENDINGS)}; a folder is Parquet",
        )
    return _kind_inside(Path(path)) if role == "home" else "parquet"


def _kind_inside(folder: Path) -> str:
    """The type of the files in a folder; Parquet where they tell nothing, or are of several."""
    if not folder.is_dir():
        return "parquet"
    endings = {_ending(p.name) for p in folder.iterdir() if not p.name.startswith((".", "_"))}
    known = {e for e in endings if e and e != "sqlite"}
    return known.pop() if len(known) == 1 else "parquet"


def _server(text: str, scheme: str, role: registry.Role) -> Place:
    url, _, table = text.partition("#")
    kind = scheme.partition("+")[0]
    known = registry.names(role)
    if kind not in known and "sql" in known:
        kind = "sql"
    if kind not in known:
        side = "source" if role == "home" else "destination"
        raise ConfigError(
            f"'{scheme}://' cannot be a {side} yet", hint=f"known types: {', '.join(known)}"
        )
    if not table:
        raise ConfigError(f"'{scheme}://...' names no table", hint="add it after `#`: ...#orders")
    return Place(kind, table, {"url": url, "table": table})
