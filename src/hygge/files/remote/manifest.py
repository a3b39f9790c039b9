"""The commit on object storage: a manifest that is created once for each generation.

Nothing there can be renamed, so nothing is: parts are uploaded under names of their own, and the
load is published by creating `_hygge/<generation>.json`, which holds the state and lists its parts.
The store creates a name once (`If-None-Match: *`, and its like), so of two loads that follow the
same generation one wins. The highest generation is what the folder holds.
"""

from __future__ import annotations

import re
import uuid

from hygge.core.context import CancelToken
from hygge.core.errors import HyggeError, StateError, TransientError, UnsupportedError
from hygge.core.state import State
from hygge.core.steps import reached
from hygge.files.swap import conflict
from hygge.storage.path import RemotePath
from hygge.storage.tree import Taken

FOLDER = "_hygge"
TRIES = 5
"""Of creating a manifest whose fate is unknown."""
_WAIT_S = 0.2
_NAME = re.compile(r"(?P<generation>\d{12})\.json")
_PROBE = ".probe-"
_UNFINISHED = re.compile(rf"\.(?P<name>\d{{12}}\.json)\.[0-9a-f]{{8}}|\.*{re.escape(_PROBE)}.*")
"""Names of what is no manifest yet (see `SFTPTree.create`), and of probes."""


def name_of(generation: int) -> str:
    """A manifest's name; in the order of names is the order of generations."""
    return f"{generation:012d}.json"


def generation_of(name: str) -> int | None:
    """The generation that a manifest's name says; None for what is no manifest's."""
    found = _NAME.fullmatch(name)
    return int(found["generation"]) if found else None


def superseded(name: str, generation: int) -> bool:
    """Whether a file beside the manifests is one that a generation follows, or was never finished
    and can come to nothing any more."""
    if found := _UNFINISHED.fullmatch(name):
        begun = generation_of(found["name"] or name_of(0))
        return begun is not None and begun <= generation
    own = generation_of(name)
    return own is not None and own < generation


def check_created_once(folder: RemotePath) -> None:
    """See that the server creates a name once, by trying it twice: all that is promised of two
    loads at once rests on it.

    Raises UnsupportedError where it does not; then a load could be lost unseen.
    """
    probe = (folder / FOLDER / f"{_PROBE}{uuid.uuid4().hex}").key
    try:
        for data in (b"1", b"2"):
            folder.tree.create(probe, data)
    except Taken:
        return
    finally:
        try:
            folder.tree.delete([probe])
        except HyggeError:
            pass  # it is tidied away with what else is old
    raise UnsupportedError(
        f"{folder}: the server has a name that is taken created again, so that of two loads at "
        "once one would be lost unseen",
        hint="load into another place: object storage that knows `If-None-Match: *`, or an SFTP "
        "server whose rename fails where the name is taken, as OpenSSH's does",
    )


def generations(folder: RemotePath) -> list[int]:
    """The generations of which a manifest is there, in order."""
    below = folder.tree.below((folder / FOLDER).key)
    return sorted(g for e in below if (g := generation_of(e.name)) is not None)


def latest(folder: RemotePath) -> State | None:
    """The state of what a folder holds; None where hygge never loaded it.

    Raises StateError where its manifest is damaged.
    """
    for _ in range(TRIES):
        found = generations(folder)
        if not found:
            return None
        state = _read(folder, found[-1])
        if state is not None:
            return state
        # Loads have come and been tidied up after between the list and the look.
    raise TransientError(f"{folder} is being loaded again and again", hint="run it again")


def _read(folder: RemotePath, generation: int) -> State | None:
    place = folder / FOLDER / name_of(generation)
    try:
        text = folder.tree.read(place.key)
    except FileNotFoundError:
        return None
    state = State.from_json(text, place=str(place))
    if state.generation != generation:
        raise StateError(
            f"{place} is of generation {state.generation}",
            hint="restore the folder from a backup, or move it away and load anew",
        )
    return state


def commit_id(state: State | None) -> str:
    """What tells one load's manifest from every other's; "" for none."""
    return str(state.extra.get("commit", "")) if state is not None else ""


class Unknown(TransientError):
    """Nobody can say yet whether a load was published: what it uploaded has to stay."""


def publish(folder: RemotePath, state: State, cancel: CancelToken) -> None:
    """Create the manifest of a state, and know for certain that it is ours.

    An answer that was lost is looked up: what lies there is read back and compared. So is a name
    that is taken, since the client below may have tried twice by itself.

    Raises
    ------
    ConflictError: another load has that generation; nothing was published.
    Unknown: the store gave no answer to the end.
    """
    place, data = folder / FOLDER / name_of(state.generation), state.to_json().encode()
    why: Exception | None = None
    for attempt in range(TRIES):
        try:
            folder.tree.create(place.key, data)
            break
        except (Taken, TransientError) as error:
            why = error
        try:
            lying = folder.tree.read(place.key)
        except FileNotFoundError:
            pass  # not there (yet): it is created once only, so to try again does no harm
        except TransientError as error:
            why = error
        else:
            if lying != data:
                raise conflict(folder)
            break
        if attempt + 1 < TRIES:
            # Even when asked to stop: whether it is published has to be known.
            cancel.wait(_WAIT_S * 2**attempt) if not cancel.cancelled else None
    else:
        raise Unknown(
            f"{folder}: whether the load was published is not known: {why}", hint="run it again"
        ) from why
    reached("objects.published")
    _followed(folder, state)


def _followed(folder: RemotePath, state: State) -> None:
    """Raise ConflictError where a manifest was created long after its generation had passed.

    Its name may have been free again only because the one that had it was tidied away.
    """
    later = [g for g in generations(folder) if g > state.generation]
    if not later:
        return
    following = _read(folder, state.generation + 1)
    if following is None or following.extra.get("parent") != commit_id(state):
        raise conflict(folder)
