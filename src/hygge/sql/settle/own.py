"""Tables that a load makes on its way, which go with it."""

from __future__ import annotations

from contextlib import suppress

from hygge.core.errors import HyggeError
from hygge.core.load import LoadRequest
from hygge.sql.link import Link
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler


class OwnTables:
    """One load's.

    Parameters
    ----------
    settler, link, place: of the load.
    """

    def __init__(self, settler: Settler, link: Link, place: Place) -> None:
        self._settler, self._link, self._place = settler, link, place
        self.names: list[str] = []
        """What they are called, whether or not they are made yet."""
        self._made: set[str] = set()

    def claim(self, table: str) -> str:
        """Have one more, by a name that is given back; see `Settler.claim`."""
        self._settler.claim(self._link, table)
        self.names.append(table)
        return table

    def make(self, table: str, request: LoadRequest) -> None:
        """Make one in which rows of a load wait, unless a writer elsewhere has."""
        try:
            self._settler.create_stage(self._link, self._place, table, request)
        except HyggeError:
            if not self._is_there(table):
                raise
        self._made.add(table)

    def is_made(self, table: str) -> bool:
        """Whether it was made by `make`."""
        return table in self._made

    def _is_there(self, table: str) -> bool:
        return self._settler.names(self._link, self._place, table) is not None

    def forget(self, table: str) -> None:
        """Have one no more, which nobody has made."""
        self.names.remove(table)
        with suppress(HyggeError):
            self._settler.unclaim(self._link, table)

    def drop(self, *, stay: bool = False) -> None:
        """Drop them; one that cannot be dropped now is cleared away by a later load.

        Parameters
        ----------
        stay: whether none that was made has got another name.
        """
        for table in self.names:
            with suppress(HyggeError):
                if (stay and table in self._made) or self._is_there(table):
                    self._settler.discard(self._link, self._place, table)
            with suppress(HyggeError):  # else it would be taken for claimed
                self._settler.unclaim(self._link, table)
