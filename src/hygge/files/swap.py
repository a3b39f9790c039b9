"""Two folders change places: in one operation, or in two with an intent that is written first.

Call all of it with the destination's `commit.lock` held.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from hygge.core.errors import ConflictError, StateError
from hygge.core.steps import reached
from hygge.files import local

FALLBACK_STEPS = ("files.intended", "files.moved_away")
"""Where folders cannot be exchanged: two more, between `files.locked` and `files.exchanged`."""
INTENT = "intent.json"


def swap(stage: Path, new: Path, target: Path) -> Path | None:
    """Put a folder in another's place.

    Parameters
    ----------
    stage: the load's own folder, beside those of other loads.
    new: the folder in it that is to be published.
    target: where it goes.

    Returns
    -------
    Where the old folder lies now; None if there was none.
    """
    if not os.path.lexists(target):
        try:
            local.rename_new(new, target)
        except FileExistsError:
            raise conflict(target) from None
        return None
    try:
        local.exchange(new, target)
    except local.NoExchange:
        return _in_two(stage, new, target)
    return new


def _in_two(stage: Path, new: Path, target: Path) -> Path:
    """Two renames; whoever comes after a death between them finds the intent and finishes."""
    root = stage.parent
    intent, old, draft = root / INTENT, stage / "old", stage / INTENT
    draft.write_text(json.dumps({"stage": stage.name}), encoding="utf-8")
    local.sync(draft)
    draft.rename(intent)
    local.sync(root)
    reached("files.intended")
    target.rename(old)
    reached("files.moved_away")
    new.rename(target)
    local.sync(target.parent)
    intent.unlink()
    local.sync(root)
    return old


def take_back(stage: Path, old: Path, target: Path) -> None:
    """Undo a swap: `old` is what it returned."""
    try:
        local.exchange(old, target)
    except local.NoExchange:
        target.rename(stage / "refused")
        old.rename(target)
    local.sync(target.parent)


def mend(destination: Path, root: Path) -> None:
    """Roll an interrupted pair of renames forward, else back."""
    intent = root / INTENT
    try:
        name = json.loads(intent.read_text(encoding="utf-8"))["stage"]
    except FileNotFoundError:
        return
    except (ValueError, KeyError, TypeError) as error:
        raise StateError(
            f"{intent} is damaged ({error})",
            hint=f"see whether {destination} is there and whole, then remove this file",
        ) from None
    stage = root / Path(name).name
    if not os.path.lexists(destination):
        for candidate in (stage / "new", stage / "old"):
            if candidate.is_dir():
                candidate.rename(destination)
                local.sync(destination.parent)
                break
    intent.unlink()
    local.sync(root)


def conflict(place: object) -> ConflictError:
    """The error for a destination that another load changed since this one began."""
    return ConflictError(
        f"{place} was loaded by another run meanwhile; nothing was published",
        hint="run it again",
    )
