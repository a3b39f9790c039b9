"""What the suite of Homes is made of."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import polars as pl
from polars.testing import assert_frame_equal

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context, Surroundings
from hygge.core.fields import LogicalType, Schema, parse_type
from hygge.core.home import Home
from hygge.core.reading import HomeSession
from hygge.testing.corpus import KEY, VALUE, numbered
from hygge.testing.quirks import Quirks


class AnyHomeContract(Quirks):
    """How to make Homes, and to compare what they give."""

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
