"""A connection to PostgreSQL over its own protocol, for what hygge asks of it: statements whose
answers are few, and COPY by whole blocks.

https://www.postgresql.org/docs/current/protocol-flow.html
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from typing import Self

from hygge.core.secrets import remember
from hygge.sql.postgres.wire.asked import Asked, asked, home_folder, system_user
from hygge.sql.postgres.wire.copying import Buffer, blocks, send_pieces
from hygge.sql.postgres.wire.dial import Dialled, cancel, dial
from hygge.sql.postgres.wire.messages import (
    COMPLETE,
    COPY_BOTH,
    COPY_IN,
    COPY_OUT,
    EMPTY,
    ERROR,
    PARAMETER,
    PASSING,
    READY,
    ROW,
    ROWS,
    Answer,
    Beyond,
    Block,
    Column,
    ServerError,
    columns,
    counted,
    describe,
    error,
    message,
    parameter,
    state,
    text,
    texts,
    values,
)

__all__ = ["Answer", "Beyond", "Block", "Column", "ServerError", "Wire"]

PATIENCE_S = 10.0
"""How long a server may take to end what it was told to end."""


class Wire:
    """An open connection, for one thread at a time; `cancel` and `close` are for any.

    Every method raises ServerError. What breaks a connection closes it.
    """

    def __init__(self, asked: Asked, dialled: Dialled) -> None:
        self._asked, self._dialled, self._line = asked, dialled, dialled.line
        self.status = dialled.status
        """Of the transaction: I for none, T within one, E in one that failed."""
        self.dates = "ISO"
        """DateStyle, as far as the server has told of a change since the session began."""
        self._sql = ""
        self._error: ServerError | None = None
        self._tag = ""
        self._busy = False
        self._cancelling = threading.Lock()

    @classmethod
    def open(cls, conninfo: Mapping[str, str]) -> Self:
        """Connect.

        Parameters
        ----------
        conninfo: libpq's keywords and their values.

        Raises ServerError, and Beyond where it is for libpq to connect.
        """
        wanted = asked(conninfo, os.environ, home_folder(), system_user())
        remember(wanted.password)  # PGPASSWORD's is known to nobody else
        return cls(wanted, dial(wanted))

    @property
    def closed(self) -> bool:
        """Whether it was closed, or broke."""
        return self._line.closed

    # Statements -----------------------------------------------------------------------------------

    def query(self, sql: str) -> list[Answer]:
        """Run statements, and give what each came to; all or none are done, unless they say
        otherwise (protocol-flow.html, "Simple Query")."""
        found: list[tuple[tuple[Column, ...], list[tuple[bytes | None, ...]], str]] = []
        told: tuple[Column, ...] = ()
        rows: list[tuple[bytes | None, ...]] = []
        with self._asking(sql, message(b"Q", text(sql))):
            for kind, body in self._answer():
                if kind == ROWS:
                    told, rows = columns(body), []
                elif kind == ROW:
                    rows.append(values(body))
                elif kind in (COMPLETE, EMPTY):
                    found.append((told, rows, self._tag if kind == COMPLETE else ""))
                    told, rows = (), []
        return [Answer(names, [_texts(row) for row in raw], tag) for names, raw, tag in found]

    def describe(self, sql: str) -> tuple[Column, ...]:
        """The columns that a statement gives, without running it; none where it gives no rows."""
        found: tuple[Column, ...] = ()
        with self._asking(sql, describe(sql)):
            for kind, body in self._answer():
                if kind == ROWS:
                    found = columns(body)
        return found

    # COPY -----------------------------------------------------------------------------------------

    @contextmanager
    def copy_out(self, sql: str, block_bytes: int) -> Iterator[Iterator[Block]]:
        """What COPY sends, in blocks of whole messages.

        Parameters
        ----------
        sql: `COPY ... TO STDOUT`.
        block_bytes: what a block holds, unless one message is longer.

        Left before its end, it is cancelled, and what had been sent already passed over.
        """
        with self._asking(sql, message(b"Q", text(sql))):
            self._begin_copy(COPY_OUT, "COPY TO STDOUT")
            with closing(self._blocks(block_bytes)) as found:
                try:
                    yield found
                finally:
                    found.close()
                    self._leave()

    def _blocks(self, block_bytes: int) -> Generator[Block, None, None]:
        with closing(blocks(self._line, block_bytes, self._heed)) as found:
            try:
                yield from found
            except ServerError as broken:
                raise (self._error or broken) from None
        if self._error is not None:
            raise self._error

    def _leave(self) -> None:
        """Have the server end what it is still sending, and take in the rest."""
        if self._busy and not self._line.closed:
            self.cancel()
            self._pass_over()

    def _pass_over(self, *said: bytes) -> None:
        """Take in the rest of an answer, unless it is long in coming: that breaks the connection.

        Parameters
        ----------
        said: what the server is told before.
        """
        self._line.until = time.monotonic() + PATIENCE_S
        with suppress(ServerError):
            self._line.send(*said)
            for _ in self._answer():
                pass
        self._line.until = None

    @property
    def copied(self) -> int | None:
        """How many rows the server counted in the last COPY that came to its end; None where it
        does not say, as some that are not quite PostgreSQL do."""
        return counted(self._tag)

    def copy_in(self, sql: str, pieces: Iterable[Buffer]) -> int:
        """Send what COPY takes in; returns how many rows the server counted.

        Parameters
        ----------
        sql: `COPY ... FROM STDIN`.
        pieces: buffers, wherever they part the rows. What taking them raises is raised again, and
            none of the rows are kept.
        """
        with self._asking(sql, message(b"Q", text(sql))):
            self._begin_copy(COPY_IN, "COPY FROM STDIN")
            try:
                whole = send_pieces(self._line, pieces, self._refused)
            except BaseException as stopped:
                if self._line.sending:  # what came next would be taken for the message's bytes
                    self._line.close()
                elif not self._line.closed:
                    self._pass_over(message(b"f", text(type(stopped).__name__)))
                raise
            if whole:
                self._line.send(message(b"c"))
            for _ in self._answer():
                pass
        return self.copied or 0

    def _begin_copy(self, kind: int, name: str) -> None:
        """Wait until the server is ready to copy in one direction."""
        for found, _ in self._answer(kind):
            if found == kind:
                return
        raise ServerError(f"{self._sql[:100]!r} is no {name}")

    def _refused(self) -> bool:
        """Whether the server has ended a COPY that is being sent to it."""
        while self._error is None and self._line.look():
            self._heed(*self._line.message())
        return self._error is not None

    # What the server says -------------------------------------------------------------------------

    @contextmanager
    def _asking(self, sql: str, *said: bytes) -> Iterator[None]:
        """One exchange: what is not at its end when this is left has broken the connection."""
        if self._line.closed:
            raise ServerError("no connection to the server")
        if self._busy:
            raise ServerError("another command is already in progress")
        with self._cancelling:  # what is being cancelled is not this
            self._sql, self._error, self._tag, self._busy = sql, None, "", True
        try:
            self._line.send(*said)
            yield
        finally:
            if self._busy:
                self._line.close()
                self._busy = False

    def _answer(self, copies: int | None = None) -> Generator[tuple[int, memoryview], None, None]:
        """Messages until the server is ready for more.

        Parameters
        ----------
        copies: the message that begins a COPY, where one is asked for.

        Raises what the server refused, when it is ready again or has gone.
        """
        try:
            while self._busy:
                kind, body = self._line.message()
                if kind == copies and self._error is None:
                    yield kind, body
                else:
                    self._heed(kind, body)
                    if kind not in PASSING:
                        yield kind, body
        except ServerError as broken:
            raise (self._error or broken) from None
        if self._error is not None:
            raise self._error

    def _heed(self, kind: int, body: memoryview) -> None:
        """Take note of what any message says."""
        if kind == ERROR:
            self._error = self._error or error(body, self._sql)
        elif kind == READY:
            self.status, self._busy = state(body), False
        elif kind == COMPLETE:
            self._tag = "".join(texts(body)[:1])
        elif kind == PARAMETER:
            name, value = parameter(body)
            if name == "client_encoding" and value != "UTF8":
                self._line.fail(f"client_encoding was set to {value}: UTF8 is needed here")
            self.dates = value if name == "DateStyle" else self.dates
        elif kind in (COPY_IN, COPY_OUT, COPY_BOTH):
            self._line.fail("the server began a COPY that was not asked for")

    # The end --------------------------------------------------------------------------------------

    def cancel(self) -> None:
        """Have the server end the statement under way, by any thread; nothing where there is none,
        or where the server cannot be told."""
        with self._cancelling:
            if self._busy and self._dialled.key:
                cancel(self._asked, self._dialled)

    def close(self) -> None:
        """Tell the server that this is the end, and close the connection."""
        if not self._line.closed and not self._busy:
            with suppress(ServerError):
                self._line.until = 0.0
                self._line.send(message(b"X"))
        self._line.close()


def _texts(row: tuple[bytes | None, ...]) -> tuple[str | None, ...]:
    try:
        return tuple(None if value is None else value.decode() for value in row)
    except UnicodeDecodeError as error:
        raise ServerError(f"ERROR:  a text is not encoded as UTF-8: {error}", "22021") from None
