"""Which versions of rows a chunk holds, as a digest that costs little more than counting them.

A row's version is told by where it lies (`tableoid`, `ctid`) and who wrote it (`xmin`): an update
writes another version, in another place and by another transaction. That stays so unless

- the table is rewritten, which keeps `xmin` and moves rows: its file changes, and is in the digest;
- `xmin`, 32 bits, comes round again: the digest says in which half of that cycle it was taken, so
  that equal ones are less than half a cycle apart;
- what a stored row means changes, by a column's default or an enum's labels: the catalogue's own
  rows of both are in the digest, with their `xmin`.
"""

from __future__ import annotations

from collections.abc import Sequence

from hygge.sql.postgres.split import Part

# 128 bits: two hashes with different seeds, XORed over the rows, of which no two are the same.
# `hashint8extended` and its like: the functions behind hash partitioning, stable within a version.
_SEEDS = (0x68796767, 0x6520706F)
_HASH = "hashint8extended((xmin::text::bigint << 32) | tableoid::bigint, hashtidextended(ctid, {}))"
_CYCLE = "(pg_snapshot_xmax(pg_current_snapshot())::text::numeric / 2147483648)::bigint"
_ABOUT = """
(SELECT md5(string_agg(x::text, ',')) FROM (
  SELECT a.xmin::text || ' ' || a.attrelid || ' ' || a.attnum AS x FROM pg_attribute a
  WHERE a.attrelid IN ({oids}) AND a.attnum > 0
  UNION ALL
  SELECT e.xmin::text || ' ' || e.oid FROM pg_enum e ORDER BY 1) o)
"""


def versions_sql(rows: str, parts: Sequence[Part]) -> str:
    """The count of rows and the digest of their versions.

    Parameters
    ----------
    rows: what stands after FROM; it has `tableoid`, `ctid` and `xmin`.
    parts: what the rows lie in.
    """
    hashes = ", ".join(f"bit_xor({_HASH.format(seed)})" for seed in _SEEDS)
    oids = ", ".join(str(part.oid) for part in parts)
    files = ", ".join(f"pg_relation_filenode({part.oid})" for part in parts)
    return f"""
SELECT n, concat_ws(' ', n, a, b, {_CYCLE}, concat_ws(',', {files}), {_ABOUT.format(oids=oids)})
FROM (SELECT count(*) AS n, {hashes} FROM {rows}) AS v (n, a, b)
"""
