"""What bulk copy does with a driver that takes all, refuses, or stands still; without a server."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import polars as pl
import pytest

from hygge.core.errors import Cancelled, DataError, VerifyError
from hygge.core.fields import Schema
from hygge.sql.mssql import copying
from hygge.sql.mssql.copying import Copy
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.settle.inlet import Inlet, Parcel
from hygge.sql.settle.place import Place

FIELDS = Schema.of(pl.DataFrame({"k": [1]}))


class Driver:
    """A cursor and its connection."""

    label = "it"
    statement_s = 0.0
    copies = True

    def __init__(self) -> None:
        self.taken: list[list[int]] = []
        self.targets: list[str] = []
        self.loses = 0
        self.error: BaseException | None = None
        self.begun, self.goes_on = threading.Event(), threading.Event()
        self.goes_on.set()

    def copy_into(self, target: str) -> Copy:
        self.targets.append(target)
        return Copy(self, target, lambda error: DataError(f"told: {error}"), self.label)

    def bulkcopy_arrow(self, target: str, source: Any, **_: Any) -> dict[str, int]:
        taken: list[int] = []
        self.taken.append(taken)
        self.begun.set()
        self.goes_on.wait(60)
        for batch in source:
            if self.error is not None:
                raise self.error
            taken += batch.column(0).to_pylist()
        return {"rows_copied": len(taken) - self.loses}


@pytest.fixture
def driver() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.goes_on.set()


@pytest.fixture
def into(driver: Driver) -> Inlet:
    link = cast("MSSQLLink", driver)
    return Inlet(MSSQLSettler(), link, Place("dbo", "t", "it"), "t]", FIELDS, "orders")


def put(to: Inlet, first: int) -> None:
    batch = pl.DataFrame({"k": [first, first + 1]})
    to.put(Parcel(batch, batch, 0, 16, 0))


def test_all_writers_rows_are_one_copy(driver: Driver, into: Inlet) -> None:
    into.join()
    into.join()
    put(into, 0)
    into.settle(0)
    into.leave(True)
    put(into, 2)
    put(into, 4)
    into.settle(0)
    into.leave(True)
    assert driver.taken == [[0, 1, 2, 3, 4, 5]]
    assert driver.targets == ["[dbo].[t]]]"]


@pytest.mark.parametrize("error", [ValueError("60 letters"), BaseException("a panic")])
def test_what_the_driver_refuses(driver: Driver, into: Inlet, error: BaseException) -> None:
    driver.error = error
    into.join()
    with pytest.raises(DataError, match=f"told: {error}"):
        for first in range(0, 20, 2):
            put(into, first)
    into.leave(False)


def test_what_the_driver_refuses_at_the_end(driver: Driver, into: Inlet) -> None:
    driver.error = ValueError("60 letters")
    driver.goes_on.clear()
    into.join()
    put(into, 0)
    into.settle(0)
    driver.goes_on.set()
    with pytest.raises(DataError, match="told: 60 letters"):
        into.leave(True)


def test_rows_that_the_server_did_not_count(driver: Driver, into: Inlet) -> None:
    driver.loses = 1
    into.join()
    put(into, 0)
    into.settle(0)
    with pytest.raises(VerifyError, match="was given 2 rows, and took 1"):
        into.leave(True)


def asked(to: Inlet) -> None:
    to.settle(0)


def another(to: Inlet) -> None:
    put(to, 8)


@pytest.mark.parametrize("then", [asked, another])
def test_a_driver_that_stands_still_is_left_alone(
    driver: Driver, into: Inlet, monkeypatch: pytest.MonkeyPatch, then: Callable[[Inlet], None]
) -> None:
    """As where the server is gone without a word: it has no way to be stopped."""
    monkeypatch.setattr(copying, "LEAVE_AFTER_S", 0.01)
    driver.goes_on.clear()
    into.join()
    into.join()
    for first in (0, 2, 4):  # the first fills the copy, the second waits for it
        put(into, first)
    assert driver.begun.wait(60)
    into.leave(False)
    with pytest.raises(Cancelled):
        then(into)
    into.leave(False)
    assert driver.taken == [[]]
