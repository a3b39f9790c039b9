"""What a table that is there has beside its columns, held against what the settings say.

Indexes are made and dropped as the settings change: hygge tells its own by their names, and leaves
all others alone. How rows lie (partitions, clustering) is not changed, since all of them would have
to be written anew: that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hygge.core.errors import FULL_REFRESH
from hygge.sql.link import Link
from hygge.sql.settle.place import PART, Place, is_index_of, is_part_of
from hygge.sql.settle.tables import Tables


def changes(
    held: Iterable[str], wanted: Iterable[tuple[str, ...]]
) -> tuple[list[str], list[tuple[str, ...]]]:
    """What indexes are to go, by name, and which are to be made, by columns.

    Parameters
    ----------
    held: names of those that hygge made.
    wanted: the columns of each that there is to be.
    """
    gone, new = list(held), []
    for columns in dict.fromkeys(wanted):
        found = next((name for name in gone if is_index_of(name, columns)), None)
        if found is None:
            new.append(columns)
        else:
            gone.remove(found)
    return gone, new


def is_reindexed(settler: Tables, link: Link, place: Place) -> bool:
    """Whether indexes of the place's table are to be made or dropped."""
    gone, new = changes(settler.indexes(link, place), place.indexes)
    return bool(gone or new)


def reindex(settler: Tables, link: Link, place: Place) -> None:
    """Have the place's table have the indexes that it is to have, and none other of hygge's."""
    gone, new = changes(settler.indexes(link, place), place.indexes)
    for name in gone:
        settler.drop_index(link, place, name)
    if new:
        only = replace(place, indexes=tuple(new), cluster_by=())
        settler.add_indexes(link, only, place.table)


def tell(settler: Tables, link: Link, place: Place, note: Callable[[str, str], None]) -> None:
    """Say what a load that does not replace makes of the table's indexes and layout."""
    if otherwise := settler.layout(link, place):
        note(
            f"{place} {otherwise}: a table that is there keeps its layout; {FULL_REFRESH} makes it "
            "anew, of the rows that the source has now",
            "warning",
        )
    if settler.names(link, place) is None:
        return
    gone, new = changes(settler.indexes(link, place), place.indexes)
    for columns in new:
        note(f"{place}: an index of {', '.join(columns)} is made", "info")
    if gone:
        few = "an index" if len(gone) == 1 else f"{len(gone)} indexes"
        note(f"{place}: {few} that `indexes` no longer names will go", "info")


def parts_differ(place: Place, parts: Sequence[str]) -> str:
    """See `Catalogue.layout`.

    Parameters
    ----------
    parts: the names of the table's partitions, none for a table in one.
    """
    if place.partition_by:
        alike = len(parts) == place.partitions and all(is_part_of(n, place) for n in parts)
        return "" if alike else "is not partitioned as `partition_by` and `partitions` say"
    own = parts and all(name.startswith(PART) for name in parts)
    return "is partitioned, as an earlier `partition_by` said" if own else ""
