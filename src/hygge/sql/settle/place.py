"""Where a load goes, and the names of what it makes on the way."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hygge.sql.dialect import Dialect
from hygge.sql.relation import OWN

STATE_TABLE = "_hygge_state"
"""One in each schema that hygge loads into; see `settle.state`."""
PREFIX = OWN
_STAGE = f"{PREFIX}stage_"
INDEX = f"{PREFIX}index_"
"""What names of indexes begin with that hygge makes."""
ORDER = f"{INDEX}by_"
"""What the name of the one begins with in whose order rows lie."""
PART = f"{PREFIX}part_"
"""What names of partitions begin with that hygge makes."""
_STAMP = "%Y%m%dt%H%M%S"
DEAD_AFTER = timedelta(days=2)
"""A stage older than this belongs to a load that died, where the database cannot tell sooner: no
statement is left that could fill it."""


@dataclass(frozen=True, slots=True)
class Place:
    """A table to settle in.

    Parameters
    ----------
    schema: "" for the one that the database looks in by itself.
    table: its name.
    database: the database, for people.
    dated: the table's name with `{run_date}` left as it is, where it has that; so the tables of all
        days have one state.
    indexes: the columns of each index that a table which is made is to have.
    cluster_by: the columns in whose order its rows are to lie; none for the database's own.
    partition_by: the columns by which its rows are spread over parts; none for a table in one.
    partitions: how many parts.
    """

    schema: str
    table: str
    database: str
    dated: str = ""
    indexes: tuple[tuple[str, ...], ...] = ()
    cluster_by: tuple[str, ...] = ()
    partition_by: tuple[str, ...] = ()
    partitions: int = 0

    def __str__(self) -> str:
        return f"{self.database}#{self.name}"

    @property
    def name(self) -> str:
        """`schema.table`, or the table alone."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    @property
    def plain(self) -> Place:
        """The same, without what its own table is to have beside columns and key."""
        return replace(self, indexes=(), cluster_by=(), partition_by=())

    @property
    def entry(self) -> str:
        """The name under which the state is kept."""
        return self.dated or self.table

    def sql(self, dialect: Dialect, table: str = "") -> str:
        """The quoted name of the table, or of another one in its schema."""
        names = [n for n in (self.schema, table or self.table) if n]
        return ".".join(map(dialect.quote, names))


def stage_name(now: datetime | None = None) -> str:
    """A new name for a stage. It tells when it was made, for the day when nobody owns it."""
    stamp = (now or datetime.now(UTC)).strftime(_STAMP)
    return f"{_STAGE}{stamp}_{uuid.uuid4().hex[:10]}"


def _digest(*told: str) -> str:
    return hashlib.blake2b("\0".join(told).encode(), digest_size=4).hexdigest()


def index_name(columns: Sequence[str], begin: str = INDEX, *, case_matters: bool = True) -> str:
    """A new name for an index, which tells its columns; in many databases no two indexes of a
    schema may have the same name."""
    told = columns if case_matters else [name.lower() for name in columns]
    return f"{begin}{_digest(*told)}_{uuid.uuid4().hex[:8]}"


def is_index_of(
    name: str, columns: Sequence[str], begin: str = INDEX, *, case_matters: bool = True
) -> bool:
    """Whether an index was made by hygge for such columns."""
    told = columns if case_matters else [name.lower() for name in columns]
    return name.startswith(f"{begin}{_digest(*told)}_")


def part_name(place: Place) -> str:
    """A new name for what the parts of a table are called after. It tells how it is partitioned."""
    return f"{_parts_of(place)}{uuid.uuid4().hex[:8]}"


def is_part_of(name: str, place: Place) -> bool:
    """Whether a partition is one of a table that is partitioned as the place says."""
    return name.startswith(_parts_of(place))


def _parts_of(place: Place) -> str:
    return f"{PART}{_digest(*place.partition_by, str(place.partitions))}_"


def is_stage(name: str) -> bool:
    """Whether a table was made by a load on its way."""
    return name.startswith(_STAGE)


def is_dead(name: str, now: datetime) -> bool:
    """Whether a table is a stage that was left behind."""
    if not name.startswith(_STAGE):
        return False
    try:
        made = datetime.strptime(name.removeprefix(_STAGE)[:15], _STAMP).replace(tzinfo=UTC)
    except ValueError:
        return False
    return now - made > DEAD_AFTER
