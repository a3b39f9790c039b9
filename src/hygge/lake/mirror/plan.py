"""What a load is to publish, as its state lists it, and what hygge keeps of a table."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hygge.core.errors import StateError
from hygge.core.state import State
from hygge.lake.mirror.zone import Lying, file_name
from hygge.lake.parts import Datafile
from hygge.lake.shelf import Entry

_NAME = re.compile(r"(?P<what>state|dropped|published)-(?P<generation>\d{20})(\.json)?")


def state_name(generation: int) -> str:
    """The state of a generation; that it is there is the commit."""
    return f"state-{generation:020d}.json"


def dropped_name(generation: int) -> str:
    """Says that the folder which a full reload replaces is gone."""
    return f"dropped-{generation:020d}"


def published_name(generation: int) -> str:
    """Says that all files of a generation are in the table's folder."""
    return f"published-{generation:020d}"


@dataclass(frozen=True)
class Plan:
    """What a load publishes.

    Parameters
    ----------
    first: the number of its first file.
    files: where they wait, in the order of their numbers.
    reload: whether the table's folder is made anew.
    marked: whether any file since the last reload has row markers.
    keys: the key columns that the metadata is to name.
    """

    first: int
    files: tuple[Datafile, ...] = ()
    reload: bool = False
    marked: bool = False
    keys: tuple[str, ...] = ()

    @property
    def last(self) -> int:
        """The greatest number in the folder once all is published."""
        return self.first + len(self.files) - 1

    def to_json(self) -> dict[str, Any]:
        return {
            "first": self.first, "files": [file.to_json() for file in self.files],
            "reload": self.reload, "marked": self.marked, "keys": list(self.keys),
        }  # fmt: skip

    @classmethod
    def of(cls, state: State, place: str) -> Plan:
        """The plan in a state. Raises StateError."""
        try:
            raw: Mapping[str, Any] = state.extra
            return cls(
                int(raw["first"]), tuple(map(Datafile.from_json, raw["files"])),
                bool(raw["reload"]), bool(raw["marked"]), tuple(map(str, raw["keys"])),
            )  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            raise StateError(
                f"{place}: its state is damaged ({type(error).__name__}: {error})", hint=ANEW
            ) from None

    def compare(self, lies: Lying, place: str) -> None:
        """Raise StateError where what lies in the folder is not what this load left."""
        if lies.last > self.last:
            raise StateError(
                f"{place}: {file_name(lies.last)} is there, and hygge has written up to number "
                f"{self.last}",
                hint="a table has one publisher: choose another table, or stop the other one",
            )
        if lies.last < self.last:
            raise StateError(
                f"{place}: {file_name(self.last)}, the last file that hygge has written, is gone",
                hint=ANEW,
            )
        for number, file in enumerate(self.files, self.first):
            if lies.waiting.get(number, file.bytes) != file.bytes:
                raise StateError(
                    f"{place}: {file_name(number)} is not the file that hygge has written",
                    hint=ANEW,
                )


ANEW = (
    "remove the table's folder and what hygge keeps of it, in `_hygge/` of the landing zone, and "
    "load anew"
)


@dataclass(frozen=True)
class Kept:
    """What hygge keeps of a table.

    Parameters
    ----------
    newest: the newest state's generation; 0 for none.
    names: of all that lies there.
    entries: the same, with their ages.
    """

    newest: int
    names: frozenset[str]
    entries: tuple[Entry, ...]

    @classmethod
    def of(cls, entries: Iterable[Entry]) -> Kept:
        listed = tuple(entries)
        found = [(m, e) for e in listed if (m := _NAME.fullmatch(e.name))]
        newest = max((int(m["generation"]) for m, _ in found if m["what"] == "state"), default=0)
        return cls(newest, frozenset(e.name for e in listed), listed)

    @property
    def dropped(self) -> bool:
        """Whether the folder that the newest generation replaces is gone."""
        return dropped_name(self.newest) in self.names

    @property
    def published(self) -> bool:
        """Whether all files of the newest generation are in the folder."""
        return published_name(self.newest) in self.names

    def older(self) -> list[str]:
        """What earlier generations have left."""
        return [
            e.name
            for e in self.entries
            if (m := _NAME.fullmatch(e.name)) and int(m["generation"]) < self.newest
        ]
