"""What hangs on a table of PostgreSQL, and what deleting its rows would do to others.

https://www.postgresql.org/docs/current/catalogs.html
"""

from __future__ import annotations

from hygge.sql.link import Link

# A table with its partitions, of which pg_partition_tree has none for one in one part.
_THESE = "(SELECT {table}::oid UNION SELECT relid::oid FROM pg_partition_tree({table}))"
# What may hang on a table, or on a partition, that a new one of the same name would not have.
_HANGS = r"""
WITH these AS {these}
SELECT 'a view, a foreign key or a rule' FROM pg_depend d
  WHERE d.refobjid IN (TABLE these) AND d.deptype = 'n' AND d.classid <> 'pg_attrdef'::regclass
UNION ALL SELECT 'an index' FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid
  WHERE i.indrelid IN (TABLE these) AND NOT (i.indisprimary AND i.indrelid = {table})
  AND NOT x.relispartition AND x.relname NOT LIKE '\_hygge\_index\_%'
UNION ALL SELECT 'a constraint' FROM pg_constraint c
  WHERE c.conrelid IN (TABLE these) AND c.contype NOT IN ('p', 'n')
UNION ALL SELECT 'a trigger' FROM pg_trigger t
  WHERE t.tgrelid IN (TABLE these) AND NOT t.tgisinternal
UNION ALL SELECT 'a policy' FROM pg_policy p WHERE p.polrelid IN (TABLE these)
UNION ALL SELECT 'a publication' FROM pg_publication_rel p WHERE p.prrelid IN (TABLE these)
UNION ALL SELECT 'grants' FROM pg_class c WHERE c.oid IN (TABLE these) AND c.relacl IS NOT NULL
UNION ALL SELECT 'grants' FROM pg_attribute a
  WHERE a.attrelid IN (TABLE these) AND a.attacl IS NOT NULL
UNION ALL SELECT 'row security' FROM pg_class c WHERE c.oid IN (TABLE these) AND c.relrowsecurity
UNION ALL SELECT 'settings' FROM pg_class c
  WHERE c.oid IN (TABLE these) AND (c.reloptions IS NOT NULL OR c.relreplident <> 'd')
UNION ALL SELECT 'another owner' FROM pg_class c
  WHERE c.oid IN (TABLE these) AND pg_get_userbyid(c.relowner) <> current_user
UNION ALL SELECT 'a table that it is a part of' FROM pg_inherits i WHERE i.inhrelid = {table}
UNION ALL SELECT 'statistics' FROM pg_statistic_ext s WHERE s.stxrelid IN (TABLE these)
UNION ALL SELECT 'partitions' FROM pg_class c
  WHERE c.oid = {table} AND c.relkind = 'p' AND NOT (
    SELECT coalesce(bool_and(x.relname LIKE '\_hygge\_part\_%'), FALSE)
    FROM pg_class x WHERE x.oid IN (TABLE these) AND x.oid <> c.oid)
UNION ALL SELECT 'a default' FROM pg_attrdef a WHERE a.adrelid IN (TABLE these)
UNION ALL SELECT 'a comment' FROM pg_description s WHERE s.objoid IN (TABLE these)
LIMIT 1
"""
_CARRIED = """
SELECT conname::text, conrelid::regclass::text FROM pg_constraint WHERE contype = 'f'
  AND confrelid IN {these} AND confdeltype IN ('c', 'n', 'd')
LIMIT 1
"""


def hangs(link: Link, table: str) -> str:
    """One thing that hangs on a table, and that a new one of its name would not have, in words; ""
    where there is none, or no table.

    Parameters
    ----------
    table: its name as text in SQL.
    """
    regclass = f"to_regclass({table})"
    these = _THESE.format(table=regclass)
    found = link.rows(_HANGS.format(table=regclass, these=these))
    return str(found[0][0]) if found else ""


def carried(link: Link, table: str) -> tuple[str, str] | None:
    """A foreign key of another table that passes deletions of rows of this one on, and that table;
    None where there is none.

    Parameters
    ----------
    table: its name as text in SQL; it is there.
    """
    these = _THESE.format(table=f"{table}::regclass")
    found = link.rows(_CARRIED.format(these=these))
    return (str(found[0][0]), str(found[0][1])) if found else None
