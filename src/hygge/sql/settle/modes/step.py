"""What a mode's plan is made from, and made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from hygge.core.fields import Field
from hygge.core.terms import Terms
from hygge.sql.dialect import Dialect
from hygge.sql.settle.modes import words


class Step(NamedTuple):
    """A statement.

    Parameters
    ----------
    coming: of one that brings rows in, the query that counts them beforehand; else "".
    left: of another, the query that counts the rows that it should have changed and did not.
    adds: what each row that it changes adds to the table's number of rows: 1, -1 or 0.
    """

    sql: str
    coming: str = ""
    left: str = ""
    adds: int = 0


@dataclass(frozen=True)
class Rows:
    """The rows of a load and where they go.

    Parameters
    ----------
    dialect: of the database.
    target: the table they go to, quoted.
    stage: the table in which they wait, quoted.
    keys: the key's fields.
    coming: the fields that are stored of what comes.
    terms: of the load.
    doubled: whether keys come more than once, so that one row of each is taken.
    marks: the staged column in which rows that are gone are marked, though it is not stored; "" for
        none.
    delete_coming: see `Settler.delete_coming`.
    """

    dialect: Dialect
    target: str
    stage: str
    keys: Sequence[Field]
    coming: Sequence[Field]
    terms: Terms
    doubled: bool = False
    marks: str = ""
    delete_coming: Callable[[str, str, Sequence[Field], str], str] | None = None

    @property
    def names(self) -> list[str]:
        """The columns that are stored of what comes."""
        return [f.name for f in self.coming]

    @property
    def rows(self) -> str:
        """What comes, one row of each key where some come more than once: a table, or a query in
        brackets."""
        if not self.doubled:
            return self.stage
        names = [*self.names, *([self.marks] if self.marks else [])]
        return words.one_of_each(self.dialect, self.stage, names, self.keys, self.terms.latest)

    @property
    def same(self) -> str:
        """The condition for a row that comes to have the key of one that is there."""
        return words.same(self.dialect, self.keys, words.COMING, self.target)

    @property
    def not_older(self) -> str:
        """The condition for a row that comes to be taken in spite of one that is there; "" for
        all."""
        latest = self.terms.latest
        return words.not_older(self.dialect, latest, self.target) if latest else ""

    @property
    def unmarked(self) -> str:
        """The condition for a row that comes to be stored; "" for all."""
        return f"{words.COMING}.{self.dialect.quote(self.marks)} IS NULL" if self.marks else ""

    @property
    def marked(self) -> str:
        """The condition for a row that comes to be gone; "" where none is marked."""
        return f"{words.COMING}.{self.dialect.quote(self.marks)} IS NOT NULL" if self.marks else ""

    def bring(self, condition: str = "", more: Sequence[tuple[str, str]] = ()) -> Step:
        """The statement that brings rows in.

        Parameters
        ----------
        condition: which of them, beside those that are not to be stored; "" for all.
        more: columns that do not come, with the SQL of their value.
        """
        quote = self.dialect.quote
        into = ", ".join(map(quote, [*self.names, *(name for name, _ in more)]))
        values = ", ".join([*map(quote, self.names), *(value for _, value in more)])
        conditions = [c for c in (self.unmarked, condition) if c]
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        rows = f"{self.rows} {words.COMING}{where}"
        return Step(
            f"INSERT INTO {self.target} ({into}) SELECT {values} FROM {rows}",
            coming=words.count(self.dialect, rows), adds=1,
        )  # fmt: skip

    def delete(self, condition: str) -> Step:
        """The statement that deletes the rows that are there and meet a condition; "" for all."""
        rows = f"{self.target}{f' WHERE {condition}' if condition else ''}"
        return Step(f"DELETE FROM {rows}", left=words.count(self.dialect, rows), adds=-1)

    def update(self, change: str, condition: str) -> Step:
        """The statement that changes the rows that meet a condition, so that they no longer do."""
        return Step(
            f"UPDATE {self.target} SET {change} WHERE {condition}",
            left=f"{words.count(self.dialect, self.target)} WHERE {condition}",
        )

    def take_out(self, also: str = "") -> Step:
        """The statement that takes out the rows whose key comes."""
        condition = " AND ".join(c for c in (self.same, also) if c)
        step = self.delete(words.exists(self.stage, condition))
        if self.delete_coming is None:
            return step
        return step._replace(sql=self.delete_coming(self.target, self.stage, self.keys, also))
