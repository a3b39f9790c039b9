"""Names of entities, and so of their files and folders, for tables of any name."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping

from hygge.core.home import Table
from hygge.project.names import key_of, name_problem

MOST_BYTES = 120
"""Of a name: short enough for `<name>.yml`, and for a folder of files below a long path."""
_ODD = re.compile(r"[^\w.-]+")


def slug(name: str) -> str:
    """A name's letters, digits, `_`, `-` and `.`, as an entity may be called on any system."""
    plain = _ODD.sub("_", unicodedata.normalize("NFC", name)).strip("._ ") or "table"
    if len(plain.encode()) > MOST_BYTES:
        plain = f"{_cut(plain)}_{_digest(name)}"
    return plain if name_problem(plain) is None else f"table_{_cut(plain)}"


def entity_names(tables: Iterable[Table], taken: Iterable[str] = ()) -> Mapping[str, str]:
    """An entity's name for each table, by `str(table)`: safe, and distinct on any file system.

    It is the table's own name wherever that will do; with its schema before it where two schemas
    have a table of that name; and with a digest of its exact name after it where that does not
    tell them apart either. The order of the tables does not matter.

    Parameters
    ----------
    taken: the names that other entities have already.
    """
    used = {key_of(name) for name in taken}
    names: dict[str, str] = {}
    left = list(tables)
    for way in (_bare, _with_schema, _with_digest):
        groups: dict[str, list[Table]] = defaultdict(list)
        for table in left:
            groups[key_of(way(table))].append(table)
        for key, group in groups.items():
            if len(group) == 1 and key not in used:
                names[str(group[0])] = way(group[0])
        used |= {key_of(name) for name in names.values()}
        left = [table for table in left if str(table) not in names]
    return names


def _bare(table: Table) -> str:
    return slug(table.name)


def _with_schema(table: Table) -> str:
    return slug(f"{table.schema}_{table.name}" if table.schema else table.name)


def _with_digest(table: Table) -> str:
    return f"{_cut(slug(table.name))}_{_digest(table.schema + chr(0) + table.name)}"


def _digest(text: str) -> str:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def _cut(text: str) -> str:
    return text.encode()[: MOST_BYTES - 20].decode("utf-8", "ignore").rstrip("._ ")
