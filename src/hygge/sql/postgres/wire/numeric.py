"""Numbers as PostgreSQL's `numeric` has them: groups of four decimal digits.

numeric_send and numeric_recv have the number of groups, by which power of 10,000 the first counts,
the sign, the decimals shown, and the groups. numeric_recv takes off groups of zeros before and
after a number, so that all of a column may have as many:
https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from hygge.sql.blocks import bitmap, look
from hygge.sql.postgres.wire.rows import Rows

Limbs = list[npt.NDArray[np.uint64]]
"""Whole numbers without their sign: the highest limb, of up to 64 bits, and others of 32 each."""
DIGITS = 18
"""Numbers of up to so many digits are read: without their point they are whole, of 64 bits."""
NEGATIVE = 0x4000
_SPECIAL = {0xC000: "NaN", 0xD000: "Infinity", 0xF000: "-Infinity"}
_DIGITS = 4
_LIMB, _LOW = np.uint64(32), np.uint64(0xFFFFFFFF)


class Groups(NamedTuple):
    """The digits of a column.

    Parameters
    ----------
    digits: of each group those of all numbers, the highest group first.
    weight: the power of 10,000 by which the highest group counts.
    """

    digits: list[npt.NDArray[np.uint64]]
    weight: int


def unsigned(low: npt.NDArray[np.int64], high: npt.NDArray[np.int64] | None = None) -> Limbs:
    """Signed numbers of 64 bits without their sign, or of 128 where `high` has the upper half."""
    if high is None or (high == low >> 63).all():
        return [np.abs(low).view(np.uint64)]  # the least is its own absolute, read as 2**63
    negative, up, down = high < 0, high.view(np.uint64), low.view(np.uint64)
    down = np.where(negative, ~down + np.uint64(1), down)
    up = np.where(negative, ~up + (down == 0), up)
    return [up, down >> _LIMB, down & _LOW]


def groups(number: Limbs, scale: int) -> Groups:
    """The groups of numbers whose last `scale` digits come after the point, without those at both
    ends that are zero in all of them."""
    found: list[npt.NDArray[np.uint64]] = []
    lowest = -((scale + _DIGITS - 1) // _DIGITS)
    here = scale % _DIGITS or _DIGITS  # the last group may be filled up with zeros
    number = list(number)
    while number:
        number, digits = _divided(number, 10**here)
        if found or digits.any():
            found.append(digits * np.uint64(10 ** (_DIGITS - here)))
        else:
            lowest += 1
        here = _DIGITS
        while number and not number[0].any():
            number.pop(0)
    return Groups(found[::-1], lowest + len(found) - 1)


def _divided(number: Limbs, by: int) -> tuple[Limbs, npt.NDArray[np.uint64]]:
    """The quotient and the rest, by long division: `by` is below 2**32."""
    divisor, quotient = np.uint64(by), Limbs()
    rest = np.zeros_like(number[0])
    for limb in number:
        part = (rest << _LIMB) | limb if quotient else limb
        quotient.append(part // divisor)
        rest = part - quotient[-1] * divisor
    return quotient, rest


def precision_and_scale(modifier: int) -> tuple[int, int] | None:
    """Those of a type modifier (numeric_typmod_precision and its like); None where it has none."""
    if modifier < 4:
        return None
    return (modifier - 4) >> 16, ((modifier - 4 & 0x7FF) ^ 0x400) - 0x400


@lru_cache
def reader(modifier: int) -> Callable[[Rows], Any] | None:
    """What takes the next column of a type as Arrow's decimals, or as text where there are NaN and
    infinities among them; None for a type that is not read here."""
    declared = precision_and_scale(modifier)
    if declared is None or declared[0] > DIGITS or not 0 <= declared[1] <= declared[0]:
        return None
    precision, scale = declared
    below = -(-scale // _DIGITS)  # groups after the point
    most = -(-(precision - scale) // _DIGITS) + below
    sent = np.dtype([("length", ">i4"), ("count", ">i2"), ("weight", ">i2"), ("sign", ">u2"),
                     ("shown", ">i2"), ("groups", ">i2", (most,))])  # fmt: skip
    top = 10 ** ((precision - scale) % _DIGITS or _DIGITS)  # above the first group of the largest
    filled = -scale % _DIGITS  # zeros after the last decimal, up to a whole group
    powers = [10 ** (_DIGITS * place - filled) for place in range(1, most)]
    # By what a group counts in each place, the last first; beyond those there is none.
    counts = np.array([0 if filled else 1, *powers, 0], np.int64)

    def read(rows: Rows) -> Any:
        found = look(rows.buffer, sent, rows.at)
        _, lengths, valid = rows.sliced(found["length"])
        count, first = found["count"].astype(np.int16), found["weight"].astype(np.int16)
        first += np.int16(below)
        signs, groups = found["sign"], found["groups"]
        if valid is not None:
            count, signs = np.where(valid, count, 0), np.where(valid, signs, 0)
        special = signs & 0x8000 != 0
        odd = (first >= most) | (first == most - 1) & (groups[:, 0] >= top)
        odd |= (first - count < -1) | (found["shown"] > scale) | (count < 0) | special
        odd = odd & (count != 0) | (lengths != 8 + 2 * count)
        if (odd if valid is None else odd & valid).any():
            raise ValueError(f"no number of {precision} digits, of which {scale} are decimals")
        total = np.zeros(len(lengths), np.int64)
        for number in range(most):
            there = count > number
            if not there.any():
                break
            group = groups[:, number].astype(np.int64)
            place = np.where(there, first - number, most)
            total += counts.take(place) * group
            if filled:
                total += np.where(place == 0, group // 10**filled, 0)
        negative = signs == NEGATIVE
        halves = np.empty((len(total), 2), np.int64)
        halves[:, 0] = np.where(negative, -total, total)
        halves[:, 1] = halves[:, 0] >> 63
        parts = [bitmap(valid), pa.py_buffer(halves)]
        made = pa.Array.from_buffers(pa.decimal128(precision, scale), len(total), parts)
        return _shown(made, signs) if special.any() else made

    return read


def _shown(numbers: Any, signs: npt.NDArray[Any]) -> Any:
    """As text, with what is no number in the place of those."""
    text = pl.Series(numbers).cast(pl.String)  # Arrow's own has 1E-8
    for sign, name in _SPECIAL.items():
        text = text.set(pl.Series(signs == sign), name)
    return text.to_arrow()
