"""The contract of Homes, as a suite of checks to subclass; see `hygge.testing`."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from collections.abc import Iterator

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.errors import ConnectError, HyggeError
from hygge.core.fields import Schema
from hygge.core.home import Home
from hygge.testing._home_base import read, read_session, some_rows
from hygge.testing._home_chunks import ChunksContract
from hygge.testing._home_windows import WindowsContract
from hygge.testing.corpus import AWKWARD_NAMES, BY_NAME, KEY, VALUE, Case, numbered
from hygge.testing.process import in_fresh_process
from hygge.testing.quirks import by_type, skip

SECONDS = 10.0
"""Within how long reading must end once cancelled; a C call may take a while to notice."""
PLAIN = ("int64", "float64", "bool", "decimal(10,2)", "date", "timestamp(us)", "string")


class HomeContract(WindowsContract, ChunksContract):
    """Checks every Home; subclass it and say how to lay rows down at a source.

    A source that has other types than asked for says so in `becomes`; one that has no order may
    give rows in any. Each check gets a `folder` of its own.
    """

    # Types and values -----------------------------------------------------------------------------

    @by_type
    def test_fields(self, case: Case) -> None:
        """Fields are known without reading, in order, with their exact types."""
        with self.of(case.frame, case.schema).open(Context()) as session:
            schema = session.schema()
            assert schema.names == [KEY, VALUE]
            assert schema[VALUE].type == self.arriving(case.type, case.name)
            assert session.schema() == schema

    @by_type
    def test_values(self, case: Case) -> None:
        """Every value arrives unaltered."""
        got = read(self.of(case.frame, case.schema))
        kind = self.arriving(case.type, case.name)
        expected = conform(case.frame, case.schema.changed({VALUE: kind}), entity="expected")
        assert_frame_equal(got.sort(KEY), expected, check_exact=True)
        for before, now in zip(expected[VALUE], got.sort(KEY)[VALUE], strict=True):
            assert repr(before) == repr(now)  # tells -0.0 from 0.0

    @pytest.mark.parametrize("kind", PLAIN)
    def test_nulls_first(self, kind: str) -> None:
        """A column that begins with many NULLs has its type all the same."""
        case = BY_NAME[kind]
        column = pl.Series(VALUE, [None] * 1_500, dtype=case.type.physical).append(case.column)
        frame = numbered(column)
        self.check_rows(read(self.of(frame, case.schema)), frame)

    @pytest.mark.parametrize("kind", PLAIN)
    def test_only_nulls(self, kind: str) -> None:
        """A column of nothing but NULLs has its type."""
        case = BY_NAME[kind]
        frame = numbered(pl.Series(VALUE, [None, None], dtype=case.type.physical))
        home = self.of(frame, case.schema)
        self.check_rows(read(home), frame)
        with home.open(Context()) as session:
            assert session.schema()[VALUE].type == self.arriving(case.type)

    @pytest.mark.parametrize("kind", PLAIN)
    def test_empty(self, kind: str) -> None:
        """No rows, and the fields are there."""
        case = BY_NAME[kind]
        home = self.of(case.frame.clear(), case.schema)
        with home.open(Context()) as session:
            assert session.schema()[VALUE].type == self.arriving(case.type)
            assert [b.height for b in session.read(ReadRequest(), WHOLE) if b.height] == []
            assert session.count(ReadRequest(), WHOLE) in (0, None)
            for chunk in session.split(ReadRequest(), 3):
                assert sum(b.height for b in session.read(ReadRequest(), chunk)) == 0

    def test_awkward_names(self) -> None:
        """Columns are found by name, whatever the name is."""
        columns = [pl.Series(n, [i, None]) for i, n in enumerate(AWKWARD_NAMES)]
        frame = numbered(*columns)
        home = self.of(frame)
        self.check_rows(read(home), frame)
        for name in AWKWARD_NAMES:
            one = read(home, ReadRequest(columns=(name, KEY)))
            assert one.sort(KEY)[name].to_list() == frame[name].to_list()

    # Reading --------------------------------------------------------------------------------------

    def test_batch_size_is_an_upper_bound(self) -> None:
        frame = some_rows(100)
        home = self.of(frame)
        home = home.copy_with(config=home.config.model_copy(update={"batch_size": 7}))
        batches = list(home.read_sync())
        assert max(b.height for b in batches) <= 7
        self.check_rows(pl.concat(batches), frame)

    @pytest.mark.parametrize("columns", [(VALUE, KEY), (KEY,), (KEY, "w", VALUE)])
    def test_columns(self, columns: tuple[str, ...]) -> None:
        """Only what is wanted is read, in whatever order it is asked for."""
        frame = some_rows(20)
        got = read(self.of(frame), ReadRequest(columns=columns), only=True)
        assert set(got.columns) == set(columns)
        self.check_rows(got, frame.select(columns))

    def test_count_and_estimate(self) -> None:
        """What is counted without reading agrees with what is read."""
        with self.of(some_rows(37)).open(Context()) as session:
            assert session.count(ReadRequest(), WHOLE) in (37, None)
            estimate = session.estimate(ReadRequest())
            assert not estimate.exact or estimate.rows == 37

    @pytest.mark.parametrize("parts", [1, 2, 3, 50])
    def test_split(self, parts: int) -> None:
        """Chunks are disjoint, together the whole, and counted alike."""
        frame = some_rows(500)
        request = ReadRequest(batch_rows=20)
        with self.of(frame).open(Context()) as session:
            chunks = list(session.split(request, parts))
            assert 1 <= len(chunks) <= parts
            assert [c.index for c in chunks] == list(range(len(chunks)))
            assert len({c.label for c in chunks}) == len(chunks)
            self.check_chunks(session, request, chunks, frame)

    def test_chunks_in_a_process_of_their_own(self) -> None:
        """A bound Home, a request and a chunk are all that another process needs."""
        frame = some_rows(500)
        home = self.of(frame)
        if home.local:
            skip("this Home holds a live object")
        request = ReadRequest(batch_rows=20)
        with home.open(Context()) as session:
            chunks = session.split(request, 3) or (WHOLE,)
        pieces = in_fresh_process(_read_chunks, home, request, list(chunks))
        self.check_rows(pl.concat(pieces), frame)

    # Ends that come early -------------------------------------------------------------------------

    def test_leaving_early(self) -> None:
        """A read that is left closes without a word, and the source can be read again."""
        frame = some_rows(2_000)
        home = self.of(frame)
        with home.open(Context()) as session:
            session.schema()
            batches = session.read(ReadRequest(batch_rows=10), WHOLE)
            next(iter(batches))
            getattr(batches, "close", lambda: None)()
            session.close()
            session.close()
        for _ in home.read_sync():
            break
        asyncio.run(_leave(home))
        self.check_rows(read(home), frame)

    def test_cancelling(self) -> None:
        """Another thread stops a read within seconds, and part of the rows never passes for all."""
        frame = some_rows(5_000)
        home = self.of(frame)
        context = Context()
        with home.open(context) as session:
            context.cancel.add(session.cancel)
            session.schema()
            batches = session.read(ReadRequest(batch_rows=5), WHOLE)
            rows = next(iter(batches)).height
            thread = threading.Thread(target=context.cancel.cancel, args=["enough"])
            thread.start()
            thread.join(SECONDS)
            started = time.monotonic()
            try:
                for batch in batches:
                    rows += batch.height
            except HyggeError:
                pass
            else:
                assert rows == frame.height
            assert time.monotonic() - started < SECONDS
        session.cancel()
        self.check_rows(read(home), frame)

    def test_two_sessions_at_once(self) -> None:
        frame = some_rows(300)
        home = self.of(frame)
        with home.open(Context()) as one, home.open(Context()) as two:
            request = ReadRequest(batch_rows=10)
            one.schema()
            batches = iter(one.read(request, WHOLE))
            begun = [next(batches)]
            self.check_rows(read_session(two, request, WHOLE), frame)
            begun += batches
            whole = pl.concat(conform(b, one.schema(), entity="read") for b in begun)
            self.check_rows(whole, frame)

    def test_one_session_reads_again(self) -> None:
        frame = some_rows(50)
        with self.of(frame).open(Context()) as session:
            for _ in range(2):
                self.check_rows(read_session(session, ReadRequest(), WHOLE), frame)

    # Descriptions ---------------------------------------------------------------------------------

    def test_the_description_never_changes(self) -> None:
        """Reading, failing and binding leave it as it was."""
        frame = some_rows(30)
        home = self.make(frame, Schema.of(frame))
        before, place = dict(home.__dict__), home.place()
        bound = self.bound(home)
        read(bound)
        with pytest.raises(Exception), bound.open(Context()) as session:  # noqa: B017
            list(session.read(ReadRequest(columns=("no such column",)), WHOLE))
        self.check_rows(read(bound), frame)
        assert home.__dict__ == before
        assert home.place() == place
        assert self.bound(home) == bound

    def test_it_pickles(self) -> None:
        home = self.of(some_rows(1))
        if home.local:
            skip("this Home holds a live object")
        again = pickle.loads(pickle.dumps(home))  # noqa: S301 - what is being tested
        assert again == home
        assert again.place() == home.place()
        assert again.identity() == home.identity()

    def test_a_missing_source(self) -> None:
        """What is not there is a ConnectError that says what to do."""
        home = self.missing()
        if home is None:
            skip("this Home's source is always there")
            return
        with pytest.raises(ConnectError) as caught:
            read(self.bound(home))
        assert caught.value.hint

    def test_secrets_never_show(self) -> None:
        secret = "Zq7 @/:pa'ss Xj9"  # noqa: S105 - made up here
        home = self.with_secret(secret)
        if home is None:
            skip("this Home's settings hold no secret")
            return
        shown = [repr(home), str(home), home.place(), str(home.identity()), repr(home.config)]
        try:
            read(self.bound(home))
        except HyggeError as error:
            shown.append(str(error))
        for text in shown:
            assert "Zq7" not in text and "Xj9" not in text


def _read_chunks(home: Home, request: ReadRequest, chunks: list[Chunk]) -> list[pl.DataFrame]:
    def one(chunk: Chunk) -> Iterator[pl.DataFrame]:
        with home.open(Context()) as session:
            yield read_session(session, request, chunk)

    return [frame for chunk in chunks for frame in one(chunk)]


async def _leave(home: Home) -> None:
    async for _ in home.read():
        break
    async with home.read() as stream:
        async for _ in stream:
            break
