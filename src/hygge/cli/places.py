"""`hygge move`'s sides: from a path or a URL to a connector's type and its settings."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from hygge.core import registry
from hygge.core.errors import ConfigError, MissingDriver

ENDINGS = {
    ".parquet": "parquet", ".pq": "parquet", ".csv": "csv", ".tsv": "csv",
    ".ndjson": "ndjson", ".jsonl": "ndjson", ".arrow": "ipc", ".ipc": "ipc", ".feather": "ipc",
}  # fmt: skip
DATABASES = {
    ".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".duckdb": "duckdb",
}  # fmt: skip
MOTHERDUCK = "md:"
"""How DuckDB names a database of MotherDuck's: `md:shop`."""


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

    `sqlite:///shop.db#orders` is a table of a database, and so are `shop.db#orders` and, of one of
    MotherDuck's, `md:shop#orders`. `orders.csv` is a file, by its ending; a path without one is a
    folder, of Parquet unless a source's files say otherwise; `csv://orders` is a folder of CSV
    files, `delta://lake/orders` a Delta table, and `iceberg://lake#orders` a table of hygge's own
    catalog in a folder. `s3://bucket/orders` is a path, too, and so is every URL of a place of
    files: `delta://s3://bucket/orders` says what is there. Any other URL goes to the connector of
    its scheme, or to `sql`, with the table after `#`. A destination without one has the
    source's.

    Raises ConfigError where it means nothing, with what would.
    """
    scheme, separator, rest = text.partition("://")
    if not separator:
        return _path(text, role)
    if scheme == "file":
        return _path(unquote(rest), role)
    if scheme == "sqlite":  # as SQLAlchemy has it: three slashes are relative, four absolute
        path, _, table = rest.removeprefix("/").partition("#")
        return _table(scheme, unquote(path), table, text, role)
    if _holds_files(scheme):
        return _path(text, role)
    return _of_scheme(text, scheme, rest, role)


def _holds_files(scheme: str) -> bool:
    """Whether a scheme names a place of files, like `s3`."""
    name = registry.connection_of(scheme.lower())
    return name is not None and registry.lookup("connection", name).holds == "files"


def _path(text: str, role: registry.Role) -> Place:
    before, _, table = text.partition("#")
    remote = text.startswith(MOTHERDUCK)
    database = "duckdb" if remote else DATABASES.get(Path(before).suffix.lower())
    if database is not None:
        return _table(database, before, table, text, role)
    path, kind = _given(text, text), _kind(text, role)
    if role == "store" and Path(path).suffix.lower() in ENDINGS:
        raise ConfigError(
            f"'{text}' names one file, and a destination is a folder of files",
            hint=f"{path.removesuffix(Path(path).suffix)} is a folder"
            if "://" in path
            else f"{kind}://{Path(path).with_suffix('')} is a folder of that kind",
        )
    extra = {"delimiter": "\t"} if path.lower().endswith(".tsv") else {}
    return Place(kind, _name(path), {"path": path, **extra})


def _table(kind: str, path: str, table: str, text: str, role: registry.Role) -> Place:
    """A table of a database in a file or a folder. A destination's may be called as what comes."""
    if not path:
        raise ConfigError(f"'{text}' names no file", hint="e.g. sqlite:///shop.db#orders")
    if not table and role == "home":
        raise ConfigError(f"'{text}' names no table", hint=f"add it after `#`: {text}#orders")
    return Place(kind, table, {"path": path, "table": table})


def _given(path: str, text: str) -> str:
    if not path:
        raise ConfigError(f"'{text}' names no path", hint="e.g. data/orders, or orders.csv")
    return path


def _name(path: str) -> str:
    """What the entity is called: the file's or folder's own name, globs left out."""
    plain = [part for part in Path(path).parts if not any(c in part for c in "*?[")]
    return Path(plain[-1]).stem if plain else "rows"


def _ending(path: str) -> str | None:
    return ENDINGS.get(Path(path).suffix.lower())


def _kind(path: str, role: registry.Role) -> str:
    found = _ending(path)
    if found is not None:
        return found
    if Path(path).suffix and not Path(path).is_dir() and not any(c in path for c in "*?["):
        raise ConfigError(
            f"'{path}': nothing is known of files that end in '{Path(path).suffix}'",
            hint=f"known endings: {', '.join([*ENDINGS, *DATABASES])}; a folder is Parquet",
        )
    return _kind_inside(Path(path)) if role == "home" else "parquet"


def _kind_inside(folder: Path) -> str:
    """The type of the files in a folder; Parquet where they tell nothing, or are of several. Those
    of a Delta table are not all its own any more."""
    if not folder.is_dir():
        return "parquet"
    if (folder / "_delta_log").is_dir():
        return "delta"
    endings = {_ending(p.name) for p in folder.iterdir() if not p.name.startswith((".", "_"))}
    known = {e for e in endings if e}
    return known.pop() if len(known) == 1 else "parquet"


def _of_scheme(text: str, scheme: str, rest: str, role: registry.Role) -> Place:
    """A URL by its scheme: a type's name, or that of a connection, or a dialect of SQLAlchemy's."""
    name = scheme.partition("+")[0].lower()
    kind = registry.connection_of(name) or name
    # `sql` itself is a type, and no dialect.
    if kind not in registry.names(role) or name != scheme.lower() or kind == "sql":
        if not registry.lookup("connection", "sql").reaches(scheme.lower()):
            raise _unknown(scheme, role)
        kind = "sql"
    settings = registry.lookup(role, kind).Config.model_fields
    before, _, table = text.partition("#")
    if "url" in settings:
        if not table and role == "home":
            raise ConfigError(
                f"'{scheme}://...' names no table", hint="add it after `#`: ...#orders"
            )
        return Place(kind, table, {"url": before, "table": table})
    if "path" in settings and "table" in settings:
        return _table(kind, before.partition("://")[2], table, text, role)
    if "path" in settings:
        return Place(kind, _name(rest), {"path": _given(rest, text)})
    raise ConfigError(
        f"'{scheme}://...' does not say all that a {role} of type '{kind}' needs",
        hint=f"write a flow for it, with `type: {kind}`",
    )


def _unknown(scheme: str, role: registry.Role) -> ConfigError:
    side = "source" if role == "home" else "destination"
    types = registry.names(role)
    known = {*types, "file"}
    for name in registry.names("connection"):
        with suppress(MissingDriver):
            kind = registry.lookup("connection", name)
            if name in types or kind.holds == "files":
                known |= set(kind.schemes)
    return ConfigError(
        f"'{scheme}://' is no {side} that is known",
        hint=f"known are {', '.join(f'{s}://' for s in sorted(known - {'sql'}))}, and what "
        "SQLAlchemy has a dialect for, which may be in a package that is not installed",
    )
