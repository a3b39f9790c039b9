"""The files that a path elsewhere names, and the entities in a folder there."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from hygge.core.errors import ConnectError, NothingThere
from hygge.files.manifest import parts_of
from hygge.files.parts import Part
from hygge.files.paths import LISTED, Input, partition_of
from hygge.files.remote.manifest import FOLDER, latest
from hygge.storage.path import RemotePath
from hygge.storage.tree import Entry

_MAGIC = re.compile(r"[*?\[]")


def expand(path: RemotePath, extensions: Sequence[str], *, hive: bool) -> list[Input]:
    """The files a path names, sorted.

    Parameters
    ----------
    path: a file, a folder, a glob, or any of them without its extension. A folder that hygge loaded
        is read by its manifest: the parts of one whole load.
    extensions: file name endings of the format, without the dot, the usual one first. Other files
        in a folder are passed over, and so is what begins with `.` or `_`.
    hive: whether to go into folders named `column=value`.

    Raises
    ------
    ConnectError: nothing is there.
    """
    if _MAGIC.search(path.key):
        return _matching(path, extensions, hive=hive)
    state = latest(path)
    if state is not None:
        if state.extra.get("parts") and not any(
            p.name.endswith(tuple(f".{e}" for e in extensions)) for p in parts_of(state)
        ):
            raise ConnectError(f"{path} holds no .{extensions[0]} files", hint="choose its `type`")
        return [_part(path, part) for part in sorted(parts_of(state), key=lambda p: p.name)]
    for candidate in (path, *(_with_ending(path, e) for e in extensions)):
        found = path.tree.below(candidate.key, deep=hive)
        if files := _of_format(found, candidate.key, extensions, hive=hive):
            return [_input(path, e, candidate.key if hive else None) for e in files]
        if candidate.key:
            try:
                return [_input(path, path.tree.entry(candidate.key), None)]
            except FileNotFoundError:
                pass
        if found:
            raise NothingThere(
                f"{path} is a folder without any .{extensions[0]} file",
                hint="set `hive: true` if its files lie in folders named column=value",
            )
    raise NothingThere(f"{path} is not there", hint=_nearest(path))


def tables_in(path: RemotePath, extensions: Sequence[str]) -> list[str]:
    """The entities a folder holds: files of the format, and folders with such files in them.

    Raises ConnectError where nothing is there.
    """
    here, folders = path.tree.below(path.key), path.tree.folders(path.key)
    found = {e.name.rpartition(".")[0] for e in _of_format(here, path.key, extensions, hive=False)}
    for name in folders:
        if name[0] in "._":
            continue
        inside = path / name
        deep = path.tree.below(inside.key, deep=True)
        own = any(f"/{FOLDER}/" in e.key[len(inside.key) :] for e in deep)
        if own or _of_format(deep, inside.key, extensions, hive=True):
            found.add(name)
    if not here and not folders:
        raise ConnectError(f"{path} is not there", hint=_nearest(path))
    return sorted(found)


def unchanged(source: Input) -> bool:
    """Whether a file is still the one that was listed. Raises FileNotFoundError."""
    assert isinstance(source.path, RemotePath)  # what is asked here
    entry = source.path.tree.entry(source.path.key)
    if not source.changed:
        return entry.size == source.size
    return _input(source.path, entry, None).version == source.version


def _matching(path: RemotePath, extensions: Sequence[str], *, hive: bool) -> list[Input]:
    base = path.address.key[: _MAGIC.search(path.key).start()].rpartition("/")[0]  # type: ignore[union-attr]
    pattern = path.key[len(base) :].strip("/").split("/")
    found = []
    for entry in path.tree.below(base, deep=True):
        inner = entry.key[len(base) :].strip("/").split("/")
        if any(part[0] in "._" for part in inner):
            continue
        # A folder that matches stands for the files of the format in it.
        ending = entry.name.lower().endswith(tuple(f".{e}" for e in extensions))
        if _match(inner, pattern) or (ending and _match(inner[:-1], pattern)):
            found.append(entry)
    if not found:
        raise NothingThere(f"no file matches {path}", hint=_nearest(path))
    return [_input(path, entry, base if hive else None) for entry in found]


def _match(parts: Sequence[str], pattern: Sequence[str]) -> bool:
    """Whether the parts of a name match those of a glob, of which `**` is any number of parts."""
    if not pattern:
        return not parts
    if pattern[0] == "**":
        return any(_match(parts[at:], pattern[1:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatch.fnmatchcase(parts[0], pattern[0]) and _match(
        parts[1:], pattern[1:]
    )  # fmt: skip


def _of_format(
    entries: Iterable[Entry], folder: str, extensions: Sequence[str], *, hive: bool
) -> list[Entry]:
    endings = tuple(f".{e}" for e in extensions)
    found = []
    for entry in entries:
        *between, name = entry.key[len(folder) :].strip("/").split("/")
        if name[:1] in ("", ".", "_") or not name.lower().endswith(endings):
            continue
        if all(hive and "=" in part for part in between):
            found.append(entry)
    return found


def _input(path: RemotePath, entry: Entry, base: str | None) -> Input:
    partition = () if base is None else partition_of(entry.key[len(base) :].split("/")[:-1])
    return Input(path.listed(entry), entry.size, entry.changed, partition, entry.tag)


def _part(folder: RemotePath, part: Part) -> Input:
    """A part that a manifest lists. It is written once, so that it never changes."""
    lies = RemotePath(folder.connection, folder.address.join(part.name), part.bytes, part.digest)
    return Input(lies, part.bytes, changed=0, tag=part.digest)


def _with_ending(path: RemotePath, extension: str) -> RemotePath:
    return RemotePath(path.connection, path.address.at(f"{path.key}.{extension}"))


def _nearest(path: RemotePath) -> str:
    """What there is instead, in the folder that it should be in."""
    folder = path.parent
    names = sorted([*(e.name for e in path.tree.below(folder.key)), *path.tree.folders(folder.key)])
    names = [n for n in names if n[:1] not in (".", "_")]
    near = get_close_matches(path.name, names, n=1)
    guess = f"did you mean {near[0]}? " if near else ""
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return f"{guess}{folder} holds: {', '.join(names[:LISTED]) or 'nothing'}{more}"
