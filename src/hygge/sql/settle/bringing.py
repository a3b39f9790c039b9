"""Rows that are brought from a stage into a table, within the open transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from hygge.core.errors import DataError, VerifyError
from hygge.core.fields import Field
from hygge.sql.settle.about import About
from hygge.sql.settle.modes import words
from hygge.sql.settle.modes.step import Rows, Step
from hygge.sql.settle.tally import Tally
from hygge.sql.settle.watch import Watch


class Filled(NamedTuple):
    """What has become of the table.

    Parameters
    ----------
    rows: how many it has; None where that is not known without counting them all.
    counted: whether that was counted, not added up.
    types: of its columns, as far as they are known to be those that hygge gives them; others than
        it has make the next load look at values.
    """

    rows: int | None
    counted: bool
    types: Mapping[str, str]


@dataclass(frozen=True)
class Bringing(About):
    """One load's; see About.

    Parameters
    ----------
    stage: the table in which rows wait; it is there if `staged`.
    straight: the table that rows went straight into; "" for none.
    fresh: the new table, where `replace` cannot do with the stage; "" where it can.
    keys: the table of the keys that the source has; "" where none were brought.
    swap: whether the commit lets the new table change places with the old one.
    hold: takes the table's lock again, where it was given up on the way, and looks again.
    """

    stage: str
    staged: bool
    straight: str
    fresh: str
    keys: str
    swap: bool
    hold: Callable[[], object]

    @property
    def new(self) -> str:
        """The table that is to replace the old one."""
        return self.straight or self.fresh or self.stage

    def check_keys(self) -> bool:
        """Whether keys come more than once, in rows that are the same in every column, or of which
        one is the latest. Raises DataError for other doubled keys, and for keys that are NULL."""
        request, dialect = self.request, self.settler.dialect
        stage, latest = self.place.sql(dialect, self.stage), request.terms.latest
        for key in request.keys:
            nullable = self.coming[key].nullable
            if nullable and self.link.rows(words.null_key(dialect, stage, key)):
                raise DataError(
                    f"{request.entity}: the key '{key}' is NULL in some row",
                    hint="choose a `key_column` that is never NULL, or another mode",
                )
        if request.mode in ("append", "delete_insert"):
            return False
        if not self.link.rows(words.doubled_key(dialect, stage, self.key_fields)):
            return False
        rows = stage
        if latest:
            rows = words.the_latest(dialect, stage, self.coming.names, self.key_fields, latest)
        told = tuple(f for f in self.coming if f.name not in request.terms.unlike)
        if found := self.link.rows(words.doubled_key(dialect, rows, self.key_fields, told)):
            shown = ", ".join(f"{k}={v}" for k, v in zip(request.keys, found[0], strict=True))
            also = f" and the same {latest}" if latest else ""
            raise DataError(
                f"{request.entity}: the key {shown} comes in rows that differ{also}",
                hint="`key_column` must tell every row apart, or `deduplicate: latest by COLUMN` "
                "say which row counts",
            )
        return True

    @property
    def key_fields(self) -> tuple[Field, ...]:
        """The fields of the request's keys."""
        return tuple(self.coming[key] for key in self.request.keys)

    def rows_of(self, table: str, *, doubled: bool) -> Rows:
        """The rows of the stage, as modes bring them into a table of the place's schema.

        Parameters
        ----------
        doubled: whether a key comes more than once; see `check_keys`.
        """
        settler, place = self.settler, self.place
        stored = [f for f in self.coming if f.name in self.fields]
        marks = "".join(f.name for f in self.coming if f.name not in self.fields)
        return Rows(
            settler.dialect, place.sql(settler.dialect, table),
            place.sql(settler.dialect, self.stage), self.key_fields, stored, self.request.terms,
            doubled=doubled, marks=marks, delete_coming=settler.delete_coming,
        )  # fmt: skip

    @property
    def is_sifted(self) -> bool:
        """Whether not every row that comes is brought in."""
        return bool(self.request.terms.latest or {*self.coming.names} - {*self.fields.names})

    def strange_rows(self, staged: int, loaded: int) -> VerifyError:
        """The error for other rows than were written."""
        return VerifyError(
            f"{self.place}: {loaded} rows were written, and {staged} are staged; nothing was "
            "published"
        )

    def run_steps(self, steps: Iterable[Step]) -> int | None:
        """Run what changes the place's own table; how many rows that brought in, if it is told."""
        brought: int | None = 0
        for step in steps:
            do = self._bring_in if step.coming else self.link.execute
            changed = self.watch.run(step, do)
            self.tally.add(step, changed)
            if step.coming:
                brought = None if brought is None or changed is None else brought + changed
        return brought

    def _bring_in(self, statement: str) -> int | None:
        return self.settler.bring_in(self.link, self.place, statement)

    @cached_property
    def watch(self) -> Watch:
        """Over what changes the place's own table; it begins as it is first asked for."""
        return Watch(self.settler, self.look)

    @cached_property
    def tally(self) -> Tally:
        """What that adds up to."""
        return Tally(self.held.rows if self.held else 0)

    def rows_follow(self) -> None:
        """Tables are as they must be; see `Settler.rows_follow`."""
        if self.settler.rows_follow(self.link):
            self.hold()

    def one(self, query: str) -> int:
        """The only number that a query gives."""
        return int(self.link.row(query)[0])
