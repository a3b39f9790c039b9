"""kill -9 in the middle of a load of PostgreSQL in 20 chunks, while others write to the table.

They insert, update, delete and change keys, each transaction so that the number of rows and the sum
of `value` stay the same: a load that is not of one moment is found out by its sums.
"""

from __future__ import annotations

import random
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.files.remains import check_swept
from tests.run.support import planned
from tests.servers import Database

from hygge import ParquetStore, PostgresHome
from hygge.core.context import Context
from hygge.run.attempt import Attempt
from hygge.run.pump import Meter
from hygge.testing.faults import run_killed_at

ROWS, CHUNKS = 60_000, 20
TABLE = f"""
CREATE TABLE items (id bigint PRIMARY KEY, value bigint NOT NULL, note text);
INSERT INTO items SELECT n, n * 7 % 1000, 'a note of some length about item ' || n
FROM generate_series(1, {ROWS}) n;
CREATE TABLE enough (x int);
ANALYZE items;
"""
SUM = sum(n * 7 % 1000 for n in range(1, ROWS + 1))
CHURN = """
DO $$
DECLARE
  a bigint; b bigint; v bigint; turn int := 0;
  fresh bigint := (SELECT max(abs(id)) FROM items);
BEGIN
  WHILE NOT EXISTS (SELECT FROM enough) LOOP
    turn := turn + 1; fresh := fresh + 1;
    SELECT id INTO a FROM items WHERE id >= 20000 + random() * 5000 ORDER BY id LIMIT 1;
    SELECT id INTO b FROM items WHERE id > a ORDER BY id LIMIT 1;
    UPDATE items SET value = value + 1 WHERE id = a;
    UPDATE items SET value = value - 1, note = note || '.' WHERE id = b;
    IF turn % 5 = 0 THEN
      DELETE FROM items WHERE id = a RETURNING value INTO v;
      INSERT INTO items
      VALUES (CASE WHEN turn % 2 = 0 THEN fresh ELSE -fresh END, v, 'come lately');
    ELSIF turn % 5 = 1 THEN
      UPDATE items SET id = CASE WHEN turn % 2 = 0 THEN -fresh ELSE fresh END WHERE id = b;
    END IF;
    COMMIT;
    PERFORM pg_sleep(0.001);
  END LOOP;
END $$;
"""
POINTS = (
    "files.part_written", "files.part_synced", "files.chunk_kept", "files.chunk_kept",
    "move.written", "move.verified", "files.linked", "files.state_written", "files.locked",
)  # fmt: skip
"""Where it is killed; those of parts and chunks come once for each of the 20."""


def load(url: str, root: str, chunks: Any = CHUNKS) -> tuple[list[str], int]:
    """One run: what it noted, and how many chunks it took from the one before it."""
    notes: list[str] = []
    plan = planned(
        PostgresHome("items", url=url), ParquetStore("items", path=f"{root}/data/items"),
        Path(root), chunks=chunks,
    )  # fmt: skip
    assert plan.errors == ()
    context = Context("run", note=lambda message, severity: notes.append(message))
    moved = Attempt(plan, context, meter=Meter()).run()
    assert moved.proof is not None
    assert (moved.proof.chunks, moved.proof.consistency) == (CHUNKS, "one snapshot")
    return notes, moved.proof.reused


@contextmanager
def churning(database: Database) -> Iterator[None]:
    """Another process writes to the table for a block."""
    writer = threading.Thread(target=database.execute, args=[CHURN])
    writer.start()
    try:
        yield
    finally:
        database.execute("INSERT INTO enough VALUES (1)")
        writer.join(60)
        assert not writer.is_alive()
        database.execute("DELETE FROM enough")


def held(root: Path) -> pl.DataFrame:
    return pl.read_parquet(f"{root}/data/items/*.parquet").sort("id")


def check_one_moment(rows: pl.DataFrame) -> None:
    assert (rows.height, rows["id"].n_unique(), rows["value"].sum()) == (ROWS, ROWS, SUM)


def check_equal(rows: pl.DataFrame, database: Database) -> None:
    there = database.rows("SELECT id, value, note FROM items ORDER BY id")
    assert rows.rows() == [(int(i or 0), int(v or 0), n) for i, v, n in there]


def killed(database: Database, root: Path, chance: random.Random) -> str:
    """A run that is killed somewhere; where it was.

    One that has so little left to read that it does not come to that point ends by itself.
    """
    step = chance.choice(POINTS)
    nth = chance.randint(1, CHUNKS) if step in POINTS[:4] else 1
    ended = run_killed_at(step, load, database.url, str(root), nth=nth)
    assert ended.error is None and ended.returncode in (-9, 0), ended.output
    return f"{step} {nth}" if ended.returncode else "ended before that"


def rounds(database: Database, root: Path, chance: random.Random) -> list[str]:
    """Killed while others write, run again while they do, killed again, and run in peace."""
    told: list[str] = []
    with churning(database):
        told.append(killed(database, root, chance))
        if chance.random() < 0.5:
            told.append(killed(database, root, chance))
        told += load(database.url, str(root))[0]
        check_one_moment(held(root))
        told.append(killed(database, root, chance))
        check_one_moment(held(root))
    told += load(database.url, str(root))[0]
    check_equal(held(root), database)
    check_one_moment(held(root))
    check_swept(root / "data" / "items")
    return told


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_killed_while_others_write(postgres: Database, tmp_path: Path, seed: int) -> None:
    postgres.execute(TABLE)
    rounds(postgres, tmp_path, random.Random(seed))


def test_the_notes_say_what_was_read_again(postgres: Database, tmp_path: Path) -> None:
    postgres.execute(TABLE)
    with churning(postgres):
        ended = run_killed_at("move.written", load, postgres.url, str(tmp_path))
        assert ended.returncode == -9, ended.output
        notes, reused = load(postgres.url, str(tmp_path))
    found = re.fullmatch(
        r"(\d+) of 20 chunks were reused, (\d+) read again: (\d+) had changed", notes[0]
    )
    assert found, notes
    assert int(found[1]) == reused == CHUNKS - int(found[2])
    assert int(found[2]) == int(found[3])
    assert 0 < reused < CHUNKS, "the writers were at work in some chunks, and not in all"


@pytest.mark.parametrize(
    ("statements", "same"),
    [
        (["DELETE FROM items WHERE id <= 9000", "VACUUM FULL items"], 0),  # rows move, xmin stays
        (["CLUSTER items USING items_pkey"], 0),
        (["TRUNCATE items", "INSERT INTO items SELECT n, 1, 'x' FROM generate_series(1, 50000) n"],
         0),
        (["ALTER TABLE items DROP note", "ALTER TABLE items ADD note text DEFAULT 'new'"], 0),
        (["BEGIN; UPDATE items SET value = value + 1; ROLLBACK"], CHUNKS),  # but for dead rows
        (["VACUUM FREEZE items"], CHUNKS),
    ],
)  # fmt: skip
def test_a_table_that_was_rewritten(
    postgres: Database, tmp_path: Path, statements: list[str], same: int
) -> None:
    postgres.execute(TABLE)
    ended = run_killed_at("move.written", load, postgres.url, str(tmp_path))
    assert ended.returncode == -9, ended.output
    for statement in statements:
        postgres.execute(statement)
    _, reused = load(postgres.url, str(tmp_path))
    assert reused == same
    check_equal(held(tmp_path), postgres)
