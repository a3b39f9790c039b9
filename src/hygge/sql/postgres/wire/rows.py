"""Rows of a block, whose values are taken column after column.

How they lie is told in `decode`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from hygge.sql.blocks import SPARE, Bytes, Places, Valid, copied, heads, look


class Rows:
    """The values of rows, taken column after column.

    Parameters
    ----------
    buffer: the block, with `blocks.SPARE` bytes after the last row.
    at: where each row's next value begins, with its length.
    """

    def __init__(self, buffer: Bytes, at: Places) -> None:
        self.buffer, self.at = buffer, at

    def fixed(self, dtypes: Sequence[str]) -> list[tuple[npt.NDArray[Any], Valid | None]]:
        """The next columns of one width each, up to the first with a NULL: their values, of no
        meaning where there is none, and which rows have one; None where all do.

        Raises ValueError where a value is of another width.
        """
        kinds = [np.dtype([("length", ">i4"), ("value", dtype)]) for dtype in dtypes]
        parts = np.dtype([(str(number), kind) for number, kind in enumerate(kinds)])
        block = look(self.buffer, parts, self.at)
        found: list[tuple[npt.NDArray[Any], Valid | None]] = []
        for number, kind in enumerate(kinds):
            column = block[str(number)]
            lengths, width = column["length"], kind.itemsize - 4
            if (lengths == width).all():
                found.append((column["value"], None))
                self.at = self.at + kind.itemsize
                continue
            valid = lengths != -1
            if (lengths[valid] != width).any():
                raise ValueError(f"a value is not of {width} bytes")
            found.append((column["value"], valid))
            self.at = self.at + np.where(valid, kind.itemsize, 4)
            break  # where the others begin differs
        return found

    def slices(self) -> tuple[Places, Places, Valid | None]:
        """A column of any width: where values begin, their lengths (0 for none), and which rows
        have one; None where all do."""
        return self.sliced(look(self.buffer, ">i4", self.at))

    def bytes(self) -> Any:
        """A column of any width as an array of bytes."""
        made = heads(self.buffer, self.at + 4)  # one look for the lengths and what is short
        return copied(self.buffer, *self.sliced(made[:, 0].view(">i4")), made)

    def sliced(self, told: npt.NDArray[Any]) -> tuple[Places, Places, Valid | None]:
        """The same of lengths that have been looked for, as they were sent."""
        lengths, places, valid = told.astype(np.int64), self.at + 4, None
        least = lengths.min() if len(lengths) else 0
        if least < -1:
            raise ValueError("a value has a length less than that of NULL")
        if least < 0:
            valid = lengths >= 0
            lengths *= valid
        self.at = places + lengths
        if len(self.at) and self.at.max() > len(self.buffer) - SPARE:
            raise ValueError("a value ends beyond the last row")
        return places, lengths, valid
