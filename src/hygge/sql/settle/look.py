"""What a database's catalogue says of a place at one moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hygge.core.errors import ConflictError
from hygge.sql.link import Link
from hygge.sql.settle.place import Place

if TYPE_CHECKING:
    from hygge.sql.settle.tables import Tables


class Look:
    """The answers, each asked for when it is first wanted, and together with others where the
    database tells them in one statement (see `Tables.tells`).

    It is for a moment in which nobody of hygge's changes tables: the beginning of a load, or what
    is done under the table's lock until a table is made or altered, when it is to look `again`.

    Parameters
    ----------
    settler, link: how the database is asked, and over what.
    place: the table.
    """

    def __init__(self, settler: Tables, link: Link, place: Place) -> None:
        self.settler, self.link, self.place = settler, link, place
        self._told: dict[str, Any] = {}

    def again(self) -> None:
        """Ask anew from now on."""
        self._told = {}

    def check_same(self) -> None:
        """Ask anew, and raise ConflictError where the table has other columns, types or triggers
        than it was last seen with: somebody altered it before it took rows, which may be cut or
        rounded, or left out. Nobody can after: the first statement that changes rows keeps others
        from altering their table until the transaction ends.
        """
        before = {what: self._told[what] for what in ("types", "triggers") if what in self._told}
        self.again()
        for what, seen in before.items():
            if self._tell(what) != seen:
                raise ConflictError(
                    f"{self.place}: somebody altered the table or its triggers while rows went "
                    "into it; nothing was published",
                    hint="run it again: rows are then held against the table as it is now",
                )

    def _tell(self, what: str) -> Any:
        if what not in self._told:
            self._told |= self.settler.tells(self.link, self.place, what)
        return self._told[what]

    @property
    def names(self) -> list[str] | None:
        """See `Catalogue.names`."""
        found: list[str] | None = self._tell("names")
        return found

    @property
    def types(self) -> dict[str, str]:
        """See `Catalogue.types`."""
        found: dict[str, str] = self._tell("types")
        return found

    @property
    def is_table(self) -> bool:
        """See `Catalogue.is_table`."""
        return bool(self._tell("is_table"))

    @property
    def indexes(self) -> list[str]:
        """See `Catalogue.indexes`."""
        found: list[str] = self._tell("indexes")
        return found

    @property
    def triggers(self) -> list[str] | None:
        """See `Catalogue.triggers`."""
        found: list[str] | None = self._tell("triggers")
        return found

    @property
    def layout(self) -> str:
        """See `Catalogue.layout`."""
        return str(self._tell("layout"))

    @property
    def stages(self) -> list[str]:
        """See `Catalogue.stages`."""
        found: list[str] = self._tell("stages")
        return found

    @property
    def keeps(self) -> bool:
        """Whether the table is there that keeps the place's state."""
        return bool(self._tell("keeps"))
