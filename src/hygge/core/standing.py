"""Where the rows of a read stood: among those set aside, and in their files. For errors only: a few
numbers for each file, and eight bytes for each row that was set aside."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterable

from hygge.core.chunk import InFile
from hygge.core.errors import DataError


class Standing:
    """Told of every batch in order, it says of a row what a person can find it by."""

    def __init__(self) -> None:
        self._read = 0
        self._starts: list[int] = []
        self._files: list[InFile | None] = []
        self._aside = array("q")

    def began(self, at: InFile | None) -> None:
        """The next batch has been read, and stands there."""
        if not self._starts or at != self._expected():
            self._starts.append(self._read)
            self._files.append(at)

    def _expected(self) -> InFile | None:
        """Where the next row stands if it is of the same file, and none is left out between."""
        last = self._files[-1]
        if last is None or last.before is None:
            return last
        return InFile(last.file, last.before + self._read - self._starts[-1])

    def ended(self, rows: int, aside: Iterable[int]) -> None:
        """That batch had so many rows; those at these positions of the read were set aside."""
        self._read += rows
        self._aside.extend(sorted({*aside}))

    def read_position(self, kept: int) -> int:
        """The position among all rows that were read of one of those that were kept."""
        for gap in self._aside:
            if gap > kept:
                break
            kept += 1
        return kept

    def name(self, row: str, at: int) -> str:
        """How to name a row that has been read.

        Parameters
        ----------
        row: its key, as `id=7`, or its number among some rows, as `row 7`.
        at: its position among all rows that were read, from 0.
        """
        index = bisect_right(self._starts, at) - 1
        where = self._files[index] if index >= 0 else None
        by_key = not row.startswith("row ")
        if where is None:
            return row if by_key else f"row {at + 1}"
        if where.before is None:
            return f"{row if by_key else 'a row'} of {where.file}"
        number = f"row {where.before + at - self._starts[index] + 1} of {where.file}"
        return f"{row}, {number}" if by_key else number

    def tell(self, error: DataError, *, kept: bool = False) -> None:
        """Have an error name its row so, if it is of one; `kept` if it counts kept rows only."""

        def place(row: str, at: int) -> tuple[str, int]:
            at = self.read_position(at) if kept else at
            return self.name(row, at), at

        error.name_rows(place)
