"""Pools: never more connections than there may be, whatever fails, and nobody waits for ever."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, ClassVar

import polars as pl
import pytest

from hygge.core.context import Context
from hygge.core.errors import Cancelled, ConfigError, ConnectError, TransientError
from hygge.core.slots import together
from hygge.sql import pool as pools
from hygge.sql.limits import Limit
from hygge.sql.link import Link
from hygge.sql.pool import Lease, Pool
from hygge.sql.server import PooledConnection
from hygge.sql.session import SQLSession
from hygge.sql.source import Source


class Server:
    """What is open at once, and what goes wrong."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.open = self.most = self.made = 0
        self.failing: Callable[[str], bool] = lambda what: False

    def opened(self) -> None:
        with self.lock:
            if self.failing("connect"):
                raise ConnectError("no more")
            self.made += 1
            self.open += 1
            self.most = max(self.most, self.open)


class FakeLink(Link):
    label = "fake"

    def __init__(self, server: Server) -> None:
        server.opened()
        self.server, self.said, self.closed = server, list[str](), False

    def execute(self, sql: str) -> None:
        self.said.append(sql)

    def rows(self, sql: str) -> Sequence[tuple[Any, ...]]:
        if self.server.failing("check"):
            raise TransientError("gone")
        return [(1,)]

    def stream(self, sql: str, batch_rows: int) -> AbstractContextManager[Iterator[pl.DataFrame]]:
        raise AssertionError("nothing is read here")

    def reset(self) -> None:
        if self.server.failing("reset"):
            raise TransientError("gone")

    def cancel(self) -> None:
        self.said.append("cancel")

    def close(self) -> None:
        with self.server.lock:
            self.server.open -= not self.closed
        self.closed = True


class FakeConnection(PooledConnection):
    kind: ClassVar[str] = "fake"
    server: Any = None

    def connect(self) -> Link:
        return FakeLink(self.server)

    def identity(self) -> str:
        return "fake"

    def reader(self, lease: Lease, source: Source, context: Context) -> SQLSession:
        raise AssertionError("nothing is read here")


def pool_of(server: Server, *, clock: Any = datetime.now, **settings: Any) -> Pool:
    return Pool(FakeConnection(server=server, **settings), clock)


@pytest.mark.parametrize("seed", range(5))
def test_never_more_than_its_size_whatever_fails(seed: int) -> None:
    server, chance = Server(), random.Random(seed)
    server.failing = lambda what: chance.random() < 0.2
    pool = pool_of(server, pool_size=3)

    def work(number: int) -> None:
        mine = random.Random(seed * 100 + number)
        for _ in range(60):
            try:
                leases = [pool.lease(Context())]
            except ConnectError:
                continue
            leases += pool.spare(mine.randrange(3))
            assert pool.slots.taken <= 3
            for lease in leases:
                lease.release(broken=mine.random() < 0.3)
                lease.release()  # twice is once

    threads = [threading.Thread(target=work, args=[n]) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert pool.slots.taken == 0
    assert server.most <= 3
    pool.close()
    assert server.open == 0


def test_connections_are_used_again_but_not_broken_ones() -> None:
    server = Server()
    pool = pool_of(server, pool_size=2, session=["SET a", "SET b"])
    first = pool.lease(Context())
    assert isinstance(first.link, FakeLink)
    assert first.link.said == ["SET a", "SET b"]
    first.release()
    again = pool.lease(Context())
    assert again.link is first.link
    again.release(broken=True)
    assert first.link.closed
    assert pool.lease(Context()).link is not first.link
    assert server.made == 2


def test_one_that_lay_idle_is_asked_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "CHECK_AFTER_S", 0.0)
    server = Server()
    pool = pool_of(server)
    pool.lease(Context()).release()
    server.failing = lambda what: what == "check"
    lease = pool.lease(Context())
    assert server.made == 2
    assert server.open == 1
    lease.release()


def test_waiting_ends_when_it_is_cancelled() -> None:
    pool = pool_of(Server(), pool_size=1)
    held, context = pool.lease(Context()), Context()
    threading.Timer(0.1, context.cancel.cancel, args=["enough"]).start()
    with pytest.raises(Cancelled):
        pool.lease(context)
    held.release()
    pool.lease(Context()).release()


def test_fewer_at_certain_hours() -> None:
    now = datetime(2024, 1, 1, 9)
    server = Server()
    limits = [Limit(when="08:00-18:00", connections=1)]
    pool = pool_of(server, pool_size=4, limits=limits, clock=lambda: now)
    lease = pool.lease(Context())
    assert pool.spare(3) == []
    now = now.replace(hour=19)
    more = pool.spare(9)
    assert len(more) == 3
    now = now.replace(hour=9)
    for each in (lease, *more):
        each.release()
    assert server.open <= 1  # what the hour does not allow is not kept


def test_holders_never_wait_for_each_other() -> None:
    """Each load needs connections of two pools at once; taken one by one they would lock up."""
    one, two = pool_of(Server(), pool_size=2), pool_of(Server(), pool_size=2)

    def load(first: Pool, second: Pool) -> None:
        for _ in range(50):
            context = Context()
            with together([first.slots, second.slots], context):
                leases = [first.lease(context), second.lease(context)]
                for lease in leases:
                    lease.release()

    threads = [threading.Thread(target=load, args=pair) for pair in [(one, two), (two, one)] * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert one.slots.taken == two.slots.taken == 0


def test_a_session_statement_that_fails_leaves_nothing_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server = Server()
    pool = pool_of(server, pool_size=1, session=["SET nonsense"])
    monkeypatch.setattr(FakeLink, "execute", lambda self, sql: (_ for _ in ()).throw(
        ConnectError("no such setting")))  # fmt: skip
    for _ in range(2):
        with pytest.raises(ConnectError):
            pool.lease(Context())
    assert (server.open, pool.slots.taken) == (0, 0)


def test_lines_that_a_driver_opens_beside_take_the_place_of_idle_ones() -> None:
    """Loads of one line of the pool's and one of the driver's, after a pool full of readers."""
    server = Server()
    pool = pool_of(server, pool_size=4)
    for lease in [pool.lease(Context()) for _ in range(4)]:
        lease.release()
    assert server.open == 4

    def load() -> None:
        for _ in range(50):
            lease = pool.lease(Context(), 2)
            server.opened()  # the driver's
            with server.lock:
                server.open -= 1
            lease.release()
            pool.lease(Context()).release()

    threads = [threading.Thread(target=load) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    assert server.most == 4
    assert pool.slots.taken == 0
    pool.close()
    assert server.open == 0


def test_more_lines_than_a_pool_has_are_told() -> None:
    pool = pool_of(Server(), pool_size=1)
    with pytest.raises(ConfigError, match="needs 2 connections"):
        pool.lease(Context(), 2)
    pool.lease(Context()).release()
