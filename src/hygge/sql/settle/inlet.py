"""The way into one table: a thread of its own sends what writers put, while they make ready more.

Rows go in streams, each of which the database takes in one go: it ends where it has had enough or
has lasted long, where nothing more comes for a while, and where a writer wants to know that its
rows are there.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import polars as pl

from hygge.core.context import HEAR_EVERY_S
from hygge.core.errors import Cancelled, DataError, VerifyError
from hygge.core.fields import Schema
from hygge.sql.link import Link
from hygge.sql.settle.place import Place
from hygge.sql.settle.settler import ENDLESS, Settler

PATIENCE_S = 0.2
"""After so long without rows a stream ends: a statement that waits for its source would run into
the server's limit of time."""
LONGEST_S = 5.0
"""And after so long in all, for a source that gives little at a time; or after half of the time
that a statement may take, where that is less: the rest is for what the database does in the end."""
WAITS_S = 0.5
"""So long who wants to know that rows are there waits for other writers to want that, too, where
long streams are better: with writers that are even, it is a moment."""
LEAVE_S = 10.0
"""So long a stream that is stopped may take, perhaps for a lock that somebody else holds, before
the server is told to give it up."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """A batch on its way.

    Parameters
    ----------
    rows: as the database is to have them.
    batch: as they came, and
    offset: how many its writer had written before it, so that a value can be named.
    size: in bytes.
    chunk: the writer's.
    """

    rows: pl.DataFrame
    batch: pl.DataFrame
    offset: int
    size: int
    chunk: int


@dataclass(slots=True)
class _Sent:
    """What one stream has sent: how much, and the parcels that a value is looked for in; see
    Settler.done_with."""

    done_with: bool
    kept: dict[int, Parcel] = field(default_factory=dict)
    parcels: int = 0
    rows: int = 0

    def add(self, parcel: Parcel) -> None:
        # The first one may be another thread's than the one that has a look at it.
        taker = threading.get_ident() if self.done_with and self.parcels else -self.parcels
        self.kept[taker] = parcel
        self.parcels += 1
        self.rows += parcel.rows.height


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
        self._link, self._place = link, place
        self._way = settler.way_in(link, place, table)
        self._door = threading.Lock()  # writers come and go one by one
        self._writers = self._waiting = 0
        self._since = 0.0  # the first of those who wait
        self._turn = threading.Condition()
        self._next: Parcel | None = None
        self._put = self._there = 0  # parcels that writers put; those that the database has
        self._asked = 0  # somebody waits until so many are there
        self._error: BaseException | None = None
        self._guilty: int | None = None  # the chunk whose value it names
        self._closed = False
        self._thread: threading.Thread | None = None

    @property
    def under_way(self) -> bool:
        """Whether its thread uses the connection, or may any moment."""
        return self._thread is not None

    # For writers ----------------------------------------------------------------------------------

    def join(self) -> None:
        """One more writer; each leaves in the end."""
        with self._door:
            self._writers += 1

    def put(self, parcel: Parcel) -> None:
        """Hand a batch over, once those before it are on their way. Raises what became of them."""
        with self._turn:
            while self._next is not None and self._error is None:
                self._turn.wait(HEAR_EVERY_S)
            self._check(parcel.chunk)
            if self._thread is None:
                self._closed = False
                self._thread = threading.Thread(
                    target=self._run, name=f"send {self.entity}", daemon=True
                )
                self._thread.start()
            self._next = parcel
            self._put += 1
            self._turn.notify_all()

    def settle(self, chunk: int) -> None:
        """Wait until all that was put so far is there. Raises what became of it; for what the
        database refuses, what names the value."""
        with self._turn:
            self._asked = wanted = self._put
            self._turn.notify_all()
            self._since = self._since if self._waiting else time.monotonic()
            self._waiting += 1
            try:
                while self._there < wanted and self._error is None:
                    self._turn.wait(HEAR_EVERY_S)
            finally:
                self._waiting -= 1
            self._check(chunk)

    def _check(self, chunk: int) -> None:
        """Raise what became of the rows. Only the writer of a row may name it otherwise: others do
        not know where it stood."""
        error = self._error
        if isinstance(error, DataError) and error.at is not None and chunk != self._guilty:
            raise DataError(error.message, hint=error.hint) from error
        if error is not None:
            raise error

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
        thread = self._thread
        if thread is None:
            return
        if self._error is not None:
            thread.join(LEAVE_S)
            if thread.is_alive():
                self._link.cancel()
        thread.join()
        self._thread = None

    def _close(self, error: BaseException | None = None) -> None:
        with self._turn:
            self._closed, self._error = True, self._error or error
            self._turn.notify_all()

    # The thread that sends ------------------------------------------------------------------------

    def _run(self) -> None:
        try:
            while (first := self._taken()) is not None:
                self._send(first)
        except BaseException as error:  # noqa: BLE001 - raised by who puts, or waits
            with self._turn:
                self._error, self._next = self._error or error, None
                self._turn.notify_all()

    def _send(self, first: Parcel) -> None:
        """One stream."""
        sent = _Sent(self.settler.done_with)
        try:
            taken = self._way.take(self._stream(first, sent))
        except DataError as error:
            raise self._blame(error, sent) from error
        if taken != sent.rows:
            raise VerifyError(f"{self._place}: {sent.rows} rows were sent, and {taken} taken")
        with self._turn:
            self._there += sent.parcels
            self._turn.notify_all()

    def _stream(self, first: Parcel, sent: _Sent) -> Iterator[pl.DataFrame]:
        parcel: Parcel | None = first
        longest = min(LONGEST_S, self._link.statement_s / 2 or LONGEST_S)
        left, until = self.settler.at_once, time.monotonic() + longest
        while parcel is not None:
            sent.add(parcel)
            yield parcel.rows
            left -= parcel.size
            patience = min(PATIENCE_S, until - time.monotonic())
            over = left <= 0 or patience <= 0
            parcel = None if over else self._taken(sent.parcels, patience)

    def _taken(self, sent: int = 0, patience: float | None = None) -> Parcel | None:
        """The next parcel. Where a stream has sent some, None if it is to end, as where nothing
        comes for so long; before it has begun, None at the end of all."""
        with self._turn:
            while self._error is None:
                if sent and self._is_waited_for(sent):
                    return None
                if self._next is not None:
                    parcel, self._next = self._next, None
                    self._turn.notify_all()
                    return parcel
                if self._closed or not self._turn.wait(patience):
                    return None
            raise self._error

    def _is_waited_for(self, sent: int) -> bool:
        """Whether a stream is to end because somebody waits for some of the parcels it has sent."""
        if not self._there < self._asked <= self._there + sent:
            return False
        if self.settler.at_once < ENDLESS or self._waiting >= self._writers:
            return True
        return time.monotonic() - self._since >= WAITS_S

    def _blame(self, error: DataError, sent: _Sent) -> BaseException:
        for parcel in sent.kept.values():
            found = self.settler.blame(
                error, parcel.batch, self.fields, entity=self.entity, offset=parcel.offset
            )
            if found is not error:
                self._guilty = parcel.chunk
                return found
        return error
