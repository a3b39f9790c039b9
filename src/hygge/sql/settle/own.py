"""Tables that a load makes on its way, which go with it."""

from __future__ import annotations

from contextlib import suppress

from hygge.core.errors import HyggeError
from hygge.core.load import LoadRequest
from hygge.sql.link import Link
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler
from hygge.sql.settle.state import make_once


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

    def claim(self, table: str) -> str:
        """Have one more, by a name that is given back; see `Settler.claim`."""
        self._settler.claim(self._link, table)
        self.names.append(table)
        return table

    def make(self, table: str, request: LoadRequest) -> None:
        """Make one in which rows of a load wait, unless a writer elsewhere has."""

        def create() -> None:
            self._settler.create_stage(self._link, self._place, table, request)

        make_once(self._settler, self._link, self._place, table, create)

    def is_there(self, table: str) -> bool:
        return self._settler.names(self._link, self._place, table) is not None

    def drop(self) -> None:
        """Drop them; one that cannot be dropped now is cleared away by a later load."""
        with suppress(HyggeError):
            for table in self.names:
                if self.is_there(table):
                    self._settler.discard(self._link, self._place, table)
                self._settler.unclaim(self._link, table)
