"""What one load is of, as all that has a part in it needs to know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from hygge.core.fields import Schema
from hygge.core.load import LoadRequest
from hygge.core.state import State
from hygge.sql.link import Link
from hygge.sql.settle.look import Look
from hygge.sql.settle.modes import words
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import Settler


@dataclass(frozen=True)
class About:
    """One load's.

    Parameters
    ----------
    settler, link: how the database takes loads, and over what.
    place: the table.
    look: at the place.
    request: what is to be loaded.
    fields: those the table is to have.
    coming: those of the rows that come, as wide as the table's.
    held: what it holds; None for nothing of hygge's.
    recased: the columns it has whose names now come in other case, with those; `held` has the new
        ones.
    note: see `Context.note`.
    """

    settler: Settler
    link: Link
    place: Place
    look: Look
    request: LoadRequest
    fields: Schema
    coming: Schema
    held: State | None
    recased: Mapping[str, str]
    note: Callable[[str, str], None]

    @classmethod
    def of(cls, about: About, **more: Any) -> Self:
        """One of this kind about the same load.

        Parameters
        ----------
        more: what this kind has beside.
        """
        return cls(**vars(about), **more)

    def count(self, table: str) -> int:
        """The rows of a table of the place's schema."""
        dialect = self.settler.dialect
        return int(self.link.row(words.count(dialect, self.place.sql(dialect, table)))[0])
