"""What a database does to take a load, beside the SQL that all of them share."""

from __future__ import annotations

import sys
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, ClassVar

import polars as pl

from hygge.core.errors import DataError, HyggeError, UnsupportedError
from hygge.core.fields import Field, Schema
from hygge.core.state import Mode
from hygge.sql.link import Link
from hygge.sql.settle.place import Place
from hygge.sql.settle.tables import Tables

if TYPE_CHECKING:
    from hygge.sql.server import PooledConnection


ENDLESS = sys.maxsize
"""See Settler.at_once."""


class WayIn:
    """How rows go into one table: batch by batch, unless a database knows better.

    Parameters
    ----------
    settler, link: how, and over what.
    place, table: a table of the place's schema.
    """

    def __init__(self, settler: Settler, link: Link, place: Place, table: str) -> None:
        self._settler, self._link, self._place, self._table = settler, link, place, table

    def take(self, batches: Iterable[pl.DataFrame]) -> int:
        """Send batches that are encoded, at least one, as they come; how many rows the database
        took. What taking a batch raises is raised."""
        return self._settler.ingest_all(self._link, self._place, self._table, batches)

    def end(self) -> None:
        """Have the table hold all that was taken. It may be used again."""

    def drop(self) -> None:
        """Stop; the rows that were taken are of no use any more. Safe more than once, and while
        another thread takes rows, which ends soon then."""


class Settler(Tables):
    """One database's way. It has no state; everything is asked over a link."""

    modes: ClassVar[tuple[Mode, ...]] = ("replace", "append", "merge", "delete_insert", "scd2")
    one_transaction: ClassVar[bool] = True
    """Whether creating, altering and dropping tables is part of a transaction, so that the first
    writer's rows may go straight into the one that commits them."""
    straight: bool = True
    """Whether what writers send may be part of the transaction that commits it; else it is staged
    before, and what is staged is counted before it is brought in."""
    triggers_skip: ClassVar[bool] = True
    """Whether a trigger can leave rows out of a statement, without an error."""
    what_waits: ClassVar[str] = ""
    """The statement that runs what triggers have put off until the commit; "" where none can."""
    longest_name: int = 63
    """How long a name may be, in bytes of UTF-8 or as `length` measures it."""
    unit: ClassVar[str] = "bytes"
    at_once: ClassVar[int] = 0
    """How many bytes of rows are sent in one go, about; 0 for each batch by itself, ENDLESS for all
    that comes: then who waits for rows to be there does so until all other writers wait, too, but
    not for long."""
    key_last: ClassVar[bool] = False
    """Whether a table that a load makes has its key only when the rows are in, and its indexes
    after that: made all at once, they take less of the time and the memory."""
    done_with: ClassVar[bool] = False
    """Whether a thread of the database's that takes a batch has done with the one before. Else all
    are kept meanwhile, so that a value which is refused can be named."""

    def length(self, name: str) -> int:
        """How long a name is."""
        return len(name.encode())

    def lines(self, connection: PooledConnection) -> int:
        """How many connections whoever writes has open at once: one, unless the driver opens others
        by itself."""
        return 1

    @abstractmethod
    def ingest(self, link: Link, place: Place, table: str, rows: pl.DataFrame) -> int:
        """Append rows to a table of the place's schema, by name, as fast as the database can.

        Returns how many the database says it took.
        """

    def ingest_all(
        self, link: Link, place: Place, table: str, batches: Iterable[pl.DataFrame]
    ) -> int:
        """Append several batches, as `ingest` does one."""
        return sum(self.ingest(link, place, table, rows) for rows in batches)

    def way_in(self, link: Link, place: Place, table: str) -> WayIn:
        """What takes the rows of this process's writers to a table; nothing is sent as yet."""
        return WayIn(self, link, place, table)

    def encoded(self, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
                ) -> pl.DataFrame:  # fmt: skip
        """A batch as `ingest` is to have it. Raises BadValue for what the database cannot hold."""
        return batch

    def unheld(self, column: pl.Series, field: Field) -> Sequence[tuple[pl.Series, str]]:
        """See `core.sift.Unheld`; the same values for which `encoded` or the database errs."""
        return ()

    def blame(
        self, error: DataError, batch: pl.DataFrame, fields: Schema, *, entity: str, offset: int
    ) -> HyggeError:
        """The error for a batch that the database refused, with the value if it can be found."""
        return error

    def check(self, fields: Schema, place: Place) -> None:
        """Raise UnsupportedError for columns that the database cannot have."""
        seen: dict[str, str] = {}
        for name in (place.schema, place.table):
            if self.length(name) > self.longest_name:  # it would be cut, to that of another maybe
                raise UnsupportedError(
                    f"{place}: a name has {self.length(name)} {self.unit}; here it can have "
                    f"{self.longest_name}",
                    hint="set `table` to a shorter one",
                )
        for field in fields:
            self.dialect.ddl(field.type)
            if self.length(field.name) > self.longest_name:
                raise UnsupportedError(
                    f"{place}: the column '{field.name[:40]}...' has a name of "
                    f"{self.length(field.name)} {self.unit}; here it can have {self.longest_name}",
                    hint="`rename` it",
                )
            other = seen.setdefault(field.name if self.case_matters else field.name.lower(),
                                    field.name)  # fmt: skip
            if other != field.name:
                raise UnsupportedError(
                    f"{place}: the columns '{other}' and '{field.name}' differ by upper and lower "
                    "case alone, which this database does not tell apart",
                    hint="`rename` one of them",
                )

    def bring_in(self, link: Link, place: Place, statement: str) -> int | None:
        """Run the INSERT that brings rows into the place's own table; how many, if that is told."""
        return link.execute(statement)

    def who(self, link: Link) -> str:
        """Who the database takes us for, and by what, for people; "" where it does not tell."""
        return ""

    # Transactions ---------------------------------------------------------------------------------

    def begin(self, link: Link) -> None:
        """Open the transaction that commits."""
        link.execute("BEGIN")

    def lock(self, link: Link, place: Place, patience_s: float = 0) -> None:
        """Let loads of one table go one after another, until the transaction ends.

        Parameters
        ----------
        patience_s: how long to wait for another one; 0 for as long as it takes.
        """

    def rows_follow(self, link: Link) -> bool:
        """Tables are as they must be: only rows change from here to the commit. Where changing
        tables has ended the transaction, it is opened anew.

        Returns whether the lock was given up with it.
        """
        return False

    def commit(self, link: Link) -> None:
        link.execute("COMMIT")

    def rollback(self, link: Link) -> None:
        link.execute("ROLLBACK")

    def is_conflict(self, error: HyggeError) -> bool:
        """Whether an error means that another transaction changed the same rows or tables."""
        return False

    def hold_rows(self, link: Link, place: Place) -> None:
        """Let nobody else change a table's rows until the transaction ends, so that they can be
        counted; nothing where nobody can anyway, or the user may not."""

    # Tables that a load made on its way, and whether it still lives

    def claim(self, link: Link, table: str) -> None:
        """Say that a table, which is not yet made, belongs to this session as long as it lives."""

    def unclaim(self, link: Link, table: str) -> None:
        """Say that it does no longer."""

    def is_left(self, link: Link, table: str) -> bool | None:
        """Whether no session that lives has claimed a table; None where the database cannot
        tell, so that its age must."""
        return None
