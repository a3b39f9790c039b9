"""Whether the columns of a table that is there hold what comes exactly."""

from __future__ import annotations

from hygge.core.errors import DataError
from hygge.sql.settle.look import Look
from hygge.sql.settle.settler import Settler


def check_types(settler: Settler, look: Look, stage: str) -> None:
    """Look at the staged values whose column has another type in the place's table.

    Parameters
    ----------
    look: at that table.

    Raises DataError where one would be altered there: databases round and cut without a word.
    """
    there, link, place = look.types, look.link, look.place
    staged = place.sql(settler.dialect, stage)
    for name, coming in settler.types(link, place, stage).items():
        held = there.get(name, coming)
        if held == coming:
            continue
        if settler.alters(link, staged, name, held, coming):
            raise DataError(
                f"{place}: its column '{name}' is {held}, and would alter values of {coming}",
                hint="give the column that type, or drop the table, and it is made anew",
            )
