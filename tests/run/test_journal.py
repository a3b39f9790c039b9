"""The journal: what is told is read back, by several processes, through kills and damage."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hygge.core.errors import ConfigError, JournalError
from hygge.core.fields import LogicalType, parse_type
from hygge.core.secrets import Secret, remember
from hygge.core.watermark import Watermark
from hygge.run import journal as journal_module
from hygge.run import journal_tables
from hygge.run.history import LOOK_BACK
from hygge.run.journal import FILE, Journal
from hygge.run.journal_link import Link
from hygge.run.records import Origin, as_text
from hygge.run.result import EntityResult, Proof, RunResult

START = datetime(2026, 1, 31, 9, 45, tzinfo=UTC)
MOVED = EntityResult(
    "shop.users",
    "moved",
    rows=1_000,
    bytes=12_345,
    seconds=0.125,
    source="shop.db#users",
    destination="lake/users",
    mode="merge",
    watermark_before=Watermark("id", LogicalType("int64"), 41),
    watermark_after=Watermark("at", parse_type("timestamp(us, UTC)"), START),
    proof=Proof(read=1_000, written=1_000, staged=1_000, source=None, checksum="abc"),
    generation=7,
    holds="9,000 rows",
    notes=("a note",),
    warnings=("a warning", "another"),
)
FAILED = EntityResult(
    "shop.orders",
    "failed",
    error="no such table\nat all",
    error_class="ConnectError",
    hint="make it",
    retryable=True,
    attempts=3,
    holds="nothing",
)


@dataclass(frozen=True)
class Elsewhere:
    url: Secret | None


def ended(run_id: str, *entities: EntityResult, at: datetime = START) -> RunResult:
    status = "failed" if any(e.status == "failed" for e in entities) else "ok"
    return RunResult(run_id, at, at + timedelta(seconds=2), status, entities)


def record(journal: Journal, run_id: str, *entities: EntityResult, at: datetime = START) -> None:
    journal.begin_run(run_id, at, [e.entity for e in entities])
    for entity in entities:
        journal.entity_started(run_id, entity.entity)
        journal.entity_finished(run_id, entity)
    journal.finish_run(ended(run_id, *entities, at=at))


def test_what_is_told_is_read_back(tmp_path: Path) -> None:
    with Journal.open(None, tmp_path) as journal:
        journal.begin_run(
            "r1", START, ["shop.users", "shop.orders"],
            origin=Origin("shop", environment="prod"), fingerprint="f00d",
        )  # fmt: skip
        for result in (MOVED, FAILED):
            journal.entity_started("r1", result.entity)
            journal.entity_finished("r1", result)
        journal.finish_run(replace(ended("r1", MOVED, FAILED), warnings=("of the run",)))
    with Journal.open(None, tmp_path) as journal:
        run = journal.run("r1")
        assert run is not None
        assert [e.result for e in run.entities] == [MOVED, FAILED]
        assert all(e.started and e.finished for e in run.entities)
        assert (run.status, run.rows, run.bytes) == ("failed", 1_000, 12_345)
        assert (run.project, run.environment, run.fingerprint) == ("shop", "prod", "f00d")
        assert (run.started, run.seconds) == (START, 2.0)
        assert run.warnings == ("of the run",)
        assert run.counts == {"moved": 1, "failed": 1}
        assert run.pid == os.getpid()
        last = journal.last_result()
        assert last is not None
        assert last == run.result()
        assert last.unfinished == ("shop.orders",)
        assert json.loads(json.dumps(run.to_json()))["entities"][0]["rows"] == 1_000


def test_runs_are_listed_latest_first_and_found_by_their_beginning(tmp_path: Path) -> None:
    with Journal.open(None, tmp_path) as journal:
        for day in range(3):
            record(journal, f"2026013{day}-x", MOVED, at=START + timedelta(days=day))
        assert [r.run_id for r in journal.runs()] == ["20260132-x", "20260131-x", "20260130-x"]
        assert len(journal.runs(limit=2)) == 2
        found = journal.run("20260131")
        assert found is not None
        assert found.run_id == "20260131-x"
        assert journal.run("nothing") is None
        assert journal.run("2026013_") is None  # a wildcard of SQL is only a character
        with pytest.raises(ConfigError, match="3 runs begin with '2026'"):
            journal.run("2026")


def test_its_log_is_kept_open_for_a_run_and_no_longer(tmp_path: Path) -> None:
    log = (tmp_path / FILE).with_name("journal.db-wal")  # gone with the last that has it open
    with Journal.open(None, tmp_path) as journal:
        assert not log.exists()
        record(journal, "r1", MOVED)
        assert log.exists()
    assert not log.exists()
    with pytest.raises(JournalError, match="UNIQUE"), Journal.open(None, tmp_path) as journal:
        record(journal, "r1", MOVED)
    assert not log.exists()


def test_an_empty_journal_has_no_last_run(tmp_path: Path) -> None:
    with Journal.open(None, tmp_path) as journal:
        assert journal.runs() == []
        assert journal.last_result() is None


def test_entities_that_were_not_reported_are_taken_from_the_result(tmp_path: Path) -> None:
    with Journal.open(None, tmp_path) as journal:
        journal.begin_run("r1", START, ["shop.users", "shop.orders"])
        journal.finish_run(ended("r1", MOVED, FAILED))
        run = journal.run("r1")
    assert run is not None
    assert [e.result for e in run.entities] == [MOVED, FAILED]


def test_secrets_are_not_written(tmp_path: Path) -> None:
    remember("hunter2-hunter2")
    leaky = replace(FAILED, error="login hunter2-hunter2 refused", hint="postgres://me:pw123@db/x")
    with Journal.open(None, tmp_path) as journal:
        record(journal, "r1", leaky)
    assert b"hunter2" not in (tmp_path / FILE).read_bytes()
    assert b"pw123" not in (tmp_path / FILE).read_bytes()


def test_old_runs_are_dropped_as_a_new_one_begins(tmp_path: Path) -> None:
    with Journal.open(None, tmp_path) as journal:
        record(journal, "old", MOVED, at=START)
        record(journal, "newer", MOVED, at=START + journal_module.KEEP - timedelta(days=1))
        assert journal.run("old") is not None
        record(journal, "newest", MOVED, at=START + journal_module.KEEP + timedelta(days=1))
        assert [r.run_id for r in journal.runs()] == ["newest", "newer"]
        assert journal.run("old") is None
    with sqlite3.connect(tmp_path / FILE) as db:
        assert db.execute("SELECT count(*) FROM hygge_entities").fetchone() == (2,)
    db.close()


_WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from hygge.run.journal import Journal
from hygge.run.result import EntityResult, RunResult
name, root = sys.argv[1], Path(sys.argv[2])
names = [f"flow.e{n}" for n in range(40)]
for turn in range(5):
    run_id, now = f"{name}-{turn}", datetime.now(UTC)
    with Journal.open(None, root) as journal:
        journal.begin_run(run_id, now, names)
        results = []
        for entity in names:
            journal.entity_started(run_id, entity)
            results.append(EntityResult(entity, "moved", rows=10, bytes=1))
            journal.entity_finished(run_id, results[-1])
            if entity.endswith("0"):
                journal.flush()
        journal.finish_run(RunResult(run_id, now, datetime.now(UTC), "ok", tuple(results)))
"""


def test_several_processes_write_at_once(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen([sys.executable, "-c", _WRITER, f"p{n}", str(tmp_path)]) for n in range(3)
    ]
    with Journal.open(None, tmp_path) as journal:
        while any(w.poll() is None for w in writers):
            journal.runs()  # a reader among them
    assert [w.wait() for w in writers] == [0, 0, 0]
    with Journal.open(None, tmp_path) as journal:
        runs = journal.runs(limit=100)
        assert len(runs) == 15
        assert {(r.status, r.rows) for r in runs} == {("ok", 400)}
        assert {tuple(r.counts.items()) for r in runs} == {(("moved", 40),)}


_KILLED = """
import os, signal, sys, time
from datetime import UTC, datetime
from pathlib import Path
from hygge.run.journal import Journal
from hygge.run.result import EntityResult
journal = Journal.open(None, Path(sys.argv[1]))
journal.begin_run("r1", datetime.now(UTC), ["f.done", "f.going", "f.waiting"])
journal.entity_started("r1", "f.done")
journal.entity_finished("r1", EntityResult("f.done", "moved", rows=5))
journal.entity_started("r1", "f.going")
time.sleep(0.5)
print("ready", flush=True)
time.sleep(60)
"""


def test_a_run_whose_process_was_killed_is_told_from_one_that_lives(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        with Journal.open(None, tmp_path) as journal:
            assert [r.status for r in journal.runs()] == ["running"]
            assert journal.last_result() is None
            child.send_signal(signal.SIGKILL)
            child.wait()
            assert [r.status for r in journal.runs()] == ["interrupted"]
            run = journal.run("r1")
            assert run is not None
            assert [e.status for e in run.entities] == ["moved", "running", "untouched"]
            assert run.counts == {"moved": 1, "running": 1, "untouched": 1}
            last = journal.last_result()
            assert last is not None
            assert last.status == "cancelled"
            assert last.unfinished == ("f.going", "f.waiting")
            record(journal, "r2", MOVED)
    with sqlite3.connect(tmp_path / FILE) as db:
        stored = db.execute("SELECT status FROM hygge_runs ORDER BY run_id").fetchall()
    db.close()
    assert stored == [("interrupted",), ("ok",)]
    assert list((tmp_path / ".hygge" / "locks").glob("run.*")) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda file: file.write_bytes(b"this is no database at all, " * 200),
        lambda file: file.write_bytes(file.read_bytes()[:4096] + b"\0" * 4096),
    ],
    ids=["another file", "torn"],
)
def test_a_damaged_journal_says_how_to_go_on(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    with Journal.open(None, tmp_path) as journal:
        record(journal, "r1", MOVED)
    for leftover in ("journal.db-wal", "journal.db-shm"):
        (tmp_path / ".hygge" / leftover).unlink(missing_ok=True)
    damage(tmp_path / FILE)
    with (
        pytest.raises(JournalError, match="is damaged") as caught,
        Journal.open(None, tmp_path) as j,
    ):
        record(j, "r2", MOVED)
    assert "only history is lost" in (caught.value.hint or "")
    (tmp_path / FILE).rename(tmp_path / "damaged.db")
    with Journal.open(None, tmp_path) as journal:
        record(journal, "r2", MOVED)
        assert [r.run_id for r in journal.runs()] == ["r2"]


def test_a_newer_journal_is_left_alone(tmp_path: Path) -> None:
    Journal.open(None, tmp_path).close()
    with sqlite3.connect(tmp_path / FILE) as db:
        db.execute("INSERT INTO hygge_journal_version VALUES (99, 'tomorrow')")
    db.close()
    before = (tmp_path / FILE).read_bytes()
    with pytest.raises(JournalError, match="has version 99") as caught:
        Journal.open(None, tmp_path)
    assert "newer hygge" in (caught.value.hint or "")
    assert (tmp_path / FILE).read_bytes() == before


def test_a_journal_of_an_earlier_version_is_brought_up_to_date(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(None, tmp_path) as journal:
        record(journal, "r1", MOVED)

    def next_one(link: Link) -> None:
        link.run("ALTER TABLE hygge_runs ADD COLUMN mood TEXT DEFAULT 'calm'")

    monkeypatch.setattr(journal_tables, "MIGRATIONS", (*journal_tables.MIGRATIONS, next_one))
    for _ in range(2):  # once, however often it is opened
        with Journal.open(None, tmp_path) as journal:
            assert [r.run_id for r in journal.runs()] == ["r1"]
    with sqlite3.connect(tmp_path / FILE) as db:
        assert db.execute("SELECT mood FROM hygge_runs").fetchall() == [("calm",)]
        versions = db.execute("SELECT version FROM hygge_journal_version").fetchall()
    db.close()
    assert versions == [(at + 1,) for at in range(len(journal_tables.MIGRATIONS))]


def test_reports_of_what_was_moved_are_looked_through_from_the_latest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no run of the whole flow ever succeeds there is nothing else to stop at."""
    monkeypatch.setattr("hygge.run.history.MOST_MOVED", 4)
    names = ["shop.old", "shop.a", "shop.b", "shop.c", "shop.d"]
    with Journal.open(None, tmp_path) as journal:
        for at, name in enumerate(names):
            when = START + timedelta(minutes=at)
            entities = [replace(MOVED, entity=name), FAILED]
            journal.begin_run(f"r{at}", when, [e.entity for e in entities], origin=Origin("shop"))
            for entity in entities:
                journal.entity_finished(f"r{at}", entity)
            journal.finish_run(ended(f"r{at}", *entities, at=when))
        moved = journal.moved_before(Origin("shop"), "shop", START + timedelta(days=1))
    assert [name for name, _ in moved] == ["a", "b", "c", "d"]


def test_a_migration_that_fails_leaves_the_journal_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Journal.open(None, tmp_path) as journal:
        record(journal, "r1", MOVED)

    def broken(link: Link) -> None:
        link.run("ALTER TABLE hygge_runs ADD COLUMN mood TEXT")
        link.run("ALTER TABLE nothing ADD COLUMN mood TEXT")

    with monkeypatch.context() as patched:
        patched.setattr(journal_tables, "MIGRATIONS", (*journal_tables.MIGRATIONS, broken))
        with pytest.raises(JournalError):
            Journal.open(None, tmp_path)
    with Journal.open(None, tmp_path) as journal:
        assert [r.run_id for r in journal.runs()] == ["r1"]


@pytest.mark.parametrize("more", ["", "?timeout=30"], ids=["by sqlite3", "by SQLAlchemy"])
def test_another_database_serves_by_its_url(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    monkeypatch.setenv("JOURNAL_FILE", str(tmp_path / "elsewhere.db"))
    settings = Elsewhere(Secret("sqlite:///${JOURNAL_FILE}" + more))
    _serves(settings, tmp_path)
    assert (tmp_path / "elsewhere.db").exists()


def _serves(settings: Elsewhere, root: Path) -> None:
    with Journal.open(settings, root) as journal:
        record(journal, "20260131-x", MOVED, FAILED)
        run = journal.run("20260131")
        assert run is not None
        assert [e.result for e in run.entities] == [MOVED, FAILED]
        assert run.counts == {"moved": 1, "failed": 1}
        assert journal.run("2026_") is None
        journal.begin_run("loud", START, many := [f"shop.t{n:04}" for n in range(3000)])
        loud = replace(ended("loud"), warnings=tuple(f"{n}: nothing was read" for n in many))
        journal.finish_run(loud)
        told = journal.run("loud")
        assert told is not None and told.warnings == loud.warnings and len(told.entities) == 3000
    with Journal.open(settings, root) as journal:
        record(journal, "later", MOVED, at=START + journal_module.KEEP + timedelta(days=1))
        assert [r.run_id for r in journal.runs()] == ["later"]
        record(journal, "latest", MOVED, at=START + journal_module.KEEP + timedelta(days=2))
        assert [r.run_id for r in journal.runs(limit=1)] == ["latest"]
        origin = Origin("shop", config="other.yml", environment="prod")
        journal.begin_run("of another file", START + journal_module.KEEP, ["shop.users"],
                          origin=origin)  # fmt: skip
        journal.finish_run(ended("of another file", MOVED, at=START + journal_module.KEEP))
        last = journal.last_result(origin)
        assert last is not None and last.run_id == "of another file"
        for when in (START, START + 2 * journal_module.KEEP):  # before it, and long after
            moved = journal.moved_before(origin, "shop", when)
            assert moved == [("users", MOVED.source)]
        assert journal.moved_before(origin, "sho", START) == []
        assert journal.moved_before(Origin("shop", "other.yml"), "shop", START) == []
        assert journal.last_result(replace(origin, environment="dev")) is None
        assert journal.last_result(Origin("shop")) is None
    assert not (root / FILE).exists()


@pytest.mark.parametrize(
    ("kind", "driver"), [("mysql", "mysql+pymysql"), ("postgres", "postgresql+psycopg")]
)
def test_a_server_serves_too(
    tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch,
    kind: str, driver: str,
) -> None:  # fmt: skip
    server: Any = request.getfixturevalue(kind)
    monkeypatch.setenv("JOURNAL_URL", re.sub("^[a-z+]+:", f"{driver}:", str(server.url)))
    _serves(Elsewhere(Secret("${JOURNAL_URL}")), tmp_path)


def test_what_was_moved_of_late_reaches_back_to_the_last_whole_success(tmp_path: Path) -> None:
    origin, hour = Origin("shop"), timedelta(hours=1)
    users, orders = MOVED, replace(MOVED, entity="shop.orders")
    late = replace(MOVED, entity="shop.late")
    failed = replace(FAILED, entity="shop.orders")

    with Journal.open(None, tmp_path) as journal:

        def run(hours: int, *results: EntityResult, whole: bool = True) -> None:
            at, run_id = START + hours * hour, f"r{hours}"
            names = [r.entity for r in results]
            journal.begin_run(run_id, at, names, origin=origin, whole=whole)
            journal.finish_run(ended(run_id, *results, at=at))

        def moved(hours: int) -> list[str]:
            found = journal.moved_before(origin, "shop", START + hours * hour)
            return [name for name, _ in found]

        run(0, users, orders, late)
        run(20, users, whole=False)
        assert moved(100) == ["late", "orders", "users"]  # a part forgets nothing
        run(40, users, failed)
        assert moved(100) == ["late", "orders", "users"]  # nor does a run that failed
        run(60, users, orders)
        assert moved(61) == moved(72) == ["late", "orders", "users"]  # for half a day
        assert moved(73) == ["orders", "users"]


def test_a_flow_that_runs_often_hides_no_other_configuration(tmp_path: Path) -> None:
    """More runs of other environments than are looked through."""
    weekly = Origin("shop", environment="weekly")
    with Journal.open(None, tmp_path) as journal:
        journal.begin_run("weekly", START, ["shop.users"], origin=weekly)
        journal.finish_run(ended("weekly", MOVED))
        row = {
            "status": "ok", "project": "shop", "environment": "often", "config": "", "pid": 1,
            "fingerprint": "", "host": "", "hygge_version": "", "rows": 0, "bytes": 0,
            "reason": "",
        }  # fmt: skip
        many = [
            {"run_id": f"r{n}", "started": as_text(START + timedelta(minutes=n)), **row}
            for n in range(1, LOOK_BACK + 2)
        ]
        with journal._database.writing() as link:
            link.insert("hygge_runs", many)
        last, result = journal.last_run(weekly), journal.last_result(weekly)
    assert last is not None and result is not None and last.run_id == result.run_id == "weekly"


def test_neither_sqlalchemy_nor_its_time_is_spent_on_the_file() -> None:
    code = "import sys, hygge.run.journal; sys.exit('sqlalchemy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_trouble_with_the_url_is_told_without_its_secrets(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="driver") as caught:
        Journal.open(Elsewhere(Secret("postgresql+nodriver://me:s3cret-pw@host/db")), tmp_path)
    assert "s3cret-pw" not in str(caught.value)
    with pytest.raises(ConfigError, match="HYGGE_NO_SUCH_VARIABLE is not set"):
        Journal.open(Elsewhere(Secret("${HYGGE_NO_SUCH_VARIABLE}")), tmp_path)


def test_what_could_not_be_recorded_is_raised_at_the_end(tmp_path: Path) -> None:
    with Journal.open(None, tmp_path) as journal:
        journal.begin_run("r1", START, ["shop.users"])
        with sqlite3.connect(tmp_path / FILE) as db:
            db.execute("DROP TABLE hygge_entities")
        db.close()
        journal.entity_finished("r1", MOVED)  # does not stop the moving
        with pytest.raises(JournalError, match="is damaged"):
            journal.finish_run(ended("r1", MOVED))
        assert [r.status for r in _statuses(tmp_path)] == ["running"]


@dataclass(frozen=True)
class _Row:
    status: str


def _statuses(root: Path) -> list[_Row]:
    with sqlite3.connect(root / FILE) as db:
        rows = [_Row(*row) for row in db.execute("SELECT status FROM hygge_runs")]
    db.close()
    return rows


def test_many_entities_cost_few_transactions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"flow.e{n}" for n in range(200)]
    with Journal.open(None, tmp_path) as journal:
        commits = []
        writing = journal._database.writing

        def counted() -> AbstractContextManager[Link]:
            commits.append(1)
            return writing()

        monkeypatch.setattr(journal._database, "writing", counted)
        journal.begin_run("r1", START, names)
        results = [replace(MOVED, entity=name) for name in names]

        def report(some: list[EntityResult]) -> None:
            for one in some:
                journal.entity_started("r1", one.entity)
                journal.entity_finished("r1", one)

        threads = [threading.Thread(target=report, args=(results[n::4],)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        journal.finish_run(ended("r1", *results))
        assert len(commits) <= 10
        run = journal.run("r1")
    assert run is not None
    assert run.counts == {"moved": 200}
    assert [e.result.entity for e in run.entities] == names


def test_a_decimal_watermark_survives(tmp_path: Path) -> None:
    mark = Watermark("amount", parse_type("decimal(38,4)"), Decimal("1234567890123456789.0001"))
    with Journal.open(None, tmp_path) as journal:
        record(journal, "r1", replace(MOVED, watermark_after=mark))
        last = journal.last_result()
    assert last is not None
    assert last.entities[0].watermark_after == mark
