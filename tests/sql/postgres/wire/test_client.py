"""What hygge's own client does with a server, and with one that breaks."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.servers import Database, Server
from tests.sql.postgres.wire.scripted import (
    COPIED,
    COPIES,
    GREETING,
    NOTES,
    READY,
    heard,
    info,
    saying,
    scripted,
    started,
    wired,
)

from hygge.sql.postgres.wire import line as line_module
from hygge.sql.postgres.wire.client import Block, Column, ServerError, Wire
from hygge.sql.postgres.wire.copying import IDLE_S, PIECE
from hygge.sql.postgres.wire.line import TOGETHER
from hygge.sql.postgres.wire.messages import message

PATIENCE_S = 60.0
LONG_ROW = message(b"d", bytes(1000))


@pytest.fixture(scope="module")
def database(postgres_server: Server) -> Iterator[Database]:
    with postgres_server.database() as database:
        yield database


@pytest.fixture
def wire(database: Database) -> Iterator[Wire]:
    wire = Wire.open(
        {"host": database.host, "port": str(database.port), "dbname": database.database,
         "user": database.user, "password": database.password, "connect_timeout": "15"}
    )  # fmt: skip
    yield wire
    wire.close()


def wait_for(what: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := what()):
        assert time.monotonic() < deadline
    return found


def joined(blocks: Iterator[Block]) -> bytes:
    """What the messages of blocks carry, which lie in order in each."""
    found = b""
    for data, starts, ends in blocks:
        assert len(starts)
        assert (starts[1:] >= ends[:-1] + 5).all()
        found += b"".join(
            data[start:end].tobytes() for start, end in zip(starts, ends, strict=True)
        )
    return found


def copied(wire: Wire, sql: str, block_bytes: int = 1 << 20) -> bytes:
    with wire.copy_out(sql, block_bytes) as blocks:
        return joined(blocks)


def one(wire: Wire, sql: str) -> str | None:
    return wire.query(sql)[-1].rows[0][0]


# Statements ---------------------------------------------------------------------------------------


def test_statements_and_what_they_come_to(wire: Wire) -> None:
    first, second, third = wire.query(
        "SELECT 1 AS a, NULL::text AS b, 'é'::varchar(7) AS c UNION ALL SELECT 2, '', 'x'; "
        "CREATE TEMP TABLE s (a int); INSERT INTO s VALUES (1), (2)"
    )
    assert first.columns == (Column("a", 23, -1), Column("b", 25, -1), Column("c", 1043, -1))
    assert first.rows == [("1", None, "é"), ("2", "", "x")]
    assert (first.tag, second.tag, third.tag) == ("SELECT 2", "CREATE TABLE", "INSERT 0 2")
    assert second.rows == []
    assert [(a.columns, a.rows, a.tag) for a in wire.query("")] == [((), [], "")]


def test_the_state_of_the_transaction(wire: Wire) -> None:
    states = [wire.status]
    for sql in ("BEGIN", "SELECT 1", "SELECT 1/0", "SELECT 1", "ROLLBACK"):
        with suppress(ServerError):
            wire.query(sql)
        states.append(wire.status)
    assert states == ["I", "T", "T", "E", "E", "I"]


def test_describing_runs_nothing(wire: Wire) -> None:
    found = wire.describe("SELECT 1/0 AS x, 1::numeric(10,2) AS n, 'a'::varchar(7) AS v")
    assert found == (Column("x", 23, -1), Column("n", 1700, 655366), Column("v", 1043, 11))
    assert wire.describe("CREATE TABLE never (a int)") == ()
    with pytest.raises(ServerError):
        wire.query("SELECT * FROM never")


@pytest.mark.parametrize(
    ("sql", "state", "told"),
    [
        ("SELECT 1/0", "22012", "ERROR:  division by zero"),
        ("SELECT *\nFROM\tnowhere -- é", "42P01",
         'ERROR:  relation "nowhere" does not exist\nLINE 2: FROM nowhere -- é\n             ^'),
        ("SELECT concat(1 ||)", "42601",
         'ERROR:  syntax error at or near ")"\nLINE 1: SELECT concat(1 ||)\n' + " " * 26 + "^"),
        ("DO $$ BEGIN RAISE 'so' USING DETAIL = 'why', HINT = 'how'; END $$", "P0001",
         "ERROR:  so\nDETAIL:  why\nHINT:  how\n"
         "CONTEXT:  PL/pgSQL function inline_code_block line 1 at RAISE"),
    ],
)  # fmt: skip
def test_errors_read_as_libpq_writes_them(wire: Wire, sql: str, state: str, told: str) -> None:
    for ask in (wire.query, wire.describe) if state.startswith("42") else (wire.query,):
        with pytest.raises(ServerError) as caught:
            ask(sql)
        assert (caught.value.sqlstate, str(caught.value)) == (state, told)
    assert one(wire, "SELECT 'goes on'") == "goes on"


def test_a_long_line_is_shown_around_the_error(wire: Wire) -> None:
    with pytest.raises(ServerError) as caught:
        wire.query(f"SELECT {'1, ' * 50} nowhere, {'2, ' * 50} 3")
    _, line, mark = str(caught.value).split("\n")
    assert len(line) < 90
    assert line[mark.index("^") :].startswith("nowhere")


def test_what_cannot_be_said(wire: Wire) -> None:
    for sql in ("SELECT '\0'", "SELECT '\ud800'"):
        with pytest.raises(ServerError, match=r"NUL|surrogates") as caught:
            wire.query(sql)
        assert caught.value.sqlstate == "22021"
    assert one(wire, "SELECT 1") == "1"


# COPY out -----------------------------------------------------------------------------------------

ROWS = "(SELECT i, repeat('é', i % 300) FROM generate_series(1, 3000) i)"


@pytest.mark.parametrize("block_bytes", [1, 5000, 1 << 16, 1 << 24])
def test_blocks_are_whole_whatever_their_size(wire: Wire, block_bytes: int) -> None:
    expected = "".join(f"{i}\t{'é' * (i % 300)}\n" for i in range(1, 3001)).encode()
    assert copied(wire, f"COPY {ROWS} TO STDOUT", block_bytes) == expected
    assert wire.status == "I"


def test_a_block_is_its_own(wire: Wire) -> None:
    with wire.copy_out(f"COPY {ROWS} TO STDOUT", 5000) as blocks:
        kept = list(blocks)
    assert joined(iter(kept)) == copied(wire, f"COPY {ROWS} TO STDOUT")
    assert len({block.data.ctypes.data for block in kept}) == len(kept) > 10


def test_a_message_longer_than_a_block(wire: Wire) -> None:
    sql = "COPY (SELECT repeat('x', 3000000) FROM generate_series(1, 3)) TO STDOUT"
    assert copied(wire, sql, 1 << 16) == (b"x" * 3_000_000 + b"\n") * 3


def test_no_rows(wire: Wire) -> None:
    assert copied(wire, "COPY (SELECT 1 WHERE false) TO STDOUT") == b""
    assert copied(wire, "COPY (SELECT 1 WHERE false) TO STDOUT (FORMAT binary)")[-2:] == b"\xff\xff"


def test_an_error_among_the_rows(wire: Wire) -> None:
    with pytest.raises(ServerError, match="division by zero") as caught:
        copied(wire, "COPY (SELECT 1/(3000 - i) FROM generate_series(1, 5000) i) TO STDOUT", 5000)
    assert caught.value.sqlstate == "22012"
    assert one(wire, "SELECT 1") == "1"


@pytest.mark.parametrize("taken", [0, 1, 3])
def test_leaving_early_ends_the_statement(wire: Wire, taken: int) -> None:
    sql = "COPY (SELECT i, pg_sleep(CASE WHEN i > 9000 THEN 100 ELSE 0 END)::text FROM generate_series(1, 9999) i) TO STDOUT"  # noqa: E501
    with wire.copy_out(sql, 4096) as blocks:
        for _ in range(taken):
            next(blocks)
    assert one(wire, "SELECT 1") == "1"
    with pytest.raises(KeyError), wire.copy_out(sql, 4096) as blocks:
        raise KeyError("mine")
    assert one(wire, "SELECT 1") == "1"


def test_what_is_no_copy(wire: Wire) -> None:
    with pytest.raises(ServerError, match="is no COPY TO STDOUT"), wire.copy_out("SELECT 1", 1):
        pass
    with pytest.raises(ServerError, match="is no COPY FROM STDIN"):
        wire.copy_in("SELECT 1", [b"1\n"])
    with pytest.raises(ServerError, match="syntax error"), wire.copy_out("COPY nothing", 1):
        pass
    assert one(wire, "SELECT 1") == "1"


@pytest.mark.parametrize("ask", ["query", "copy_in"])
def test_a_copy_that_nobody_asked_for_breaks_the_connection(wire: Wire, ask: str) -> None:
    with pytest.raises(ServerError, match="was not asked for"):
        wire.query("COPY (SELECT 1) TO STDOUT") if ask == "query" else wire.copy_in(
            "COPY (SELECT 1) TO STDOUT", []
        )
    with pytest.raises(ServerError, match="no connection"):
        wire.query("SELECT 1")


def test_one_exchange_at_a_time(wire: Wire) -> None:
    with wire.copy_out(f"COPY {ROWS} TO STDOUT", 4096) as blocks:
        with pytest.raises(ServerError, match="already in progress"):
            wire.query("SELECT 1")
        assert joined(blocks)


# COPY in ------------------------------------------------------------------------------------------


def test_every_kind_of_buffer(wire: Wire) -> None:
    wire.query("CREATE TEMP TABLE t (a int, b text)")
    lines = b"4\tfour\n"
    pieces = [
        b"1\to", bytearray(b"ne\n2\t"), b"", memoryview(b"two\n"), pa.py_buffer(b"3\tthree\n"),
        np.frombuffer(lines, np.uint8).data, np.empty(0, np.uint8).data,
    ]  # fmt: skip
    assert wire.copy_in("COPY t FROM STDIN", pieces) == 4
    assert wire.query("TABLE t")[0].rows == [
        ("1", "one"), ("2", "two"), ("3", "three"), ("4", "four"),
    ]  # fmt: skip
    assert wire.copy_in("COPY t FROM STDIN", []) == 0


def test_a_piece_longer_than_what_is_sent_at_a_time(wire: Wire) -> None:
    wire.query("CREATE TEMP TABLE t (a text)")
    line = b"x" * 999 + b"\n"
    count = 3 * PIECE // 1000
    assert wire.copy_in("COPY t FROM STDIN", [line * count, line]) == count + 1
    assert one(wire, "SELECT count(*) FROM t WHERE a = repeat('x', 999)") == str(count + 1)


def test_what_the_pieces_raise_is_raised_and_nothing_kept(wire: Wire) -> None:
    wire.query("CREATE TEMP TABLE t (a int)")

    def pieces() -> Iterator[bytes]:
        yield b"1\n" * 1000
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        wire.copy_in("COPY t FROM STDIN", pieces())
    with pytest.raises(TypeError):
        wire.copy_in("COPY t FROM STDIN", ["text"])
    assert one(wire, "SELECT count(*) FROM t") == "0"


def test_stopped_within_a_message(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    """As by Ctrl-C: word of it would be taken for the rest of that message, and waited for."""
    wire.query("CREATE TEMP TABLE t (a int)")
    waits = wire._line._wait

    def interrupted(events: int, most_s: float | None = None) -> int:
        if wire._line.sending:
            raise KeyboardInterrupt
        return waits(events, most_s)

    monkeypatch.setattr(wire._line, "_wait", interrupted)
    monkeypatch.setattr("hygge.sql.postgres.wire.client.PATIENCE_S", 2 * PATIENCE_S)
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        wire.copy_in("COPY t FROM STDIN", itertools.repeat(b"1\n" * 999_999))
    assert time.monotonic() - began < PATIENCE_S
    with pytest.raises(ServerError, match="no connection"):
        wire.query("SELECT 1")


def test_an_error_ends_the_sending(wire: Wire) -> None:
    """The pieces have no end."""
    wire.query("CREATE TEMP TABLE t (a int)")
    with pytest.raises(ServerError, match="invalid input syntax") as caught:
        wire.copy_in("COPY t FROM STDIN", itertools.chain([b"x\n"], itertools.repeat(b"1\n" * 999)))
    assert caught.value.sqlstate == "22P02"
    assert one(wire, "SELECT count(*) FROM t") == "0"


def test_a_server_that_talks_while_it_is_sent_to(wire: Wire) -> None:
    """Each would wait for the other to read, once there is no more room in between."""
    wire.query("""
        CREATE TEMP TABLE t (a text); SET client_min_messages = notice;
        CREATE FUNCTION pg_temp.talk() RETURNS trigger LANGUAGE plpgsql AS
          $$ BEGIN RAISE NOTICE '%', repeat('n', 60000); RETURN NEW; END $$;
        CREATE TRIGGER talk BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION pg_temp.talk();
    """)
    pieces = [b"".join(b"x" * 9999 + b"\n" for _ in range(1000))]
    assert wire.copy_in("COPY t FROM STDIN", pieces) == 1000


# Cancelling ---------------------------------------------------------------------------------------


def busy(database: Database) -> Any:
    return database.rows(
        "SELECT 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND state = 'active' AND "
        "datname = current_database()"
    )


def ask(wire: Wire, how: str) -> object:
    sql = "SELECT pg_sleep(100)::text"
    return wire.query(sql) if how == "query" else copied(wire, f"COPY ({sql}) TO STDOUT")


@pytest.mark.parametrize("how", ["query", "copy_out"])
def test_cancelling_what_is_under_way(database: Database, wire: Wire, how: str) -> None:
    def disturb() -> None:
        wait_for(lambda: busy(database))
        wire.cancel()

    thread = threading.Thread(target=disturb)
    thread.start()
    with pytest.raises(ServerError, match="user request") as caught:
        ask(wire, how)
    thread.join()
    assert caught.value.sqlstate == "57014"
    assert one(wire, "SELECT 1") == "1"


def test_cancelling_nothing(wire: Wire) -> None:
    wire.cancel()
    assert one(wire, "SELECT 1") == "1"


def test_no_statement_is_ended_in_the_place_of_another(wire: Wire) -> None:
    """Cancelled again and again from elsewhere, each is either done or ended, and the next is not
    when that has stopped."""
    stop = threading.Event()

    def disturb() -> None:
        while not stop.wait(0.001):
            wire.cancel()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        for number in range(50):
            try:
                assert one(wire, f"SELECT {number}") == str(number)
            except ServerError as error:
                assert error.sqlstate == "57014"
    finally:
        stop.set()
        thread.join()
    assert [one(wire, f"SELECT {number}") for number in range(9)] == [str(n) for n in range(9)]


# Servers that break -------------------------------------------------------------------------------


def test_a_backend_that_is_ended(database: Database, wire: Wire) -> None:
    thread = threading.Thread(
        target=lambda: wait_for(lambda: busy(database)) and database.kill_backends()
    )
    thread.start()
    with pytest.raises(ServerError, match="terminating connection") as caught:
        ask(wire, "copy_out")
    thread.join()
    assert caught.value.sqlstate == "57P01"
    with pytest.raises(ServerError, match="no connection"):
        wire.query("SELECT 1")


def test_a_backend_that_is_ended_while_it_is_sent_to(database: Database, wire: Wire) -> None:
    wire.query("CREATE TEMP TABLE t (a int)")

    def pieces() -> Iterator[bytes]:
        yield b"1\n"
        database.kill_backends()
        yield from itertools.repeat(b"1\n" * 99_999)

    with pytest.raises(ServerError, match=r"terminating connection|closed the connection"):
        wire.copy_in("COPY t FROM STDIN", pieces())


def test_a_backend_that_is_ended_while_nothing_is_asked(database: Database, wire: Wire) -> None:
    database.kill_backends()
    with pytest.raises(ServerError, match="terminating connection"):
        wire.query("SELECT 1")


def test_closing_is_safe_more_than_once(wire: Wire) -> None:
    wire.close()
    wire.close()
    wire.cancel()
    with pytest.raises(ServerError, match="no connection"):
        wire.describe("SELECT 1")


DATA = b"".join(message(b"d", b"row %d;" % number) for number in range(3))
COPY = COPIES + DATA + COPIED
SHOWN = message(b"T", b"\0\1a\0" + bytes(6) + b"\0\0\0\27\0\4\xff\xff\xff\xff\0\0") + b"".join(
    (message(b"D", b"\0\1\0\0\0\1x"), message(b"C", b"SELECT 1\0"), READY)
)


def test_the_scripts_are_right() -> None:
    with wired(COPY, SHOWN) as wire:
        assert copied(wire, "COPY") == b"row 0;row 1;row 2;"
        (answer,) = wire.query("SELECT")
        assert (answer.columns, answer.rows) == ((Column("a", 23, -1),), [("x",)])


@pytest.mark.parametrize("whole", [GREETING, COPY, SHOWN], ids=["greeting", "copy", "rows"])
def test_a_cut_anywhere_is_told(whole: bytes) -> None:
    """And what lies before it is not taken for all."""
    talks = [
        saying(greeting=whole[:size]) if whole is GREETING else saying(whole[:size])
        for size in range(len(whole))
    ]
    with scripted(*talks) as port:
        for size in range(len(whole)):
            with pytest.raises(ServerError, match="closed the connection") as caught:
                wire = Wire.open(info(port))
                copied(wire, "COPY") if whole is COPY else wire.query("SELECT")
            assert caught.value.sqlstate is None, size


BROKEN = (b"", b"Z\0\0\0\5", b"d\0\0\0\3", b"d\xff\xff\xff\xff", b"d\0\0\0\0",
          b"D\0\0\0\6\0\1", b"T\0\0\0\6\0\1", b"C\0\0\xff\xff", b"d\x7f\xff\xff\xff",
          b"H\0\0\0\4", b"G\0\0\0\4")  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    parts=st.lists(
        st.one_of(st.binary(max_size=20), st.sampled_from((*BROKEN, DATA, COPIES, READY, NOTES))),
        max_size=6,
    ),
    copy=st.booleans(),
)
def test_garbage_comes_to_an_end(parts: Sequence[bytes], copy: bool) -> None:
    """It is told, unless by chance it is an answer."""
    with wired(b"".join(parts)) as wire:
        try:
            copied(wire, "COPY", 1) if copy else wire.query("SELECT")
        except ServerError as error:
            assert str(error)
        else:
            assert READY in b"".join(parts)


@pytest.mark.parametrize(
    "garbage", [b"x\0\0\0\4", b"d\0\0\0\3", b"C\0\0\xff\xff", b"d\xff\0\0\0", b"Z\0\0\0\4"]
)
def test_who_lost_the_place_is_told(garbage: bytes) -> None:
    with wired(COPIES + DATA + garbage + bytes(9)) as wire:
        with pytest.raises(ServerError, match="lost synchronization"):
            copied(wire, "COPY")
        with pytest.raises(ServerError, match="no connection"):
            wire.query("SELECT 1")


@pytest.mark.parametrize(
    "malformed",
    [
        message(b"D", b"\0\1\0\0\0\2x"), message(b"D", b"\0\1\0\0\0\1xy"), message(b"D", b"\0\2"),
        message(b"D"), message(b"T", b"\0\1a\0"), message(b"T", b"\0\1abc"),
        message(b"S", b"one\0"),
        message(b"T", b"\0\1\xff\0" + bytes(18)), message(b"Z"), message(b"Z", b"?"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_message_that_is_none_breaks_the_connection(malformed: bytes) -> None:
    with wired(malformed + SHOWN, SHOWN) as wire:
        with pytest.raises(ServerError, match="malformed"):
            wire.query("SELECT")
        with pytest.raises(ServerError, match="no connection"):
            wire.query("SELECT")


@pytest.mark.parametrize("mine", [ValueError, IndexError, ServerError, KeyboardInterrupt])
def test_what_whoever_copies_raises_is_theirs(wire: Wire, mine: type[BaseException]) -> None:
    wire.query("CREATE TEMP TABLE t (a int)")

    def pieces() -> Iterator[bytes]:
        yield b"1\n"
        raise mine("mine")

    with pytest.raises(mine, match="mine"):
        wire.copy_in("COPY t FROM STDIN", pieces())
    with pytest.raises(mine, match="mine"), wire.copy_out("COPY t TO STDOUT", 1):
        raise mine("mine")
    assert one(wire, "SELECT count(*) FROM t") == "0"


def test_messages_that_may_come_at_any_time() -> None:
    parts = [NOTES.join((b"", part, b"")) for part in (COPIES, DATA[:11], DATA[11:], COPIED)]
    shown = NOTES + SHOWN[:-6] + NOTES + SHOWN[-6:] + NOTES
    with wired(b"".join(parts), shown, COPY) as wire:
        assert copied(wire, "COPY") == b"row 0;row 1;row 2;"
        assert wire.query("SELECT")[0].rows == [("x",)]
        assert copied(wire, "COPY") == b"row 0;row 1;row 2;"


@settings(deadline=None, max_examples=40)
@given(
    rows=st.lists(st.integers(0, 9000), max_size=40),
    noted=st.sets(st.integers(0, 40), max_size=3),
    cuts=st.lists(st.integers(0, 200_000), max_size=4),
    block_bytes=st.sampled_from((1, 4096, 5000, 1 << 16, 1 << 20)),
)
def test_rows_of_any_length_however_they_come(
    rows: Sequence[int], noted: set[int], cuts: Sequence[int], block_bytes: int
) -> None:
    texts = [bytes([number + 1]) * size for number, size in enumerate(rows)]
    data = [
        (NOTES if number in noted else b"") + message(b"d", text)
        for number, text in enumerate(texts)
    ]
    whole = b"".join((COPIES, *data, NOTES if 40 in noted else b"", COPIED))

    def talk(end: socket.socket) -> None:
        started(end)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.sendall(GREETING)
        heard(end)
        for start, stop in itertools.pairwise((0, *sorted(cuts), None)):
            end.sendall(whole[start:stop])
        heard(end)

    with scripted(talk) as port:
        wire = Wire.open(info(port))
        assert copied(wire, "COPY", block_bytes) == b"".join(texts)
        wire.close()


def test_many_bytes_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(line_module, "TOGETHER_S", PATIENCE_S)
    rows, told = counted_and_roused(5000, 1 << 20)
    assert rows == 5000
    assert told == [1, 1, *(TOGETHER for _ in told[3:]), 1]
    assert len(told) > 5


def test_small_blocks_are_not_waited_for() -> None:
    rows, told = counted_and_roused(500, 1 << 14)
    assert rows == 500
    assert len(told) > 30 and set(told) == {1}


def counted_and_roused(rows: int, block_bytes: int) -> tuple[int, list[int]]:
    """How many of so many rows come, and the bytes that `poll` tells of: before, at each block,
    and after. The server goes when it has sent them, which ends every wait."""
    with wired(COPIES + rows * LONG_ROW + COPIED) as wire:
        told, found = [roused_at(wire)], 0
        with wire.copy_out("COPY", block_bytes) as blocks:
            for block in blocks:
                found += len(block.starts)
                told.append(roused_at(wire))
        told.append(roused_at(wire))
    return found, told


def test_few_bytes_are_not_waited_for_long() -> None:
    def talk(end: socket.socket) -> None:
        started(end)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        end.sendall(GREETING)
        heard(end)
        for part in (COPIES + 3000 * LONG_ROW, LONG_ROW[:3], LONG_ROW[3:], COPIED[:3]):
            end.sendall(part)
            time.sleep(2 * IDLE_S)  # longer than any wait but the one without an end
        for part in (COPIED[3:], COPY):
            end.sendall(part)
            heard(end)

    with scripted(talk) as port:
        wire = Wire.open(info(port))
        rows = 0
        with wire.copy_out("COPY", 1 << 20) as blocks:
            for block in blocks:
                rows += len(block.starts)
        assert (rows, roused_at(wire)) == (3001, 1)
        assert copied(wire, "COPY") == b"row 0;row 1;row 2;"
        wire.close()


def roused_at(wire: Wire) -> int:
    return wire._line.end.getsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT)


def test_an_error_after_the_last_row() -> None:
    error = message(b"E", b"SERROR\0C22000\0Mat the end\0\0")
    with wired(COPIES + DATA + message(b"c") + error + READY, COPY) as wire:
        with pytest.raises(ServerError, match="ERROR:  at the end"):
            copied(wire, "COPY")
        assert copied(wire, "COPY") == b"row 0;row 1;row 2;"


def test_what_a_server_says_before_it_goes() -> None:
    error = message(b"E", b"SFATAL\0C57P01\0Mgoing\0\0")
    for answer in (COPIES + DATA + error, error):
        with wired(answer) as wire, pytest.raises(ServerError, match="FATAL:  going") as caught:
            copied(wire, "COPY")
        assert caught.value.sqlstate == "57P01"


def test_texts_that_are_none() -> None:
    with wired(SHOWN.replace(b"\1x", b"\1\xff"), SHOWN) as wire:
        with pytest.raises(ServerError, match="UTF-8") as caught:
            wire.query("SELECT")
        assert caught.value.sqlstate == "22021"
        assert wire.query("SELECT")[0].rows == [("x",)]


def test_another_encoding_is_not_spoken(wire: Wire) -> None:
    with pytest.raises(ServerError, match="LATIN1"):
        wire.query("SET client_encoding = 'latin1'")
    with pytest.raises(ServerError, match="no connection"):
        wire.query("SELECT 1")
