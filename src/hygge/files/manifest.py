"""What a destination folder holds, read from its state and held against what lies there."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hygge.core.errors import StateError
from hygge.core.state import State
from hygge.files.format import Format
from hygge.files.parts import PREFIX, Part

_SHOWN = 3


@dataclass(frozen=True)
class Held:
    """A destination in order: its state, its parts, and dotfiles that somebody else put there.

    Parameters
    ----------
    state: None where hygge has never loaded it.
    parts: as the state lists them.
    guests: names of entries that begin with a dot and are not hygge's.
    """

    state: State | None = None
    parts: tuple[Part, ...] = ()
    guests: tuple[str, ...] = ()

    @property
    def generation(self) -> int:
        return self.state.generation if self.state else 0


def look(folder: Path, form: Format) -> Held:
    """Read a destination and check it.

    Raises
    ------
    StateError: the state is damaged, a part is missing or has another size, or files lie there
        that hygge did not put there.
    """
    try:
        entries = {e.name: e for e in os.scandir(folder)}
    except FileNotFoundError:
        return Held()
    except NotADirectoryError:
        raise StateError(
            f"{folder} is a file", hint="hygge settles into a folder; choose another path"
        ) from None
    state = form.read_state(folder)
    entries.pop(form.carrier, None)
    guests = tuple(sorted(n for n in entries if n.startswith(".")))
    files = {n: e for n, e in entries.items() if not n.startswith(".")}
    if state is None:
        if files:
            raise foreign(folder, sorted(files))
        return Held(guests=guests)
    parts = parts_of(state)
    listed = {p.name for p in parts}
    if strange := sorted(set(files) - listed):
        raise foreign(folder, strange)
    for part in parts:
        entry = files.get(part.name)
        size = entry.stat().st_size if entry is not None else None
        if size != part.bytes:
            found = "is missing" if size is None else f"has {size} bytes"
            raise StateError(
                f"{folder}: {part.name} {found}, and the state says {part.bytes} bytes",
                hint="restore the folder from a backup, or move it away and load anew",
            )
    return Held(state, parts, guests)


def parts_of(state: State) -> tuple[Part, ...]:
    """The parts a state lists. Raises StateError where the list is damaged."""
    listed = state.extra.get("parts")
    if not isinstance(listed, list):
        raise StateError(
            f"the state of '{state.entity}' lists no parts",
            hint="restore the folder from a backup, or move it away and load anew",
        )
    return tuple(Part.from_json(p) for p in listed)


def extra_of(parts: Sequence[Part], layout: dict[str, Any] | None) -> dict[str, Any]:
    """What a file store keeps in `State.extra`: its parts and, after a merge, its buckets."""
    extra: dict[str, Any] = {"parts": [p.to_json() for p in parts]}
    if layout is not None:
        extra["layout"] = layout
    return extra


def foreign(folder: object, names: list[str]) -> StateError:
    """The error for files in a destination that no state lists."""
    shown = ", ".join(names[:_SHOWN]) + (", ..." if len(names) > _SHOWN else "")
    if all(n.startswith(PREFIX) for n in names):
        return StateError(
            f"{folder} holds parts that no state lists: {shown}",
            hint="restore the folder from a backup, or move it away and load anew",
        )
    return StateError(
        f"{folder} holds files that hygge did not put there: {shown}",
        hint="choose another path, or move them away",
    )
