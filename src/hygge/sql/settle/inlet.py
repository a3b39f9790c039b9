"""The way into one table: a thread of its own sends what writers put, while they make ready more.

Rows go in streams, each of which the database takes in one go: it ends where it has had enough,
where nothing more comes for a while, and where a writer wants to know that its rows are there.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from hygge.core.errors import Cancelled, DataError, VerifyError
from hygge.core.fields import Schema
from hygge.sql.link import Link
from hygge.sql.settle.place import Place

if TYPE_CHECKING:
    from hygge.sql.settle.settler import Settler

PATIENCE_S = 0.2
"""After so long without rows a stream ends: a statement that waits for its source would run into
the server's limit of time."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A batch on its way.

    Parameters
    ----------
    rows: as the database is to have them.
    batch: as they came, and
    offset: how many its writer had written before it, so that a value can be named.
    size: in bytes.
    """

    rows: pl.DataFrame
    batch: pl.DataFrame
    offset: int
    size: int


class Inlet:
    """What the writers of this process share, taking turns.

    Parameters
    ----------
    settler, link: how, and over what.
    place, table: a table of the place's schema.
    fields: of the table, for the columns of every batch.
    entity: the name used in errors.
    """

    def __init__(
        self, settler: Settler, link: Link, place: Place, table: str, fields: Schema, entity: str
    ) -> None:
        self.settler, self.table, self.fields, self.entity = settler, table, fields, entity
        self._place, self._way = place, settler.way_in(link, place, table)
        self._door = threading.Lock()  # writers come and go one by one
        self._writers = 0
        self._turn = threading.Condition()
        self._next: Parcel | None = None
        self._asked: deque[Future[None]] = deque()
        self._error: BaseException | None = None
        self._closed = False
        self._thread: threading.Thread | None = None

    # For writers ----------------------------------------------------------------------------------

    def join(self) -> None:
        """One more writer; each leaves in the end."""
        with self._door:
            self._writers += 1

    def put(self, parcel: Parcel) -> None:
        """Hand a batch over, once those before it are on their way. Raises what became of them."""
        with self._turn:
            if self._thread is None:
                self._closed = False
                self._thread = threading.Thread(
                    target=self._run, name=f"send {self.entity}", daemon=True
                )
                self._thread.start()
            while self._next is not None and self._error is None:
                self._turn.wait()
            if self._error is not None:
                raise self._error
            self._next = parcel
            self._turn.notify_all()

    def settle(self) -> None:
        """Wait until all that was put is there. Raises what became of it; for what the database
        refuses, what names the value."""
        with self._turn:
            if self._error is not None:
                raise self._error
            if self._thread is None:
                return
            asked = Future[None]()
            self._asked.append(asked)
            self._turn.notify_all()
        asked.result()

    def leave(self, good: bool) -> None:
        """The last writer to leave sees to it that all is there."""
        with self._door:
            self._writers -= 1
            if not good:
                self.stop()
            elif not self._writers:
                self._end()
                self._way.end()

    def stop(self) -> None:
        """End what is under way, whoever has not left yet; safe more than once."""
        self._close(Cancelled(f"{self._place}: a writer was stopped"))
        self._way.drop()  # a database that takes no more holds up the thread
        self._end()
        self._way.drop()  # what the thread had just begun

    def _end(self) -> None:
        self._close()
        with self._turn:
            thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def _close(self, error: BaseException | None = None) -> None:
        with self._turn:
            self._closed, self._error = True, self._error or error
            self._turn.notify_all()

    # The thread that sends ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (first := self._taken(None)) is not None:
                self._send(first)
        except BaseException as error:  # noqa: BLE001 - raised by who puts, or waits
            with self._turn:
                self._error, self._next = self._error or error, None
        with self._turn:
            self._turn.notify_all()
            asked, self._asked = self._asked, deque()
        for one in asked:
            one.set_exception(self._error or Cancelled(f"{self._place}: stopped"))

    def _send(self, first: Parcel) -> None:
        """One stream."""
        sent: list[Parcel] = []
        try:
            taken = self._way.take(self._stream(first, sent))
        except DataError as error:
            raise self._blame(error, sent) from error
        if taken != (given := sum(parcel.rows.height for parcel in sent)):
            raise VerifyError(f"{self._place}: {given} rows were sent, and {taken} taken")

    def _stream(self, first: Parcel, sent: list[Parcel]) -> Iterator[pl.DataFrame]:
        parcel, left = first, self.settler.at_once
        while True:
            sent.append(parcel)
            yield parcel.rows
            left -= parcel.size
            if left <= 0 or (more := self._taken(PATIENCE_S)) is None:
                return
            parcel = more

    def _taken(self, most_s: float | None) -> Parcel | None:
        """The next parcel; within a stream, which has `most_s`, None where it is to end, and
        between streams at the end of all."""
        with self._turn:
            while self._next is None and self._error is None:
                if self._closed:
                    return None
                if most_s is None:
                    while self._asked:  # all that was put is there
                        self._asked.popleft().set_result(None)
                elif self._asked:
                    return None
                if not self._turn.wait(most_s):
                    return None
            if self._error is not None:
                raise self._error
            parcel, self._next = self._next, None
            self._turn.notify_all()
            return parcel

    def _blame(self, error: DataError, sent: list[Parcel]) -> BaseException:
        for parcel in sent:
            found = self.settler.blame(
                error, parcel.batch, self.fields, entity=self.entity, offset=parcel.offset
            )
            if found is not error:
                return found
        return error
