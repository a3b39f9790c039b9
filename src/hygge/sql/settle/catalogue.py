"""What a database says of its tables."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

from hygge.core.fields import Field
from hygge.sql.dialect import Dialect
from hygge.sql.link import Link
from hygge.sql.settle import modes
from hygge.sql.settle.place import Place


class Catalogue(ABC):
    """One database's; it has no state, and everything is asked over a link."""

    dialect: Dialect
    case_matters: bool = True
    """Whether two columns may differ by upper and lower case alone."""

    def names(self, link: Link, place: Place, table: str = "") -> list[str] | None:
        """The columns of a table, in order; None where there is none."""
        found = link.rows(
            "SELECT column_name FROM information_schema.columns "
            f"WHERE {self._is(place, table)} ORDER BY ordinal_position"
        )
        return [name for (name,) in found] or None

    def types(self, link: Link, place: Place, table: str = "") -> dict[str, str]:
        """The columns of a table with their types, as the database writes them."""
        found = link.rows(
            "SELECT column_name, data_type FROM information_schema.columns "
            f"WHERE {self._is(place, table)} ORDER BY ordinal_position"
        )
        return dict(found)

    def takes(self, there: str, coming: str) -> bool:
        """Whether a column of one type takes all values of another as they are: databases round
        and cut what they insert, and do not say so."""
        return there == coming

    def altered(self, stage: str, name: str, held: str, coming: str) -> str:
        """See `modes.altered`."""
        return modes.altered(self.dialect, stage, name, held, coming)

    def fold(self, name: str) -> str:
        """What names of one column have in common."""
        return name if self.case_matters else name.lower()

    def misfits(self, there: Mapping[str, str], coming: Mapping[str, str]) -> list[str]:
        """The columns of a table, of these types, that would alter what comes from another one that
        has no columns but those."""
        held = {self.fold(name): kind for name, kind in there.items()}
        return [
            f"'{name}' is {held[self.fold(name)]} there, and {kind} comes"
            for name, kind in coming.items()
            if not self.takes(held[self.fold(name)], kind)
        ]

    def alters(self, link: Link, stage: str, name: str, held: str, coming: str) -> bool:
        """Whether a staged value of a column would be another one in a column of type `held`."""
        return bool(link.rows(self.altered(stage, name, held, coming)))

    def triggers(self, link: Link, place: Place) -> list[str] | None:
        """The triggers that run for rows of a table, by name, as far as the user may see them; None
        where the database cannot be asked, so that any statement may meet one."""
        return []

    def before_delete(self, link: Link, place: Place) -> None:
        """Raise DataError where to delete rows of a table would change other rows too."""

    def check_keys(self, link: Link, place: Place, keys: Sequence[Field]) -> None:
        """Raise DataError where a table's columns take some keys for the same that are not."""

    def check_rights(self, link: Link, place: Place) -> None:
        """Raise ConnectError where the user lacks a right that every load needs, if the database
        tells that cheaply."""

    def check_sight(self, link: Link, place: Place, *, compares: bool) -> str:
        """Whether who loads sees all rows of a table, and of its state, where `check_rights` does
        not tell.

        Parameters
        ----------
        compares: whether the load compares what comes with rows that are there.

        Returns what to warn of; "" for nothing.

        Raises ConnectError where rows that may be hidden would be taken for gone, and come twice.
        """
        return ""

    def is_filled(self, link: Link, place: Place) -> bool:
        """Whether the place's table, which is there, has a row, be it seen or not."""
        table = place.sql(self.dialect)
        return bool(link.rows(self.dialect.first(f"1 FROM {table}")))

    def is_table(self, link: Link, place: Place) -> bool:
        """Whether what has the place's name is a table that rows can be put into."""
        found = link.rows(
            f"SELECT table_type FROM information_schema.tables WHERE {self._is(place)}"
        )
        return [kind for (kind,) in found] == ["BASE TABLE"]

    @abstractmethod
    def indexes(self, link: Link, place: Place) -> list[str]:
        """The names of the indexes of the place's table that hygge made, if it is there; without
        the one in whose order its rows lie."""

    def layout(self, link: Link, place: Place) -> str:
        """How the rows of the place's table lie otherwise than it says (by its `partition_by`,
        `partitions` or `cluster_by`), in words; "" where they do not, or there is no table."""
        return ""

    def stages(self, link: Link, place: Place) -> list[str]:
        """Every table of hygge's own in the place's schema."""
        found = link.rows(
            "SELECT table_name FROM information_schema.tables WHERE table_name LIKE '~_hygge~_%' "
            f"ESCAPE '~' AND {self._within(place)}"
        )
        return [name for (name,) in found]

    def _is(self, place: Place, table: str = "") -> str:
        """The condition for a table of the place's schema in the catalogue."""
        name = self.dialect.text(table or place.table)
        return f"{self._same('table_name', name)} AND {self._within(place)}"

    def _within(self, place: Place) -> str:
        """The condition for what is in the place's schema; others of its name may be in databases
        that are attached beside, as all of an account's are in MotherDuck."""
        schema = self.dialect.text(place.schema) if place.schema else "current_schema()"
        return f"{self._same('table_schema', schema)} AND table_catalog = current_database()"

    def _same(self, column: str, name: str) -> str:
        return f"{column} = {name}" if self.case_matters else f"lower({column}) = lower({name})"
