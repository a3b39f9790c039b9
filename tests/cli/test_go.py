"""`hygge go` where nobody watches: what it prints, reports and leaves with."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from syrupy.assertion import SnapshotAssertion
from tests.cli.support import FILES, SLOW, hygge, numbers, project

BROKEN = """\
home: {type: slow}
store: {type: parquet, path: lake}
retries: 0
entities:
  - one
  - {name: two, home: {fail_at: 1}}
  - {name: three, home: {fail_at: 1, passing: true}}
  - four
"""


@pytest.fixture
def files(tmp_path: Path) -> Path:
    numbers(tmp_path / "source" / "users.parquet", rows=1_000)
    numbers(tmp_path / "source" / "orders.parquet", rows=5)
    return project(tmp_path, flow=FILES)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    return project(tmp_path, flow=BROKEN)


def test_all_well(files: Path, snapshot: SnapshotAssertion) -> None:
    assert hygge("go", cwd=files).text == snapshot(name="first")
    assert hygge("go", "--verbose", cwd=files).text == snapshot(name="again, verbosely")
    assert hygge("go", "--quiet", cwd=files).text == snapshot(name="quietly")


def test_failures_are_told_last_with_cause_and_next_step(
    broken: Path, snapshot: SnapshotAssertion
) -> None:
    assert hygge("go", cwd=broken, code=1).text == snapshot(name="text")
    assert hygge("go", "--quiet", cwd=broken, code=1).text == snapshot(name="quietly")


def test_the_plan(files: Path, snapshot: SnapshotAssertion) -> None:
    assert hygge("go", "--dry-run", cwd=files).text == snapshot
    assert not (files / "lake").exists()
    assert not (files / ".hygge" / "journal.db").exists()


def test_a_plan_with_something_in_its_way(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    flow = FILES.replace("  - orders\n", "").replace("tags: [nightly]", "mode: append")
    root = project(tmp_path, flow=flow)
    assert hygge("go", "--dry-run", cwd=root, code=2).text == snapshot(name="dry run")
    assert hygge("go", cwd=root, code=2).text == snapshot(name="go")


def test_selection(files: Path) -> None:
    def chosen(*arguments: str) -> list[str]:
        report = files / "run.json"
        hygge("go", *arguments, "--report", str(report), cwd=files)
        told = json.loads(report.read_text(encoding="utf-8"))
        return [e["entity"] for e in told["entities"]]

    assert chosen("--entity", "main.users") == ["main.users"]
    assert chosen("--select", "tag:nightly") == ["main.users"]
    assert chosen("--exclude", "tag:nightly") == ["main.orders"]
    assert chosen("--select", "users,orders") == ["main.users", "main.orders"]
    assert chosen("-s", "users", "-s", "orders", "-x", "main.u*") == ["main.orders"]
    assert chosen("--flow", "main") == ["main.users", "main.orders"]


def test_nothing_chosen_is_told(files: Path, snapshot: SnapshotAssertion) -> None:
    assert hygge("go", "--exclude", "main.*", cwd=files).text == snapshot


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--select", "usres"), "did you mean 'users'?"),
        (("--run-date", "tomorrow"), "--run-date: 'tomorrow' is no date"),
        (("--max-duration", "soon"), "--max-duration: 'soon' is not a duration"),
        (("--max-duration", "0"), "--max-duration"),
        (("--report", "no/such/folder/run.json"), "cannot be written"),
        (("--from", "run.json"), "--from goes with --retry-failed"),
        (("--retry-failed",), "no run is recorded yet"),
        (("--retry-failed", "--from", "hygge.yml"), "hygge.yml is no report"),
        (("--env", "prod"), "prod"),
    ],
)
def test_a_command_that_makes_no_sense_moves_nothing(
    arguments: tuple[str, ...], said: str, files: Path
) -> None:
    done = hygge("go", *arguments, cwd=files, code=2)
    assert said in done.err
    assert not (files / "lake").exists()


def test_outside_a_project(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    assert hygge("go", cwd=tmp_path, code=2).text == snapshot


def test_every_problem_is_told_at_its_place(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    # Without a home that has no type: that would list all types, those of other tests among them.
    flow = "home: {type: parqet, path: a}\nstore: {type: parqet, path: b}\nentitees: [x]\n"
    assert hygge("go", cwd=project(tmp_path, flow=flow), code=2).text == snapshot


def test_one_file_is_a_project_too(tmp_path: Path) -> None:
    numbers(tmp_path / "in.parquet")
    (tmp_path / "custom.yml").write_text(
        "flows:\n  copy:\n    home: {type: parquet, path: in.parquet}\n"
        "    store: {type: parquet, path: out}\n",
        encoding="utf-8",
    )
    hygge("--config", "custom.yml", "go", cwd=tmp_path)
    assert (tmp_path / "out").is_dir()


def test_json_lines_are_one_object_per_event(broken: Path) -> None:
    done = hygge("go", "--log-format", "json", cwd=broken, code=1)
    events = [json.loads(line) for line in done.out.splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["run_started", "run_finished"]
    assert len({e["run_id"] for e in events}) == 1
    ended = {e["entity"]: e for e in events if e["event"] == "entity_finished"}
    assert {n: e["status"] for n, e in ended.items()} == {
        "main.one": "moved", "main.two": "failed", "main.three": "failed", "main.four": "moved",
    }  # fmt: skip
    assert ended["main.three"]["hint"] == "call again"
    assert events[-1]["counts"] == {"moved": 2, "failed": 2}


def test_a_report_replaces_files_alone(files: Path) -> None:
    """Not what else it is written to, as `/dev/stdout` is."""
    kept, link, pipe = files / "kept.json", files / "run.json", files / "pipe"
    link.symlink_to(kept)
    os.mkfifo(pipe)
    end = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        hygge("go", "--report", "run.json", cwd=files)
        hygge("go", "--report", "pipe", cwd=files)
        told = json.loads(os.read(end, 1 << 20))
    finally:
        os.close(end)
    assert link.is_symlink() and pipe.is_fifo()
    assert told["status"] == json.loads(kept.read_text(encoding="utf-8"))["status"] == "ok"


def test_the_report_and_trying_again(broken: Path) -> None:
    report = broken / "run.json"
    hygge("go", "--report", "run.json", cwd=broken, code=1)
    told = json.loads(report.read_text(encoding="utf-8"))
    assert (told["report_version"], told["status"]) == (1, "failed")
    by_name = {e["entity"]: e for e in told["entities"]}
    assert by_name["main.two"]["error_class"] == "RuntimeError"
    assert (by_name["main.two"]["retryable"], by_name["main.three"]["retryable"]) == (False, True)
    assert by_name["main.one"]["proof"]["read"] == by_name["main.one"]["proof"]["staged"] == 300

    def tried(*arguments: str, code: int) -> list[str]:
        hygge("go", "--retry-failed", *arguments, "--report", "again.json", cwd=broken, code=code)
        told = json.loads((broken / "again.json").read_text(encoding="utf-8"))
        return [e["entity"] for e in told["entities"]]

    assert tried(code=1) == ["main.two", "main.three"]
    flow = broken / "flows" / "main" / "flow.yml"
    flow.write_text(BROKEN.replace("fail_at: 1", "fail_at: 9"), encoding="utf-8")
    assert tried("--from", "run.json", code=0) == ["main.two", "main.three"]
    assert "Nothing to try again" in hygge("go", "--retry-failed", cwd=broken).out
    assert not list(broken.glob(".*.part"))


def test_fail_fast_leaves_the_rest_untouched(broken: Path) -> None:
    hygge("go", "--fail-fast", "--report", "run.json", cwd=broken, code=1)
    told = json.loads((broken / "run.json").read_text(encoding="utf-8"))
    assert told["counts"]["failed"] == 1
    assert told["counts"]["untouched"] >= 1


def test_the_deadline_is_3(tmp_path: Path, snapshot: SnapshotAssertion) -> None:
    root = project(tmp_path, flow=SLOW.format(batches=3, pause=0.5, entities="a, b, c"))
    done = hygge("go", "--max-duration", "1s", cwd=root, code=3)
    assert done.text == snapshot


def test_warnings_are_well_unless_they_are_not(tmp_path: Path) -> None:
    numbers(tmp_path / "source" / "users.parquet")
    root = project(tmp_path, flow=FILES.replace("  - orders\n", "") + "key_column: nothing\n")
    done = hygge("go", cwd=root)
    assert "warning main.users: the key column 'nothing' is not in the source" in done.out
    assert "Warnings\n  main.users: the key column" in done.out
    hygge("go", "--warn-error", cwd=root, code=1)
    assert "Warnings" in hygge("go", "--quiet", cwd=root).out


BUGGY = '''
"""A connector with a bug in it."""
from hygge import Home


class BuggyHome(Home):
    def read_batches(self):
        yield {}["nothing"]
'''


def test_a_bug_in_a_connector_shows_its_line_when_asked(tmp_path: Path) -> None:
    flow = "home: {type: buggy}\nstore: {type: parquet, path: lake}\nentities: [a]\n"
    root = project(tmp_path, flow=flow)
    (root / "homes" / "buggy.py").write_text(BUGGY, encoding="utf-8")
    plain = hygge("go", cwd=root, code=1).out
    assert "cause        KeyError: 'nothing'" in plain
    assert "Traceback" not in plain
    assert 'yield {}["nothing"]' in hygge("go", "--verbose", cwd=root, code=1).out
    lines = hygge("go", "--log-format", "json", cwd=root, code=1).out.splitlines()
    (ended,) = [e for e in map(json.loads, lines) if e["event"] == "entity_finished"]
    assert 'yield {}["nothing"]' in ended["details"]["trace"]


def test_a_wrong_configuration_is_told_once_however_verbose(tmp_path: Path) -> None:
    (tmp_path / "hygge.yml").write_text(
        "flows: {a: {home: {type: csv, pat: x.csv}, store: {type: nope}}}\n", encoding="utf-8"
    )
    plain, more = (hygge("go", *v, cwd=tmp_path, code=2).err for v in ([], ["--verbose"]))
    assert more == plain
    assert "Traceback" not in plain and plain.count("unknown setting 'pat'") == 1
