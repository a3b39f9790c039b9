"""Paths: resolved against the project, entities placed below them, inputs found in them."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import unquote

from pydantic import BeforeValidator

from hygge.core.context import Surroundings
from hygge.core.errors import ConfigError, ConnectError, NothingThere
from hygge.storage.connection import is_remote, located
from hygge.storage.path import AnyPath, RemotePath

LISTED = 8
HIVE_NULL = "__HIVE_DEFAULT_PARTITION__"  # Apache Hive, hive.exec.default.partition.name
_MAGIC = re.compile(r"[*?\[]")


def _text(value: Any) -> Any:
    return os.fspath(value) if isinstance(value, os.PathLike) else value


PathText = Annotated[str, BeforeValidator(_text)]
"""A path as text; a `pathlib.Path` does too."""


def written_path(path: str, name: str, role: str, connection: str | None) -> str:
    """The path as written; without one `data/<name>`, or `<name>` below a connection's `url`.

    Raises ConfigError where there is no name either.
    """
    return path or default_path(name, role) if connection is None else path or name


def path_of(path: str, around: Surroundings, connection: str | None, *, owner: str) -> AnyPath:
    """What a path means: a place here, or elsewhere. Raises ConfigError, see `located`."""
    if not is_remote(path, connection):
        return resolve(path, around.root)
    return RemotePath(*located(path, around, owner=owner, connection=connection))


def resolve(path: str, root: Path) -> Path:
    """An absolute path of this machine's; a relative one starts at the root."""
    if path.startswith("file://"):
        path = unquote(path.removeprefix("file://"))
    if "\0" in path:
        raise ConfigError("a path cannot have a NUL in it")
    return Path(os.path.normpath(root / Path(path).expanduser()))


def shown(path: AnyPath, root: Path) -> str:
    """A path for people: below the root it is relative to it."""
    if not isinstance(path, Path):
        return str(path)
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return str(path)


def default_path(name: str, role: str) -> str:
    """`data/<name>`. Raises ConfigError where there is no name either."""
    if not name:
        raise ConfigError(f"a file {role} needs a name or a path", hint="set `path:`")
    return entity_path("data", name)


def entity_path(parent: str | os.PathLike[str], entity: str) -> str:
    """An entity's path below its flow's. Raises ConfigError for a name that is no folder's."""
    bad = not entity or entity.startswith(".") or any(c in '/\\\0:*?"<>|' for c in entity)
    if bad:
        raise ConfigError(
            f"'{entity}' cannot be the name of a folder",
            hint="rename the entity; its table's name can be given separately",
        )
    return (os.fspath(parent).rstrip("/") + "/" + entity) if parent else entity


@dataclass(frozen=True, slots=True)
class Input:
    """One input file: where it lies, its size in bytes, when it was changed (ns), its hive
    partition's values, and what its server tells its versions by, if it does."""

    path: AnyPath
    size: int
    changed: int
    partition: tuple[tuple[str, str | None], ...] = ()
    tag: str = ""

    @property
    def version(self) -> tuple[int, int | str]:
        """What tells this file from another in its place."""
        return self.size, self.tag or self.changed


def expand(
    path: Path,
    extensions: Sequence[str],
    *,
    hive: bool,
    place: str,
    carrier: str | None = None,
) -> list[Input]:
    """The files a path names, sorted.

    Parameters
    ----------
    path: a file, a folder, a glob, or any of them without its extension.
    extensions: file name endings of the format, without the dot, the usual one first. Other files
        in a folder are passed over, and so is what begins with `.` or `_`.
    hive: whether to go into folders named `column=value`.
    place: the path as people know it, for errors.
    carrier: a file without rows that stands for a folder that has no others.

    Raises
    ------
    ConnectError: nothing is there.
    """
    if _MAGIC.search(str(path)) and not path.exists():
        found = [Path(p) for p in glob.glob(str(path), recursive=True)]
        base = Path(re.split(r"[*?\[]", str(path), maxsplit=1)[0]).parent
        files = [
            f
            for p in found
            if not _hidden(p, base)
            for f in (_files_in(p, extensions, hive) if p.is_dir() else [p])
        ]
        if not files:
            raise NothingThere(
                f"no file matches {place}",
                hint=f"it is relative to the project's folder; {_nearest(base)}",
            )
        return _inputs(files, base if hive else None)
    for candidate in (path, *(path.with_name(f"{path.name}.{e}") for e in extensions)):
        if candidate.is_file():
            return _inputs([candidate], None)
        if candidate.is_dir():
            files = _files_in(candidate, extensions, hive)
            if not files and carrier is not None and (candidate / carrier).is_file():
                files = [candidate / carrier]
            if not files:
                raise NothingThere(
                    f"{place} is a folder without any .{extensions[0]} file",
                    hint="set `hive: true` if its files lie in folders named column=value",
                )
            return _inputs(files, candidate if hive else None)
    raise ConnectError(f"{place} is not there", hint=_nearest(path))


def tables_in(path: Path, extensions: Sequence[str], place: str, carrier: str | None) -> list[str]:
    """The entities a folder holds: files of the format, and folders with such files in them.

    Raises ConnectError where there is no such folder.
    """
    if not path.is_dir():
        raise ConnectError(f"{place} is no folder", hint=_nearest(path))
    found = set()
    for entry in os.scandir(path):
        stem, _, ending = entry.name.rpartition(".")
        if entry.name[0] in "._":
            continue
        if entry.is_file() and ending.lower() in extensions:
            found.add(stem)
        elif entry.is_dir() and _holds(Path(entry.path), extensions, carrier):
            found.add(entry.name)
    return sorted(found)


def _holds(folder: Path, extensions: Sequence[str], carrier: str | None) -> bool:
    """Whether a folder is an entity: hygge wrote it, or files of the format lie in it."""
    own = carrier is not None and (folder / carrier).is_file()
    return own or bool(_files_in(folder, extensions, hive=True))


def _nearest(path: Path) -> str:
    """What there is instead: the nearest folder that exists, and what it holds."""
    folder = path
    while not folder.is_dir() and folder != folder.parent:
        folder = folder.parent
    names = sorted(e.name for e in os.scandir(folder) if not e.name.startswith("."))
    near = get_close_matches(path.name, names, n=1) if folder == path.parent else []
    guess = f"did you mean {near[0]}? " if near else ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{guess}{folder} holds: {', '.join(names[:LISTED]) or 'nothing'}{more}"


def _hidden(path: Path, base: Path) -> bool:
    return any(part[0] in "._" for part in path.relative_to(base).parts)


def _files_in(folder: Path, extensions: Sequence[str], hive: bool) -> list[Path]:
    found: list[Path] = []
    for entry in os.scandir(folder):
        if entry.name[0] in "._":
            continue
        if entry.is_dir():
            if hive and "=" in entry.name:
                found += _files_in(Path(entry.path), extensions, hive)
        elif entry.name.lower().endswith(tuple(f".{e}" for e in extensions)):
            found.append(Path(entry.path))
    return found


def _inputs(files: Sequence[Path], base: Path | None) -> list[Input]:
    def partition(file: Path) -> tuple[tuple[str, str | None], ...]:
        return partition_of(file.relative_to(base).parts[:-1]) if base is not None else ()

    return [_input(file, partition(file)) for file in sorted(set(files))]


def _input(file: Path, partition: tuple[tuple[str, str | None], ...]) -> Input:
    found = file.stat()
    return Input(file, found.st_size, found.st_mtime_ns, partition)


def unchanged(source: Input) -> bool:
    """Whether a file is still the one that was listed. Raises FileNotFoundError."""
    assert isinstance(source.path, Path)  # those elsewhere are asked there
    return _input(source.path, ()).version == source.version


def partition_of(folders: Iterable[str]) -> tuple[tuple[str, str | None], ...]:
    """The columns and values that names of folders say, `column=value` each."""
    pairs = []
    for part in folders:
        name, equals, value = part.partition("=")
        if equals:
            pairs.append((unquote(name), None if value == HIVE_NULL else unquote(value)))
    return tuple(pairs)
