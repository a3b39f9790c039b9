"""Columns of a key in PostgreSQL, and whether they tell all texts apart.

https://www.postgresql.org/docs/current/collation.html#COLLATION-NONDETERMINISTIC
"""

from __future__ import annotations

from collections.abc import Sequence

from hygge.core.errors import DataError
from hygge.core.fields import Field
from hygge.sql.link import Link
from hygge.sql.postgres.catalogue import DOMAINS
from hygge.sql.postgres.types import DIALECT
from hygge.sql.settle.place import Place

_LOOSE = """
WITH {domains}
SELECT a.attname::text, coalesce('of the collation ' || c.collname, t.typname)::text
FROM pg_attribute a LEFT JOIN domain d ON d.oid = a.atttypid
JOIN pg_type t ON t.oid = coalesce(d.base, a.atttypid)
LEFT JOIN pg_collation c ON c.oid = a.attcollation AND NOT c.collisdeterministic
WHERE a.attrelid = to_regclass({table}) AND a.attname IN ({names})
  AND (c.oid IS NOT NULL OR t.typname = 'citext')
"""


def check_keys(link: Link, place: Place, keys: Sequence[Field]) -> None:
    """Raise DataError for a text of the place's key that `citext` or a collation takes for others.

    Parameters
    ----------
    keys: the key's fields.
    """
    names = ", ".join(DIALECT.text(f.name) for f in keys if f.type.kind == "string")
    if not names:
        return
    table = DIALECT.text(place.sql(DIALECT))
    if found := link.rows(_LOOSE.format(domains=DOMAINS, table=table, names=names)):
        name, by = found[0]
        raise DataError(
            f"{place}: its key '{name}' is {by}, in which keys that differ, as in case, may be the "
            "same",
            hint=f'`ALTER TABLE ... ALTER {DIALECT.quote(name)} TYPE text COLLATE "default"`, or '
            "drop the table, and it is made anew",
        )
