"""What a table that is there has beside its columns, held against what the settings say.

Indexes are made and dropped as the settings change: hygge tells its own by their names, and leaves
all others alone. How rows lie (partitions, clustering) is not changed, since all of them would have
to be written anew: that is told.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from hygge.core.errors import FULL_REFRESH, ConfigError, ConnectError, DataError
from hygge.sql.settle.look import Look
from hygge.sql.settle.place import PART, Place, is_index_of, is_part_of


def changes(
    held: Iterable[str], wanted: Iterable[tuple[str, ...]], *, case_matters: bool = True
) -> tuple[list[str], list[tuple[str, ...]]]:
    """What indexes are to go, by name, and which are to be made, by columns.

    Parameters
    ----------
    held: names of those that hygge made.
    wanted: the columns of each that there is to be.
    case_matters: whether two columns may differ by case alone.
    """
    gone, new = list(held), []
    for columns in dict.fromkeys(wanted):
        found = next((n for n in gone if is_index_of(n, columns, case_matters=case_matters)), None)
        if found is None:
            new.append(columns)
        else:
            gone.remove(found)
    return gone, new


def is_reindexed(look: Look) -> bool:
    """Whether indexes of the place's table are to be made or dropped."""
    gone, new = _changes(look)
    return bool(gone or new)


def reindex(look: Look, note: Callable[[str, str], None] = lambda message, severity: None) -> None:
    """Have the place's table have the indexes that it is to have, and none other of hygge's.

    New ones are made first, since a foreign key may need one that begins with the same columns. An
    index that cannot be dropped all the same stays, and that is told: no load fails for it.
    """
    settler, link, place = look.settler, look.link, look.place
    gone, new = _changes(look)
    if gone or new:
        look.again()
    if new:
        only = replace(place, indexes=tuple(new), cluster_by=())
        settler.add_indexes(link, only, place.table)
    for name in gone:
        try:
            with settler.attempt(link):
                settler.drop_index(link, place, name)
        except (ConfigError, ConnectError, DataError) as error:
            note(
                f"{place}: the index {name} cannot be dropped, which `indexes` no longer names: "
                f"{error.message}; it stays. Drop what needs it, or name its columns again",
                "warning",
            )


def _changes(look: Look) -> tuple[list[str], list[tuple[str, ...]]]:
    return changes(look.indexes, look.place.indexes, case_matters=look.settler.case_matters)


def tell(look: Look, note: Callable[[str, str], None]) -> None:
    """Say what a load that does not replace makes of the table's indexes and layout."""
    place = look.place
    if otherwise := look.layout:
        note(
            f"{place} {otherwise}: a table that is there keeps its layout; {FULL_REFRESH} makes it "
            "anew, of the rows that the source has now",
            "warning",
        )
    if look.names is None:
        return
    gone, new = _changes(look)
    for columns in new:
        note(f"{place}: an index of {', '.join(columns)} is made", "info")
    if gone:
        few = "an index" if len(gone) == 1 else f"{len(gone)} indexes"
        note(f"{place}: {few} that `indexes` no longer names is to go", "info")


def tell_kept(look: Look, note: Callable[[str, str], None]) -> None:
    """Say that a load that replaces leaves the table's layout, where it leaves the table."""
    place, otherwise = look.place, look.layout
    if otherwise and (hangs := look.settler.stays(look.link, place)):
        note(
            f"{place} {otherwise}, and has {hangs}: so the table stays, with its layout, and its "
            "rows are replaced. Drop what hangs on it, or the table, and the next load makes it "
            "anew",
            "warning",
        )


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
