"""Stopping at named steps: in this process, and by killing another."""

from __future__ import annotations

import subprocess
import threading
import time
from pathlib import Path

import pytest

from hygge.core.steps import reached
from hygge.testing.faults import at_step, pause_at, raise_at, recording, run_killed_at
from hygge.testing.process import in_fresh_process, many_apart, run_apart


def walk(path: str = "", steps: tuple[str, ...] = ("a", "b", "a", "c")) -> str:
    """Reach some steps, noting each in a file."""
    for step in steps:
        if path:
            with Path(path).open("a") as file:
                file.write(step)
        reached(step)
    return "done"


def broken() -> None:
    raise KeyError("no")


def test_nothing_happens_without_a_block() -> None:
    with recording() as seen:
        walk()
    walk()
    assert seen == ["a", "b", "a", "c"]


@pytest.mark.parametrize(("nth", "before"), [(1, []), (2, ["a", "b"])])
def test_an_error_at_the_nth_time(nth: int, before: list[str]) -> None:
    with recording() as seen, pytest.raises(ZeroDivisionError):  # noqa: SIM117
        with raise_at("a", ZeroDivisionError(), nth=nth):
            walk()
    assert seen == before


def test_blocks_nest_and_end() -> None:
    calls: list[str] = []
    with at_step("a", lambda: calls.append("outer")):
        with at_step("b", lambda: calls.append("inner")):
            walk()
        walk()
    walk()
    assert calls == ["outer", "inner"]


def test_a_step_that_is_held() -> None:
    done = threading.Event()

    def work() -> None:
        walk()
        done.set()

    with pause_at("b") as pause:
        thread = threading.Thread(target=work)
        thread.start()
        pause.wait()
        assert not done.wait(0.1)
        pause.go.set()
        assert done.wait(10)
    thread.join()


def test_a_step_that_is_held_goes_on_when_the_block_ends() -> None:
    with pause_at("b") as pause:
        thread = threading.Thread(target=walk)
        thread.start()
        pause.wait()
    thread.join(10)
    assert not thread.is_alive()


def test_waiting_for_a_step_that_does_not_come() -> None:
    with pause_at("z") as pause, pytest.raises(TimeoutError):
        pause.wait(0.01)


@pytest.mark.parametrize("quick", [False, True])
def test_killed_at_a_step(tmp_path: Path, quick: bool) -> None:
    path = tmp_path / "walked"

    def check(runner: object = run_apart) -> None:
        for step, nth, walked in (("a", 1, "a"), ("b", 1, "ab"), ("a", 2, "aba")):
            path.unlink(missing_ok=True)
            ended = run_killed_at(step, walk, str(path), nth=nth, runner=runner)  # type: ignore[arg-type]
            assert (ended.returncode, ended.value, ended.error) == (-9, None, None)
            assert path.read_text() == walked
        ended = run_killed_at("z", walk, nth=1, runner=runner)  # type: ignore[arg-type]
        assert (ended.returncode, ended.value) == (0, "done")
        ended = run_killed_at("z", broken, runner=runner)  # type: ignore[arg-type]
        assert isinstance(ended.error, KeyError)

    if not quick:
        check()
        return
    with many_apart() as runner:
        check(runner)


def test_a_process_of_its_own() -> None:
    import os

    assert in_fresh_process(os.getpid) != os.getpid()
    with pytest.raises(KeyError, match="no"):
        in_fresh_process(broken)
    with pytest.raises(RuntimeError, match="ended with 3"):
        in_fresh_process(os._exit, 3)
    assert "hello" in run_apart(print, "hello").output


def test_a_process_that_hangs_is_ended() -> None:
    with pytest.raises(subprocess.TimeoutExpired):
        run_apart(time.sleep, 60, timeout=1)
    with many_apart() as runner:
        assert runner(time.sleep, 60, timeout=1).returncode == -14
        assert runner(walk).value == "done"
