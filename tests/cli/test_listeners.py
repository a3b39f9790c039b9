"""What shows a run, event by event: lines, heartbeats, JSON, and a table of very many entities."""

from __future__ import annotations

import io
import json
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console, Group
from tests.cli.support import steady

from hygge.cli.lines import Follower, JsonLines, TextLines, event_json, event_text
from hygge.cli.live import LiveTable
from hygge.core import events
from hygge.core.secrets import remember

RUN = "20260131T094500-3fa9c1"
NAMES = tuple(f"shop.table_{n:03d}" for n in range(200))


def started(name: str, rows: int | None = None, at: float = 0.0) -> events.EntityStarted:
    return events.EntityStarted(
        RUN, at or time.time(), name, "shop.db#t", "lake/t", "replace", rows
    )


def moved(name: str, rows: int = 10) -> events.EntityFinished:
    return events.EntityFinished(RUN, time.time(), name, "moved", rows, 100, 0.5, "lake/t")


def test_a_heartbeat_tells_what_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    lines = TextLines(every_s=0.05)
    with lines:
        lines(events.RunStarted(RUN, time.time(), NAMES, 8))
        for name in NAMES[:7]:
            lines(started(name))
        lines(events.Progress(RUN, time.time(), NAMES[0], 12_000, 11_000, 999))
        lines(moved(NAMES[6]))
        time.sleep(0.3)
    out = steady(capsys.readouterr().out)
    beats = [line for line in out.splitlines() if "still here" in line]
    assert 1 <= len(beats) <= 8
    assert beats[0] == (
        "TIME RUN still here: 1 of 200 done after SECONDS; moving shop.table_000 11.0k rows, "
        "shop.table_001, shop.table_002, shop.table_003, shop.table_004 and 1 more"
    )
    capsys.readouterr()
    time.sleep(0.15)
    assert capsys.readouterr().out == ""  # none after the end


def test_notes_only_when_asked_for_and_warnings_always() -> None:
    note = events.Noted(RUN, 0.0, "a.b", "100 ns are cut")
    warning = events.Noted(RUN, 0.0, "a.b", "no key\nat all", "warning")
    assert event_text(note) == ""
    assert event_text(note, verbose=True) == "note a.b: 100 ns are cut"
    assert "a.b: no key\n  at all" in event_text(warning)


def test_a_retry_says_when_and_why() -> None:
    again = events.EntityRetried(RUN, 0.0, "a.b", 2, 4.04, "the line was busy\nhint: wait")
    assert "a.b in 4.0 s, attempt 2: the line was busy" in event_text(again)
    estimated = started("a.b", rows=1)
    assert event_text(estimated).endswith("(replace, about 1 row)")
    assert event_text(replace(estimated, rows_exact=True)).endswith("(replace, 1 row)")


def test_events_as_json_are_plain_and_redacted(capsys: pytest.CaptureFixture[str]) -> None:
    remember("hunter2-in-an-event")
    JsonLines()(events.Noted(RUN, 1.5, "a.b", "hunter2-in-an-event, Ærø", "warning"))
    line = capsys.readouterr().out
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:01Z", "event": "noted", "run_id": RUN, "entity": "a.b",
        "message": "***, Ærø", "severity": "warning",
    }  # fmt: skip
    awkward = 'columns: {id, token: x"y}, "password": "a1b2"'
    JsonLines()(events.Noted(RUN, 1.5, "a.b", awkward, "warning"))
    told = json.loads(capsys.readouterr().out)  # which blotting out of the whole line could break
    assert told["message"] == 'columns: {id, token: x"y}, "password": ***'
    ended = events.RunFinished(RUN, 0.0, "ok", 1.5, {"moved": 2})
    assert event_json(ended)["counts"] == {"moved": 2}


def test_following_counts_what_moves() -> None:
    follower = Follower()
    follower(events.RunStarted(RUN, 0.0, NAMES[:3], 2))
    follower(started(NAMES[0]))
    follower(started(NAMES[1]))
    follower(moved(NAMES[0], rows=7))
    follower(events.Progress(RUN, 0.0, "not.started", 1, 1, 1))
    assert (follower.total, list(follower.active), follower.done) == (3, [NAMES[1]], {"moved": 1})
    assert (follower.rows, follower.bytes) == (7, 100)


def drawn(table: LiveTable, width: int, height: int) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    console.print(Group(*table.frame(width, height)))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize(("width", "height"), [(120, 40), (80, 24), (40, 10), (20, 5)])
def test_two_hundred_entities_fit_any_terminal(width: int, height: int) -> None:
    table = LiveTable()
    table(events.RunStarted(RUN, time.time(), NAMES, 200))
    for name in NAMES[:150]:
        table(started(name, rows=1_000, at=time.time() - 10))
        table(events.Progress(RUN, time.time(), name, 500, 500, 10_000))
    for name in NAMES[:20]:
        table(moved(name))
    lines = drawn(table, width, height).splitlines()
    assert len(lines) <= height - 1
    assert all(len(line) <= width for line in lines)
    assert lines[-1].startswith("20 of 200 done")
    if width >= 80:
        assert f"and {130 - (height - 3)} more under way" in lines[-2]
        assert "50 waiting" in lines[-1]
        assert "500 rows" in lines[0]
        assert "━" in lines[0]


def test_a_table_with_nothing_under_way() -> None:
    table = LiveTable()
    assert drawn(table, 80, 24).strip().startswith("0 of 0 done")


def test_drawing_and_telling_at_once_do_not_wait_for_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = LiveTable(verbose=True)
    table._console.file = (tmp_path / "out").open("w", encoding="utf-8")
    monkeypatch.setattr(table._live, "auto_refresh", False)

    def tell() -> None:
        for number in range(300):
            table(started(f"a.{number}"))
            table(events.Noted(RUN, 0.0, f"a.{number}", "a note"))
            table(moved(f"a.{number}"))

    def draw() -> None:
        for _ in range(300):
            table._live.refresh()

    threads = [threading.Thread(target=f, daemon=True) for f in (tell, draw, draw)]
    with table:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not any(thread.is_alive() for thread in threads)
    table._console.file.close()
