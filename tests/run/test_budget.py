"""The budget of bytes: bounded whatever the number of queues, and never stuck."""

from __future__ import annotations

import random
import threading
import time

import pytest

from hygge.run.budget import ByteBudget


def never() -> bool:
    return False


def test_what_fits_passes_at_once_and_is_given_back() -> None:
    budget = ByteBudget(100)
    assert budget.acquire(60, urgent=never, stop=never)
    assert budget.acquire(40, urgent=never, stop=never)
    budget.release(60)
    assert budget.acquire(60, urgent=never, stop=never)


def test_a_batch_larger_than_the_limit_passes_alone() -> None:
    assert ByteBudget(10).acquire(1000, urgent=never, stop=never)


def test_an_empty_queue_need_not_wait_for_others() -> None:
    budget = ByteBudget(10)
    assert budget.acquire(10, urgent=never, stop=never)
    assert budget.acquire(10, urgent=lambda: True, stop=never)


def test_stop_refuses_and_takes_nothing() -> None:
    budget = ByteBudget(10)
    assert not budget.acquire(5, urgent=never, stop=lambda: True)
    assert budget.acquire(10, urgent=never, stop=never)


@pytest.mark.parametrize("wake", ["release", "stop", "urgent"])
def test_who_waits_is_woken_by_the_notice_alone(wake: str, monkeypatch: pytest.MonkeyPatch) -> None:
    budget = ByteBudget(10)
    wait_for = budget._condition.wait
    monkeypatch.setattr(budget._condition, "wait", lambda seconds: wait_for(60))
    assert budget.acquire(10, urgent=never, stop=never)
    flags = {"stop": False, "urgent": False}
    granted: list[bool] = []

    def wait() -> None:
        granted.append(
            budget.acquire(10, urgent=lambda: flags["urgent"], stop=lambda: flags["stop"])
        )

    waiter = threading.Thread(target=wait)
    waiter.start()
    time.sleep(0.05)
    assert not granted
    if wake == "release":
        budget.release(10)
    else:
        flags[wake] = True
        budget.wake()
    waiter.join(20)
    assert granted == [wake != "stop"]


def test_many_queues_stay_within_the_limit_and_all_finish() -> None:
    """Queues of one place each: at most the limit, and one batch a queue beyond it."""
    limit, queues, largest = 1000, 12, 300
    budget = ByteBudget(limit)
    watching = threading.Lock()
    used = high = 0

    def pump(seed: int) -> None:
        nonlocal used, high
        draw = random.Random(seed)
        for turn in range(200):
            size = draw.randint(1, largest)
            assert budget.acquire(size, urgent=lambda turn=turn: turn % 3 == 0, stop=never)  # type: ignore[misc]
            with watching:
                used += size
                high = max(high, used)
            if draw.random() < 0.1:
                time.sleep(0.0005)
            with watching:
                used -= size
            budget.release(size)

    threads = [threading.Thread(target=pump, args=(n,), daemon=True) for n in range(queues)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
        assert not thread.is_alive()
    assert used == 0
    assert high <= limit + queues * largest
    assert budget.acquire(limit, urgent=never, stop=never), "everything was given back"
