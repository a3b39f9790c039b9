"""A table's place in a landing zone: its folder, its files' names, and what lies there.

The layout is defined by two pages, which are called FORMAT and PRACTICES here:
https://learn.microsoft.com/fabric/mirroring/open-mirroring-landing-zone-format (2025-09-09) and
https://learn.microsoft.com/fabric/mirroring/open-mirroring-best-practices (2026-09-18).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hygge.core.errors import StateError
from hygge.lake.shelf import Branch
from hygge.storage.address import Address
from hygge.storage.connection import StorageConnection, tree_of
from hygge.storage.tree import Entry, Tree

METADATA = "_metadata.json"
"""FORMAT, "Metadata file in the landing zone": in every table's folder."""
EVENTS = "_partnerEvents.json"
"""FORMAT, "Events file in the landing zone": one for the database."""
OWN = "_hygge"
"""What is hygge's own, beside the tables' folders. PRACTICES, "Publish files atomically": items
whose names begin with an underscore are ignored; "Follow producer-specific requirements": other
producers keep their progress so."""
_NUMBERED = re.compile(r"(?P<number>\d{20})\.\w+")
"""FORMAT, "Format requirements": a file's name is 20 digits, from 1, without gaps."""
_ITEM = re.compile(r"(?P<item>.+)/Files/LandingZone", re.IGNORECASE)
"""FORMAT, "Landing zone": where in a mirrored database it lies."""


def file_name(number: int) -> str:
    """The name of a table's file."""
    return f"{number:020d}.parquet"


@dataclass(frozen=True)
class Zone:
    """A table's place in a landing zone. It pickles.

    Parameters
    ----------
    connection, address: of the landing zone.
    schema: "" for none.
    table: its name.
    """

    connection: StorageConnection
    address: Address
    schema: str
    table: str

    @property
    def path(self) -> str:
        """The table's folder below the landing zone; FORMAT, "Schema"."""
        return f"{self.schema}.schema/{self.table}" if self.schema else self.table

    @property
    def folder(self) -> str:
        """The key of the table's folder."""
        return self.address.join(self.path).key

    @property
    def own(self) -> Address:
        """Where hygge keeps what is its own of the table; it outlives the table's folder."""
        return self.address.join(f"{OWN}/{self.path}")

    @property
    def tree(self) -> Tree:
        """The way in. Raises ConfigError, MissingDriver."""
        return tree_of(self.connection, self.address.at(""))

    def shelf(self) -> Branch:
        """Where a load's files wait, and its states."""
        return Branch(self.tree, self.own)

    @property
    def mirrored(self) -> tuple[str, ...]:
        """The folders of Delta tables, one of which Fabric makes of this: in the same database."""
        found = _ITEM.fullmatch(self.address.key)
        if found is None:
            return ()
        tables = f"{found['item']}/Tables"
        if self.schema:
            return (f"{tables}/{self.schema}/{self.table}",)
        return f"{tables}/{self.table}", f"{tables}/dbo/{self.table}"

    def lying(self) -> Lying:
        """What lies in the table's folder now."""
        return lying(self.tree.below(self.folder, deep=True), self.folder)

    def keys(self) -> tuple[str, ...] | None:
        """The key columns that the folder's metadata names; None where there is no such file.

        Raises StateError for a file that says more than hygge would, or cannot be read.
        """
        try:
            text = self.tree.read(f"{self.folder}/{METADATA}")
        except FileNotFoundError:
            return None
        return keys_of(text, str(self))

    def __str__(self) -> str:
        return str(self.address.join(self.path))


@dataclass(frozen=True)
class Lying:
    """What lies in a table's folder.

    Parameters
    ----------
    waiting: the files that are in the folder itself, by their numbers: their bytes.
    aside: the numbers of those that Fabric has put aside.
    others: names of files that are neither numbered nor hidden.
    """

    waiting: Mapping[int, int]
    aside: frozenset[int]
    others: tuple[str, ...]

    @property
    def last(self) -> int:
        """The greatest number; 0 for none. FORMAT, "Format requirements": the last file is left
        when others are deleted."""
        return max((*self.waiting, *self.aside), default=0)

    def has_been(self, number: int, *, anew: bool) -> bool:
        """Whether a number's file was published: it lies there, or Fabric has deleted it since.

        Parameters
        ----------
        anew: whether the folder was made just now: Fabric has deleted nothing of it yet, and a
            number that is missing below others was removed with the folder.
        """
        if number in self.waiting or number in self.aside:
            return True
        return not anew and number < self.last


def lying(entries: Iterable[Entry], folder: str) -> Lying:
    """What some entries are to a table's folder.

    Parameters
    ----------
    entries: of the folder and those in it, such as `_ProcessedFiles` and `_FilesReadyToDelete`;
        FORMAT, "Cleanup process".
    folder: its key.
    """
    waiting, aside, others = dict[int, int](), set[int](), list[str]()
    for entry in entries:
        parts = entry.key.removeprefix(f"{folder}/").split("/")
        found = _NUMBERED.fullmatch(parts[-1])
        if found is None:
            if not any(part.startswith(("_", ".")) for part in parts):
                others.append("/".join(parts))
            continue
        if len(parts) == 1:
            waiting[int(found["number"])] = entry.size
        else:
            aside.add(int(found["number"]))
    return Lying(waiting, frozenset(aside), tuple(others))


def metadata(keys: Sequence[str]) -> bytes:
    """The metadata file's content; PRACTICES: without a key only for tables of inserts."""
    return json.dumps({"keyColumns": list(keys)} if keys else {}).encode()


def keys_of(text: bytes, place: str) -> tuple[str, ...]:
    """The key columns of a metadata file. Raises StateError."""
    try:
        said: Any = json.loads(text)
        keys = tuple(map(str, said.pop("keyColumns", ())))
    except (ValueError, TypeError, AttributeError) as error:
        raise StateError(
            f"{place}/{METADATA} cannot be read: {error}",
            hint="remove the table's folder and load anew",
        ) from None
    if said:
        raise StateError(
            f"{place}/{METADATA} has settings that hygge does not write by: {', '.join(said)}",
            hint="leave `keyColumns` only, or let hygge make the folder",
        )
    return keys
