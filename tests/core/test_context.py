"""Cancellation reaches everything at once; coroutines run where they belong."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import pytest

from hygge.core.context import CancelToken, Context, in_own_loop, own_loop
from hygge.core.errors import Cancelled

# CancelToken ------------------------------------------------------------------------------------


def test_callbacks_run_once_in_the_thread_that_cancels() -> None:
    token, seen = CancelToken(), []
    token.add(lambda: seen.append(threading.get_ident()))
    token.check()
    token.cancel("first")
    token.cancel("second")
    assert seen == [threading.get_ident()]
    assert token.cancelled
    with pytest.raises(Cancelled, match="first"):
        token.check()


def test_a_callback_added_late_runs_at_once_and_one_forgotten_never() -> None:
    token, seen = CancelToken(), []
    forget = token.add(lambda: seen.append("forgotten"))
    forget()
    forget()
    token.cancel()
    token.add(lambda: seen.append("late"))()
    assert seen == ["late"]


def test_a_callback_that_fails_does_not_shield_the_rest() -> None:
    token, seen = CancelToken(), []

    def broken() -> None:
        raise ZeroDivisionError

    token.add(broken)
    token.add(lambda: seen.append("reached"))
    token.cancel()
    assert seen == ["reached"]


def test_a_callback_may_use_the_token() -> None:
    token, seen = CancelToken(), []
    token.add(lambda: token.cancel("again"))
    token.add(lambda: token.add(lambda: seen.append("inner")))
    token.cancel("once")
    assert (token.reason, seen) == ("once", ["inner"])


def test_a_child_is_cancelled_with_its_parent_and_not_the_other_way() -> None:
    parent = CancelToken()
    one, two = CancelToken(parent), CancelToken(parent)
    one.cancel("alone")
    assert not parent.cancelled and not two.cancelled
    parent.cancel("all")
    assert (one.reason, two.reason) == ("alone", "all")
    assert CancelToken(parent).reason == "all"


def test_many_threads_cancel_and_add_at_once() -> None:
    token, lock, count = CancelToken(), threading.Lock(), [0]

    def called() -> None:
        with lock:
            count[0] += 1

    threads = [threading.Thread(target=token.add, args=(called,)) for _ in range(40)]
    threads[20:20] = [threading.Thread(target=token.cancel) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert count == [40]


def test_waiting_ends_on_cancellation() -> None:
    token = CancelToken()
    assert not token.wait(0.01)
    threading.Timer(0.1, token.cancel).start()
    started = time.monotonic()
    assert token.wait(30)
    assert time.monotonic() - started < 5


# Coroutines -------------------------------------------------------------------------------------


async def double(value: int) -> int:
    await asyncio.sleep(0)
    return 2 * value


def test_results_and_errors_come_back() -> None:
    async def broken() -> None:
        raise StopAsyncIteration

    context = Context()
    assert context.wait_for(double(4)) == 8
    with pytest.raises(StopAsyncIteration):
        context.wait_for(broken())
    assert in_own_loop(double(5)) == 10


async def test_a_coroutine_runs_on_the_loop_given() -> None:
    async def which() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    here = asyncio.get_running_loop()
    assert await asyncio.to_thread(Context(loop=here).wait_for, which()) is here
    assert await asyncio.to_thread(Context().wait_for, which()) is own_loop()


def test_a_cancelled_coroutine_has_ended_when_the_wait_does() -> None:
    context, ended = Context(), []

    async def slow() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0.05)
            ended.append(True)

    threading.Timer(0.1, context.cancel.cancel, args=["enough"]).start()
    with pytest.raises(Cancelled, match="enough"):
        context.wait_for(slow())
    assert ended == [True]


def test_nothing_begins_once_cancelled() -> None:
    context, begun = Context(), []

    async def work() -> None:
        begun.append(True)

    context.cancel.cancel("before")
    with pytest.raises(Cancelled, match="before"):
        context.wait_for(work())
    assert begun == []


def test_a_coroutine_that_cancels_itself_is_no_cancellation_of_the_attempt() -> None:
    from concurrent.futures import CancelledError

    async def gives_up() -> None:
        raise asyncio.CancelledError

    with pytest.raises(CancelledError):
        Context().wait_for(gives_up())


def test_callbacks_do_not_pile_up() -> None:
    context = Context()
    for _ in range(5):
        context.wait_for(double(1))
    assert context.cancel._callbacks == {}


async def numbers(closed: list[str]) -> AsyncIterator[int]:
    try:
        for n in range(100):
            yield n
    finally:
        await asyncio.sleep(0)
        closed.append(threading.current_thread().name)


def test_draining_to_the_end_and_leaving_early_both_close() -> None:
    closed: list[str] = []
    assert list(Context().drain(numbers(closed))) == list(range(100))
    assert closed == ["hygge-loop"]
    left = Context().drain(numbers(closed))
    assert next(left) == 0
    left.close()
    assert closed == ["hygge-loop"] * 2


async def test_dropping_a_drain_in_the_loops_own_thread_does_not_hang() -> None:
    closed: list[str] = []
    drain = Context(loop=asyncio.get_running_loop()).drain(numbers(closed))
    assert await asyncio.to_thread(next, drain) == 0
    started = time.monotonic()
    drain.close()
    await asyncio.sleep(0.05)
    assert closed == [threading.current_thread().name]
    assert time.monotonic() - started < 5
