"""Whether the columns of a table that is there hold what comes exactly."""

from __future__ import annotations

from hygge.core.errors import DataError
from hygge.sql.settle.look import Look
from hygge.sql.settle.settler import Settler


def check_types(settler: Settler, look: Look, stage: str) -> set[str]:
    """Look at the staged values whose column has another type in the place's table, unless that
    takes all of them by its type.

    Parameters
    ----------
    look: at that table.

    Returns the staged columns whose type is the same there (see `Catalogue.fold`), so that no later
    values need such a look.

    Raises DataError where a value would be altered there: databases round, cut and pad without a
    word.
    """
    link, place, same = look.link, look.place, set()
    there = {settler.fold(name): kind for name, kind in look.types.items()}
    staged = place.sql(settler.dialect, stage)
    for name, coming in settler.types(link, place, stage).items():
        held = there.get(settler.fold(name), coming)
        if held == coming:
            same.add(settler.fold(name))
        elif not settler.takes(held, coming) and settler.alters(link, staged, name, held, coming):
            raise DataError(
                f"{place}: its column '{name}' is {held}, and would alter values of {coming}",
                hint="give the column that type, or drop the table, and it is made anew",
            )
    return same
