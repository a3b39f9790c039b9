"""The contract of Homes, as a suite of checks to subclass; see `hygge.testing`."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConnectError, HyggeError
from hygge.core.fields import LogicalType, Schema, parse_type
from hygge.core.home import Home, HomeSession
from hygge.core.watermark import Window
from hygge.testing.corpus import AWKWARD_NAMES, BY_NAME, KEY, VALUE, Case, numbered
from hygge.testing.process import in_fresh_process
from hygge.testing.quirks import Quirks, by_type, skip

SECONDS = 10.0
"""Within how long reading must end once cancelled; a C call may take a while to notice."""
PLAIN = ("int64", "float64", "bool", "decimal(10,2)", "date", "timestamp(us)", "string")
POSITIONS: dict[str, list[Any]] = {
    "int64": [5, -3, 0, 5, 2**62, None, -(2**62), 9, None, 10],
    "decimal(10,2)": [Decimal(n) / 100 for n in (500, -3, 0, 500, 99_999_999, 901)] + [None],
    "date": [date(2024, 2, 29), date(1, 1, 1), None, date(2024, 3, 1), date(2024, 2, 29)],
    "timestamp(us)": [datetime(2024, 1, 1), datetime(2024, 1, 1, 0, 0, 0, 1), None,
                      datetime(1, 1, 1), datetime(2023, 12, 31, 23, 59, 59, 999999)],
    "timestamp(us, UTC)": [datetime(2024, 1, 1, tzinfo=UTC), None, datetime(1970, 1, 1, tzinfo=UTC),
                           datetime(2024, 1, 1, 0, 0, 0, 1, tzinfo=UTC)],
}  # fmt: skip
"""Values of columns that carry watermarks, out of order, with ties and NULLs."""


class HomeContract(Quirks):
    """Checks every Home; subclass it and say how to lay rows down at a source.

    A source that has other types than asked for says so in `becomes`; one that has no order may
    give rows in any. Each check gets a `folder` of its own.
    """

    @abstractmethod
    def make(self, frame: pl.DataFrame, schema: Schema) -> Home:
        """Put rows at a new source by means that share no code with the Home; a Home of it.

        Parameters
        ----------
        frame: the rows; the column `k` numbers them from 0.
        schema: their fields, for sources or settings that need types declared.
        """

    def missing(self) -> Home | None:
        """A Home whose source is not there or cannot be reached; None where that cannot be."""
        return None

    def with_secret(self, secret: str) -> Home | None:
        """A Home whose settings hold a secret and whose source is not there; None: it has none."""
        return None

    # What the checks are made of ------------------------------------------------------------------

    def bound(self, home: Home) -> Home:
        return home.bind(Surroundings(root=self.folder))

    def of(self, frame: pl.DataFrame, schema: Schema | None = None) -> Home:
        """A bound Home of some rows."""
        return self.bound(self.make(frame, schema or Schema.of(frame)))

    def arriving(self, kind: LogicalType, name: str = "") -> LogicalType:
        """The type that a type becomes at this source."""
        return parse_type(
            self.becomes.get(name or str(kind), self.becomes.get(str(kind), str(kind)))
        )

    def check_rows(self, got: pl.DataFrame, expected: pl.DataFrame) -> None:
        """The same rows, in whatever order, in the types that this source has."""
        kinds = Schema.of(expected).changed(
            {f.name: self.arriving(f.type) for f in Schema.of(expected)}
        )
        assert_frame_equal(
            got.sort(KEY).select(expected.columns),
            conform(expected, kinds, entity="expected").sort(KEY),
            check_exact=True,
        )

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

    def check_chunks(
        self,
        session: HomeSession,
        request: ReadRequest,
        chunks: Sequence[Chunk],
        expected: pl.DataFrame,
    ) -> None:
        pieces = [read_session(session, request, chunk) for chunk in chunks]
        self.check_rows(pl.concat(pieces), expected)
        for chunk, piece in zip(chunks, pieces, strict=True):
            assert session.count(request, chunk) in (piece.height, None)

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

    # Windows --------------------------------------------------------------------------------------

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_windows(self, kind: str) -> None:
        """Consecutive windows hold every row once, ties and NULLs included."""
        frame, home, found = self.windowed(kind)
        known = sorted(v for v in set(frame[VALUE]) if v is not None)
        bounds = [None, *known, _beyond(known[-1])]
        pieces = []
        with home.open(Context()) as session:
            for lower, upper in pairwise(bounds):
                request = ReadRequest(window=Window(VALUE, found, lower, upper))
                piece = read_session(session, request, WHOLE)
                self.check_rows(piece, inside(frame, lower, upper))
                assert session.count(request, WHOLE) in (piece.height, None)
                self.check_chunks(session, request, session.split(request, 2), piece)
                pieces.append(piece)
        self.check_rows(pl.concat(pieces), frame)

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_windows_leave_columns_out(self, kind: str) -> None:
        """The window's column need not be among those that are wanted."""
        frame, home, found = self.windowed(kind)
        upper = sorted(v for v in set(frame[VALUE]) if v is not None)[1]
        request = ReadRequest(columns=(KEY,), window=Window(VALUE, found, None, upper))
        got = read(home, request, only=True)
        assert got.columns == [KEY]
        self.check_rows(got, inside(frame, None, upper).select(KEY))

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_windows_without_bounds(self, kind: str) -> None:
        """None is unbounded; NULL is in windows without a lower bound."""
        frame, home, found = self.windowed(kind)
        lower = sorted(v for v in set(frame[VALUE]) if v is not None)[1]
        above = [v is not None and v >= lower for v in frame[VALUE]]
        for low, expected in ((None, frame), (lower, frame.filter(pl.Series(above)))):
            got = read(home, ReadRequest(window=Window(VALUE, found, low, None)))
            self.check_rows(got, expected)

    @pytest.mark.parametrize("kind", POSITIONS)
    def test_maximum_and_clock(self, kind: str) -> None:
        """The largest value is exact; a time's source has a clock that goes forward."""
        frame, home, found = self.windowed(kind)
        with home.open(Context()) as session:
            largest = session.maximum(VALUE)
            assert largest == frame[VALUE].max()
            assert not found.is_integer or isinstance(largest, int)
            if found.is_temporal:
                first, second = session.clock(), session.clock()
                assert first is not None and second is not None
                assert first.tzinfo is not None
                assert first <= second
                assert abs(first - datetime.now(UTC)) < timedelta(days=1)

    @pytest.mark.parametrize("kind", POSITIONS)
    @pytest.mark.parametrize("rows", [0, 2])
    def test_no_maximum(self, kind: str, rows: int) -> None:
        """Where there is no row, or none has a position, there is no largest."""
        logical = parse_type(kind)
        frame = numbered(pl.Series(VALUE, [None] * rows, dtype=logical.physical))
        home = self.of(frame, Case(kind, ()).schema)
        if not home.incremental:
            skip("this Home reads no windows")
        with home.open(Context()) as session:
            assert session.maximum(VALUE) is None

    def windowed(self, kind: str) -> tuple[pl.DataFrame, Home, LogicalType]:
        """Rows with positions in `v`, a Home of them, and the type it has for `v`."""
        logical = parse_type(kind)
        frame = numbered(pl.Series(VALUE, POSITIONS[kind], dtype=logical.physical))
        home = self.of(frame, Case(kind, ()).schema)
        if not home.incremental:
            skip("this Home reads no windows")
        return frame, home, self.arriving(logical)

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


def some_rows(height: int) -> pl.DataFrame:
    """Numbered rows with a text and a number that may be NULL."""
    rows = range(height)
    return numbered(
        pl.Series(VALUE, [f"é{i}" if i % 7 else None for i in rows], dtype=pl.String),
        pl.Series("w", [i * 3 if i % 5 else None for i in rows], dtype=pl.Int64),
    )


def read(home: Home, request: ReadRequest | None = None, *, only: bool = False) -> pl.DataFrame:
    """All rows of a bound Home; `only` leaves it at the columns that batches have."""
    with home.open(Context()) as session:
        return read_session(session, request or ReadRequest(), WHOLE, only=only)


def read_session(
    session: HomeSession, request: ReadRequest, chunk: Chunk, *, only: bool = False
) -> pl.DataFrame:
    """A chunk's rows, each batch held to the session's fields."""
    schema = session.schema()
    names = request.columns or tuple(schema.names)
    wanted = Schema(schema[n] for n in names)
    frames = [wanted.empty()]
    for batch in session.read(request, chunk):
        assert set(names) <= set(batch.columns)
        if only:
            assert set(names) == set(batch.columns)
        frames.append(conform(batch.select(names), wanted, entity="read"))
    return pl.concat(frames)


def inside(frame: pl.DataFrame, lower: Any, upper: Any) -> pl.DataFrame:
    """The rows of a window, as `Window` defines them, by plain Python."""
    keep = [
        lower is None if v is None else (lower is None or lower <= v) and v < upper
        for v in frame[VALUE]
    ]
    return frame.filter(pl.Series(keep, dtype=pl.Boolean))


def _beyond(value: Any) -> Any:
    if isinstance(value, datetime):
        return value + timedelta(microseconds=1)
    return value + (timedelta(days=1) if isinstance(value, date) else 1)


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
