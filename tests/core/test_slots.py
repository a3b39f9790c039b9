"""Slots: all or nothing, never too many, and nobody waits while holding."""

from __future__ import annotations

import threading
import time

import pytest

from hygge.core import slots as slots_module
from hygge.core.context import Context
from hygge.core.errors import Cancelled, ConfigError
from hygge.core.slots import Slots, claim, take, together
from hygge.testing._store_base import in_threads


def test_pairs_taken_crosswise_never_wait_for_each_other() -> None:
    """Loads from A to B and from B to A, through pools of one and two, all come to their end."""
    a, b = Slots("a", 2), Slots("b", 1)
    most = {"a": 0, "b": 0}
    guard = threading.Lock()

    def load(first: Slots, second: Slots) -> None:
        for _ in range(50):
            context = Context()
            with together([first, second], context):
                claim(first, context)
                claim(second, context)
                with guard:
                    for slots in (a, b):
                        most[slots.name] = max(most[slots.name], slots.taken)
                first.give()
                second.give()

    in_threads([lambda: load(a, b), lambda: load(b, a), lambda: load(a, b), lambda: load(b, a)])
    assert (a.taken, b.taken) == (0, 0)
    assert most["a"] <= 2 and most["b"] == 1


def test_what_was_not_claimed_is_given_back() -> None:
    slots = Slots("a", 3)
    context = Context()
    with pytest.raises(OSError), together([slots, slots], context):
        assert slots.taken == 2
        claim(slots, context)
        raise OSError
    assert slots.taken == 1  # the session that claimed it gives it back itself


def test_more_than_there_can_be_is_told() -> None:
    with pytest.raises(ConfigError, match="needs 2 connections to shop at once") as caught:
        take([*[Slots("shop", 1)] * 2], Context().cancel)
    assert caught.value.hint == (
        "set `pool_size: 2` or more, and let `limits` allow as many at some hour"
    )


def test_waiting_ends_when_cancelled() -> None:
    slots, context = Slots("a", 1), Context()
    take([slots], context.cancel)
    timer = threading.Timer(0.05, context.cancel.cancel, ["enough"])
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled, match="enough"):
        claim(slots, context)
    assert time.monotonic() - started < 10
    assert slots.taken == 1
    timer.join()


def test_spare_never_waits() -> None:
    slots = Slots("a", 3, allowed=lambda: 2)
    assert [slots.spare(5), slots.spare(1)] == [2, 0]
    slots.give(2)
    assert slots.spare(1) == 1


def test_a_session_of_two_takes_both_or_none() -> None:
    """Those that were set aside for it, else others, at the same moment."""
    slots, context = Slots("a", 3), Context()
    with together([slots, slots], context):
        claim(slots, context, 2)
        assert (slots.taken, context.reserved) == (2, [])
    slots.give(2)
    take([slots, slots], context.cancel)
    timer = threading.Timer(0.05, context.cancel.cancel, ["enough"])
    timer.start()
    with pytest.raises(Cancelled):
        claim(slots, context, 2)
    assert slots.taken == 2


class _Woken(threading.Condition):
    """One that wakes who waits at once, again and again."""

    def wait(self, timeout: float | None = None) -> bool:
        return True


@pytest.mark.parametrize(("long", "told"), [(3600.0, 0), (0.0, 1)])
def test_a_long_wait_is_told_once_however_often_it_wakes(
    long: float, told: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots_module, "_freed", _Woken())
    monkeypatch.setattr(slots_module, "LONG_S", long)
    looks = iter(range(100))
    slots, notes = Slots("shop", 1, allowed=lambda: int(next(looks) > 50)), list[str]()
    take([slots], Context().cancel, lambda message, severity: notes.append(message))
    assert len(notes) == told
    assert all(n.startswith("waiting for free connections (1 to shop)") for n in notes)
