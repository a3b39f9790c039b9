"""Numbers as PostgreSQL's `numeric` has them: groups of four decimal digits.

numeric_recv takes off groups of zeros before and after a number, so that all of a column may have
as many: https://github.com/postgres/postgres/blob/master/src/backend/utils/adt/numeric.c.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Limbs = list[npt.NDArray[np.uint64]]
"""Whole numbers without their sign: the highest limb, of up to 64 bits, and others of 32 each."""
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
