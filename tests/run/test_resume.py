"""A load in chunks that was cut off: what the next run takes of it, and what it reads again."""

from __future__ import annotations

import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.run.support import numbers, planned
from tests.run.versioned import VersionedHome

from hygge import (
    BadValue,
    Cancelled,
    CSVStore,
    IPCStore,
    NDJSONStore,
    ParquetStore,
    SQLiteHome,
    SQLiteStore,
)
from hygge.cli.render import details, outcome
from hygge.core.chunk import ReadRequest
from hygge.core.context import CancelToken, Context, Surroundings
from hygge.core.errors import HyggeError, TransientError
from hygge.core.load import LoadRequest
from hygge.core.store import Store
from hygge.files.retired import sweep_all
from hygge.files.stage import LEDGER_STEPS, STEPS, stage_root
from hygge.run.attempt import Attempt, Moved
from hygge.run.mover import Mover
from hygge.run.pump import Meter
from hygge.run.result import EntityResult
from hygge.run.shape import shape_of
from hygge.run.task import ChunkTask, run_chunk
from hygge.testing.faults import at_step, raise_at, run_killed_at
from hygge.testing.process import Runner, in_fresh_process, many_apart

CHUNKS = 20
ROWS = 400
KINDS: dict[str, type[Store]] = {
    "parquet": ParquetStore, "ipc": IPCStore, "csv": CSVStore, "ndjson": NDJSONStore,
}  # fmt: skip


ALONE = {"connections": 0}
"""Settings of a Home that gives no further sessions: chunks are read in their order."""


@dataclass
class Case:
    """A source and a destination in a folder."""

    root: Path
    kind: str = "parquet"

    def home(self, **changes: Any) -> VersionedHome:
        return VersionedHome("t", path=str(self.root / "source"), **changes)

    @property
    def folder(self) -> Path:
        return self.root / "data" / "t"

    @property
    def stages(self) -> list[Path]:
        sweep_all()
        root = stage_root(self.folder)
        return [p for p in root.iterdir() if p.is_dir()] if root.is_dir() else []

    def store(self, **changes: Any) -> Store:
        return KINDS[self.kind]("t", path=str(self.folder), part_rows=15, **changes)

    def run(
        self, *, home: dict[str, Any] | None = None, store: dict[str, Any] | None = None,
        notes: list[str] | None = None, cancel: CancelToken | None = None, **options: Any,
    ) -> tuple[Attempt, Moved]:  # fmt: skip
        options = {"chunks": CHUNKS, **options}
        plan = planned(self.home(**(home or {})), self.store(**(store or {})), self.root, **options)
        assert plan.errors == ()
        said = notes if notes is not None else []
        context = Context("run", cancel or CancelToken(), note=lambda m, s: said.append(m))
        attempt = Attempt(plan, context, meter=Meter())
        return attempt, attempt.run()

    def rows(self) -> pl.DataFrame:
        if self.kind == "parquet":
            return pl.read_parquet(f"{self.folder}/*.parquet").sort("id")
        if self.kind == "ipc":
            return pl.concat(map(pl.read_ipc, sorted(self.folder.glob("part-*.arrow")))).sort("id")
        if self.kind == "csv":
            return pl.concat(map(pl.read_csv, sorted(self.folder.glob("part-*.csv")))).sort("id")
        return pl.concat(map(pl.read_ndjson, sorted(self.folder.glob("part-*.ndjson")))).sort("id")

    def killed(self, step: str, nth: int = 1, **options: Any) -> None:
        ended = run_killed_at(
            step, run_alone, str(self.root), self.kind, options, nth=nth, runner=_apart[0]
        )
        assert ended.returncode == -9, ended.output


_apart: list[Runner] = []


@pytest.fixture(autouse=True, scope="module")
def apart() -> Iterator[None]:
    with many_apart() as runner:
        _apart.append(runner)
        yield
        _apart.clear()


def run_alone(root: str, kind: str, options: dict[str, Any]) -> None:
    Case(Path(root), kind).run(**options)


def changed(frame: pl.DataFrame) -> pl.DataFrame:
    """Rows inserted, updated, deleted, and given other keys, each in a place of its own."""
    frame = frame.filter(~pl.col("id").is_between(100, 104))
    value = pl.when(pl.col("id") == 50).then(-1).otherwise(pl.col("value"))
    moved = pl.when(pl.col("id") == 300).then(10_000).otherwise(pl.col("id"))
    frame = frame.with_columns(value=value, id=moved)
    return pl.concat([frame, numbers(30, start=20_000)])


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_is_missing_is_read_again(tmp_path: Path, kind: str) -> None:
    case = Case(tmp_path, kind)
    case.home().put(numbers(ROWS))
    case.killed("files.chunk_kept", 12, home=ALONE)
    assert not case.folder.exists()
    notes: list[str] = []
    _, moved = case.run(notes=notes)
    assert notes == ["12 of 20 chunks were reused, 8 read again: 8 were missing"]
    assert case.rows().equals(numbers(ROWS))
    proof = moved.proof
    assert proof is not None
    assert (proof.chunks, proof.reused, proof.read, proof.staged) == (CHUNKS, 12, ROWS, ROWS)
    assert case.stages == []


AT_ALL: list[tuple[str, int]] = [
    *((step, 1) for step in (*LEDGER_STEPS[2:], *STEPS)), ("files.part_written", 17),
    ("files.chunk_kept", 20), ("move.began", 1), ("move.written", 1), ("move.verified", 1),
]  # fmt: skip
AT_SOME: list[tuple[str, int]] = [
    ("files.part_synced", 23), ("files.chunk_kept", 7), ("files.linked", 1),
    ("files.state_written", 1), ("files.exchanged", 1), ("move.committed", 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "step", "nth"),
    [
        *(("replace", *at) for at in AT_ALL),
        *((mode, *at) for mode in ("append", "merge") for at in AT_SOME),
    ],
)
def test_killed_anywhere_and_run_again(tmp_path: Path, mode: str, step: str, nth: int) -> None:
    """Though the source changed meanwhile, the destination is as the source is at the end."""
    case = Case(tmp_path)
    options: dict[str, Any] = {"mode": mode, "key_column": "id", "full_append": mode == "append"}
    home = case.home()
    home.put(numbers(ROWS))
    case.run(**options)  # what was there before
    first = case.rows()
    assert first.height == ROWS
    case.killed(step, nth, **options)
    published = STEPS.index(step) >= STEPS.index("files.exchanged") if step in STEPS else (
        step == "move.committed"
    )  # fmt: skip
    before = pl.concat([first, first]).sort("id") if published and mode == "append" else first
    assert case.rows().equals(before)
    home.put(changed(home.frame))
    _, moved = case.run(**options)
    expected = {
        "replace": lambda: home.frame,
        "append": lambda: pl.concat([before, home.frame]),
        "merge": lambda: pl.concat([before.join(home.frame, on="id", how="anti"), home.frame]),
    }[mode]()
    assert case.rows().sort("id", "value").equals(expected.sort("id", "value"))
    assert case.stages == []
    assert moved.proof is not None and moved.proof.reused in range(CHUNKS + 1)


def test_what_changed_is_read_again(tmp_path: Path) -> None:
    case = Case(tmp_path)
    home = case.home()
    home.put(numbers(ROWS))
    case.killed("move.written")
    home.put(changed(home.frame))
    notes: list[str] = []
    _, moved = case.run(notes=notes)
    # Of 20 chunks of 20 rows: 50 was updated, 100 to 104 deleted, 300 moved into the last one, and
    # the new ones came there, too.
    assert notes == ["16 of 20 chunks were reused, 4 read again: 4 had changed"]
    assert case.rows().equals(home.frame.sort("id"))
    assert moved.proof is not None and moved.proof.consistency == "one snapshot"


def test_killed_again_and_again(tmp_path: Path) -> None:
    """Each run goes on where the one before it ended, though that went on itself."""
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    for step, nth in (
        ("files.chunk_kept", 4), ("files.chunk_kept", 5), ("files.adopted", 1),
        ("files.pruned", 1), ("files.part_written", 3), ("files.chunk_kept", 6),
    ):  # fmt: skip
        case.killed(step, nth)
    notes: list[str] = []
    case.run(notes=notes)
    reused = int(notes[0].split()[0])
    assert 15 <= reused <= CHUNKS
    assert case.rows().equals(numbers(ROWS))


@settings(
    deadline=None, max_examples=15,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)  # fmt: skip
@given(
    rounds=st.lists(
        st.tuples(
            st.integers(1, 25),
            st.lists(st.tuples(st.integers(0, 450), st.sampled_from("iudm")), max_size=6),
        ),
        min_size=1, max_size=3,
    )
)  # fmt: skip
def test_any_changes_between_any_failures(
    tmp_path_factory: pytest.TempPathFactory, rounds: list[tuple[int, list[tuple[int, str]]]]
) -> None:
    """In one process: each round fails at some step, then rows come, change, go and move."""
    case = Case(tmp_path_factory.mktemp("case"))
    home = case.home()
    home.put(numbers(ROWS))
    fresh = 100_000
    for nth, changes in rounds:
        try:
            with raise_at("files.part_synced", TransientError("cut off"), nth=nth):
                case.run()
            break
        except TransientError:
            pass
        rows = dict(home.frame.iter_rows())
        for row, what in changes:
            fresh += 1
            if what == "i":
                rows[fresh if row % 2 else -fresh] = row
            elif row in rows and what == "u":
                rows[row] += 1_000_000
            elif row in rows and what == "d":
                del rows[row]
            elif row in rows:
                rows[fresh if row % 2 else -fresh] = rows.pop(row)
        home.put(pl.DataFrame({"id": rows.keys(), "value": rows.values()}).sort("id"))
    if not case.folder.exists():
        case.run(max_shrink=1)
    assert case.rows().equals(home.frame)
    assert case.stages == []


def cut_off(case: Case, nth: int = 8, **options: Any) -> Attempt:
    """A load that a lost connection ends after some chunks."""
    plan = planned(
        case.home(), case.store(), case.root, **{"chunks": CHUNKS, "key_column": "id", **options}
    )
    attempt = Attempt(plan, Context("cut"), meter=Meter())
    lost = TransientError("line lost")
    with raise_at("files.chunk_kept", lost, nth=nth), pytest.raises(TransientError):
        attempt.run()
    return attempt


def test_a_lost_connection_keeps_what_is_done(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    attempt = cut_off(case, 8)
    kept = int(attempt.kept.split()[0])
    assert 8 <= kept <= 16, "what the other readers were at may still have been entered"
    assert attempt.kept == f"{kept} of 20 chunks are kept; run it again to go on"
    notes: list[str] = []
    case.run(notes=notes, key_column="id")
    assert notes[0].startswith(f"{kept} of 20 chunks were reused, {20 - kept} read again")
    assert case.rows().equals(numbers(ROWS))


def test_a_stop_keeps_what_is_done(tmp_path: Path) -> None:
    case, token = Case(tmp_path), CancelToken()
    case.home().put(numbers(ROWS))
    stop = at_step("files.chunk_kept", lambda: token.cancel("Ctrl-C"), nth=5)
    with stop, pytest.raises(Cancelled):
        case.run(cancel=token)
    assert not case.folder.exists() and len(case.stages) == 1
    notes: list[str] = []
    case.run(notes=notes)
    assert int(notes[0].split()[0]) >= 5
    assert case.rows().equals(numbers(ROWS))


def test_what_would_fail_again_is_not_kept(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    bad = BadValue(entity="t", column="id", row="1", value=1, declared="int8")
    with raise_at("files.chunk_kept", bad, nth=5), pytest.raises(BadValue):
        case.run()
    assert case.stages == []


def started_again(case: Case, why: str, **options: Any) -> None:
    notes: list[str] = []
    _, moved = case.run(notes=notes, **options)
    assert moved.proof is not None and moved.proof.reused == 0
    assert any(why in note for note in notes), notes
    assert any("chunks, which are read again: " in note for note in notes)
    assert case.rows().equals(case.home().frame)
    assert case.stages == []


def test_another_number_of_chunks_starts_again(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    cut_off(case)
    started_again(case, "is set otherwise", chunks=10, key_column="id")


def test_other_columns_start_again(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    cut_off(case)
    notes: list[str] = []
    case.run(notes=notes, key_column="id", rename={"value": "worth"})
    assert any("the fields are not the same" in note for note in notes)
    assert case.rows().columns == ["id", "worth"]


def test_another_compression_starts_again(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    cut_off(case)
    started_again(
        case, "its files are to be written otherwise", key_column="id",
        store={"compression": "snappy"},
    )  # fmt: skip


def test_a_destination_loaded_meanwhile_starts_again(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    options = {"key_column": "id"}

    def loaded_by_another() -> None:
        # The other run finds the stage locked, so it makes one of its own.
        case.run(chunks="off", **options)

    other = at_step("files.chunk_kept", loaded_by_another, nth=4)
    with other, pytest.raises(HyggeError, match="was loaded by another run"):
        case.run(**options)
    assert case.stages == [], "its ledger is of no use"
    case.run(**options)
    assert case.rows().equals(numbers(ROWS))


def test_a_source_that_cannot_tell_starts_again(tmp_path: Path) -> None:
    """What nobody could trust is dropped at once; after a kill, the next run says so."""
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    lost = raise_at("files.part_synced", TransientError("line lost"), nth=20)
    with lost, pytest.raises(TransientError):
        case.run(home={"proves": False})
    assert case.stages == []
    case.killed("files.chunk_kept", 7, home={"proves": False})
    started_again(case, "the source cannot tell which rows have changed", home={"proves": False})


def test_a_source_that_can_tell_no_more_starts_again(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    cut_off(case)
    notes: list[str] = []
    _, moved = case.run(notes=notes, key_column="id", home={"proves": False})
    assert moved.proof is not None and moved.proof.reused == 0
    assert "had changed" in notes[0]


Damage = Callable[[Path], None]


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize("damage", [cut, flip, Path.unlink])
def test_a_staged_file_that_is_not_whole_is_read_again(tmp_path: Path, damage: Damage) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    kept = int(cut_off(case).kept.split()[0])
    damage(min((case.stages[0] / "new").iterdir()))
    notes: list[str] = []
    case.run(notes=notes, key_column="id")
    assert notes[0].startswith(f"{kept - 1} of 20 chunks were reused")
    assert "1 were damaged" in notes[0]
    assert case.rows().equals(numbers(ROWS))


def test_a_damaged_ledger_is_not_used_and_a_torn_one_is(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    kept = int(cut_off(case).kept.split()[0])
    cut(case.stages[0] / "ledger")
    notes: list[str] = []
    case.run(notes=notes, key_column="id")
    assert notes[0].startswith(f"{kept - 1} of 20 chunks were reused")
    case.home().put(numbers(ROWS + 1))
    cut_off(case)
    flip(case.stages[0] / "ledger")
    notes.clear()
    _, moved = case.run(notes=notes, key_column="id")
    assert "the ledger of an unfinished load is not used: its record" in notes[0]
    assert moved.proof is not None and moved.proof.reused == 0
    assert case.rows().equals(numbers(ROWS + 1))


def test_two_runs_never_go_on_with_the_same(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    cut_off(case)
    reused: list[int] = []
    failed: list[BaseException] = []
    together = threading.Barrier(2)

    def run() -> None:
        try:
            with at_step_once("move.began", together.wait):
                _, moved = case.run(key_column="id")
            assert moved.proof is not None
            reused.append(moved.proof.reused)
        except HyggeError as error:
            failed.append(error)

    threads = [threading.Thread(target=run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reused) == 1 and len(failed) == 1
    assert "loaded by another run" in str(failed[0])
    assert case.rows().equals(numbers(ROWS))
    assert case.stages == []


class at_step_once:
    """As `at_step`, but a hook that several threads may set together, each for itself."""

    def __init__(self, step: str, action: Callable[[], Any]) -> None:
        self._step, self._action, self._me = step, action, threading.get_ident()

    def __enter__(self) -> None:
        from hygge.core import steps

        with _hooks_lock:
            _hooks[self._me] = self
            steps.set_hook(_call_hooks)

    def __exit__(self, *exc: object) -> None:
        from hygge.core import steps

        with _hooks_lock:
            del _hooks[self._me]
            if not _hooks:
                steps.set_hook(None)


_hooks: dict[int, at_step_once] = {}
_hooks_lock = threading.Lock()


def _call_hooks(step: str) -> None:
    with _hooks_lock:
        hook = _hooks.get(threading.get_ident())
    if hook is not None and hook._step == step:
        hook._action()


# Incremental loads ------------------------------------------------------------------------------


def dated(count: int, start: int = 0) -> pl.DataFrame:
    return numbers(count, start).with_columns(turn=pl.col("id") + 1)


MERGE: dict[str, Any] = {"mode": "merge", "key_column": "id"}


@pytest.mark.parametrize("proves", [True, False])
def test_a_window_that_was_frozen_is_gone_on_with(tmp_path: Path, proves: bool) -> None:
    """Up to the bound it had, so that the load is the same; the next run reads what came since."""
    case = Case(tmp_path)
    case.home().put(dated(ROWS))
    options = {
        **MERGE,
        "incremental": {"column": "turn", "lag": 0},
        "home": {"proves": proves, **ALONE},
    }
    case.killed("files.chunk_kept", 8, **options)
    # Afterwards rows are updated, which moves their turn on, and new ones come.
    rows = case.home().frame.with_columns(
        value=pl.when(pl.col("id") == 10).then(-5).otherwise(pl.col("value")),
        turn=pl.when(pl.col("id") == 10).then(ROWS + 1).otherwise(pl.col("turn")),
    )
    case.home().put(pl.concat([rows, dated(50, start=ROWS + 1)]))
    notes: list[str] = []
    _, moved = case.run(notes=notes, **options)
    reused = 7 if proves else 8  # the source can tell that a row has left the first chunk
    assert notes[0].startswith(f"{reused} of 20 chunks were reused")
    assert notes[0].endswith(f"it reads up to the bound it had, {ROWS + 1}")
    assert moved.after is not None and moved.after.value == ROWS + 1
    _, moved = case.run(notes=notes, **options)
    assert case.rows().equals(case.home().frame.sort("id"))


@pytest.mark.parametrize(
    "options",
    [
        {**MERGE, "incremental": {"column": "turn"}},  # a number may come late, for all we know
        {"mode": "append", "incremental": {"column": "turn", "lag": 0}},
    ],
)
def test_a_window_that_is_not_settled_starts_again(tmp_path: Path, options: dict[str, Any]) -> None:
    case = Case(tmp_path)
    case.home().put(dated(ROWS))
    lost = raise_at("files.part_synced", TransientError("line lost"), nth=20)
    with lost, pytest.raises(TransientError):
        case.run(home={"proves": False}, **options)
    assert case.stages == []
    case.run(home={"proves": False}, **options)
    assert case.rows().equals(case.home().frame)


def test_a_source_that_went_back_starts_again(tmp_path: Path) -> None:
    """After a restore, the bound that was frozen lies past everything."""
    case = Case(tmp_path)
    case.home().put(dated(ROWS))
    options = {**MERGE, "incremental": {"column": "turn", "lag": 0}, "home": {"proves": False}}
    case.killed("files.chunk_kept", 8, **options)
    case.home().put(dated(ROWS - 100))
    notes: list[str] = []
    case.run(notes=notes, **options)
    assert "the rows to be read begin elsewhere" in notes[0]
    assert case.rows().equals(case.home().frame)


# A whole run of an entity -----------------------------------------------------------------------


def mover(case: Case, cancel: CancelToken | None = None, **options: Any) -> Mover:
    plan = planned(case.home(), case.store(), case.root, chunks=CHUNKS, **options)
    return Mover(plan, run_id="run", cancel=cancel or CancelToken())


def test_a_retry_goes_on_within_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hygge.run.mover.FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(Mover, "_sleep", lambda self, seconds: None)
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    with raise_at("files.chunk_kept", TransientError("line lost"), nth=9):
        result = mover(case).run()
    assert (result.status, result.attempts, result.rows) == ("moved", 2, ROWS)
    assert result.proof is not None and result.proof.reused >= 9
    assert any("chunks were reused" in note for note in result.notes)
    again = EntityResult.from_json(result.to_json())
    assert again.proof == result.proof and again.notes == result.notes
    kept = f"{result.proof.reused} of them before"
    assert ("read in", f"20 chunks, {kept}: one snapshot") in details(result)
    assert case.rows().equals(numbers(ROWS))


def test_who_stops_a_run_is_told_what_is_kept(tmp_path: Path) -> None:
    case, token = Case(tmp_path), CancelToken()
    case.home().put(numbers(ROWS))
    with at_step("files.chunk_kept", lambda: token.cancel("Ctrl-C"), nth=5):
        result = mover(case, token).run()
    assert result.status == "cancelled" and result.hint is not None
    assert result.hint.endswith("of 20 chunks are kept; run it again to go on")
    assert outcome(result) == f"stopped before its commit point; {result.hint}"


def test_who_fails_is_told_what_is_kept(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    lost = TransientError("line lost", hint="look at the line")
    with raise_at("files.chunk_kept", lost, nth=5):
        result = mover(case, retries=0).run()
    assert result.status == "failed" and result.hint is not None
    assert result.hint.startswith("look at the line; ")
    assert result.hint.endswith("of 20 chunks are kept; run it again to go on")


def run_into_sqlite(root: str, notes: list[str]) -> None:
    case = Case(Path(root))
    plan = planned(case.home(), SQLiteStore("t", path=f"{root}/t.db"), case.root, chunks=CHUNKS)
    context = Context("run", note=lambda message, severity: notes.append(message))
    Attempt(plan, context, meter=Meter()).run()


def test_a_store_without_a_ledger_says_that_it_starts_again(tmp_path: Path) -> None:
    case, notes = Case(tmp_path), list[str]()
    case.home().put(numbers(ROWS))
    ended = run_killed_at("sqlite.staged", run_into_sqlite, str(tmp_path), [], nth=5)
    assert ended.returncode == -9, ended.output
    run_into_sqlite(str(tmp_path), notes)
    assert len(notes) == 1
    assert re.fullmatch(r"an unfinished load had begun \d+ chunks, which are all .*", notes[0])
    notes.clear()
    run_into_sqlite(str(tmp_path), notes)
    assert notes == [], "there was nothing to go on with"


def test_a_chunk_that_is_reused_needs_nothing_but_its_task(tmp_path: Path) -> None:
    """In a process of its own: one chunk is as it was, another has changed, a third is damaged."""
    case = Case(tmp_path)
    case.home().put(numbers(ROWS))
    case.killed("move.written", home=ALONE)
    frame = case.home().frame
    case.home().put(frame.with_columns(value=pl.when(id=30).then(-1).otherwise(pl.col("value"))))
    home, store = case.home(), case.store().bind(Surroundings(case.root))
    with store.open(Context()) as session, home.open(Context()) as reading:
        shape = shape_of(reading.schema())
        left = session.unfinished("replace", shape.target)
        assert left is not None and len(left.done) == CHUNKS
        head = left.head
        request = LoadRequest(
            head.entity, head.mode, head.fields, head.fingerprint, head.load_id,
            generation=head.generation,
        )  # fmt: skip
        load = session.resume(request)
        flip(min((case.stages[0] / "new").glob("*-0002-*")))
        read = ReadRequest(columns=shape.columns, snapshot=reading.share())
        tasks = [
            ChunkTask(home, store, shape, read, chunk, load.ticket, "t", "run", prove=True,
                      earlier=left.done[chunk.index])
            for chunk in head.chunks[:3]
        ]  # fmt: skip
        same, other, damaged = (in_fresh_process(run_chunk, task) for task in tasks)
        assert same.reused and same.done == left.done[0]
        assert (other.reused, other.why) == (False, "changed")
        assert other.done.fingerprint != left.done[1].fingerprint
        assert (damaged.reused, damaged.why) == (False, "damaged")
        assert damaged.done.fingerprint == left.done[2].fingerprint
        assert load.staged_rows([]) == ROWS


def sqlite_run(root: str, notes: list[str], database: str = "shop.db") -> Moved:
    home = SQLiteHome("orders", path=f"{root}/{database}")
    store = ParquetStore("t", path=f"{root}/data/t", part_rows=15)
    plan = planned(home, store, Path(root), chunks=10, mode="merge", key_column="id",
                   incremental={"column": "at", "lag": "1h"})  # fmt: skip
    assert plan.errors == ()
    context = Context("run", note=lambda message, severity: notes.append(message))
    return Attempt(plan, context, meter=Meter()).run()


def test_an_incremental_load_of_sqlite_goes_on(tmp_path: Path) -> None:
    """Rows that changed meanwhile have a later time, and are read by the next run."""
    case, notes = Case(tmp_path), list[str]()
    with closing(sqlite3.connect(tmp_path / "shop.db")) as db:
        db.execute("CREATE TABLE orders (id INTEGER PRIMARY KEY, total INT, at TIMESTAMP)")
        db.executemany(
            "INSERT INTO orders VALUES (?, ?, ?)",
            [(i, i * 3, f"2024-01-{1 + i // 20:02} 10:00:00") for i in range(400)],
        )
        db.commit()
        ended = run_killed_at("files.chunk_kept", sqlite_run, str(tmp_path), [], nth=6)
        assert ended.returncode == -9, ended.output
        db.execute("UPDATE orders SET total = -1, at = '2024-03-01 10:00:00' WHERE id IN (3, 390)")
        db.execute("INSERT INTO orders VALUES (500, 7, '2024-03-02 10:00:00')")
        db.commit()
        sqlite_run(str(tmp_path), notes)
        assert re.match(r"\d of 10 chunks were reused, \d read again: \d were missing; ", notes[-1])
        sqlite_run(str(tmp_path), notes)
        there = db.execute("SELECT id, total FROM orders ORDER BY id").fetchall()
    assert case.rows().select("id", "total").rows() == there
