"""Tables cut at whole numbers of their keys, and sessions of one moment."""

from __future__ import annotations

from contextlib import ExitStack
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import MSSQLHome
from hygge.core.chunk import ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConfigError
from hygge.sql.mssql import split
from hygge.sql.mssql.split import pieces


@given(
    st.lists(st.tuples(st.integers(-(2**63), 2**63 - 1), st.integers(0, 10**9)), max_size=200),
    st.integers(-(2**63), 2**63 - 1), st.integers(0, 2**63), st.integers(1, 20),
)  # fmt: skip
def test_pieces_are_disjoint_and_together_the_whole(
    steps: list[tuple[int, int]], low: int, span: int, parts: int
) -> None:
    """Whatever the statistics say, old as they may be."""
    found = [bounds for bounds, _ in pieces(sorted(steps), low, low + span, parts)]
    assert 1 <= len(found) <= parts
    assert found[0][0] is None and found[-1][1] is None
    for (_, end), (start, _) in pairwise(found):
        assert end is not None and end == start
    edges = [start for start, _ in found[1:]]
    assert edges == sorted(set(edges))


def test_pieces_are_as_even_as_the_statistics() -> None:
    """A crowd at the end is cut, and a gap before it is not."""
    steps = [(10, 10), (1_000, 10), (2_000, 480), (2_100, 250), (2_200, 250)]
    assert pieces(steps, 1, 2_200, 2) == [((None, 2_001), 500), ((2_001, None), 500)]
    assert pieces([], 0, 99, 2) == [((None, 50), 50), ((50, None), 50)]


class Answers:
    """A link that answers with what was recorded."""

    def __init__(self, answer: Any) -> None:
        self.answer, self.said = answer, list[str]()

    def rows(self, sql: str) -> Any:
        self.said.append(sql)
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def row(self, sql: str) -> Any:
        return self.rows(sql)[0]

    def execute(self, sql: str) -> None:
        self.said.append(sql)


def test_what_the_catalogue_is_asked() -> None:
    link: Any = Answers([(1_000, 12), (2_000, 34)])
    assert split.histogram(link, "[dbo].[t]", "it's") == [(1_000, 12), (2_000, 34)]
    assert "OBJECT_ID(N'[dbo].[t]')" in link.said[0] and "c.name = N'it''s'" in link.said[0]
    assert split.histogram(Answers(ConfigError("no such function")), "t", "id") == []  # type: ignore[arg-type]
    assert not split.is_clustered(Answers([(0,)]), "t", "id")  # type: ignore[arg-type]


def test_the_lock() -> None:
    """It reads the table: a hint on what is not read locks nothing; and lets go in the end."""
    link: Any = Answers([(5_000,)])
    with pytest.raises(KeyError), split.locked(link, "[t]"):
        raise KeyError
    assert link.said == [
        "SELECT @@LOCK_TIMEOUT", "SET LOCK_TIMEOUT 2000", "BEGIN TRANSACTION",
        "SELECT TOP 1 1 AS one FROM [t] WITH (TABLOCK, HOLDLOCK)",
        "IF @@TRANCOUNT > 0 ROLLBACK TRANSACTION; SET LOCK_TIMEOUT 5000",
    ]  # fmt: skip


@needs_server
@pytest.mark.parametrize("by", ["", "id"])
def test_chunks_by_sessions_side_by_side(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if is_babelfish():  # where no table is clustered
        monkeypatch.setattr(split, "CLUSTERED_SQL", "SELECT 1 AS one -- {table} {column}")
    with connect() as link:
        link.execute("DROP TABLE IF EXISTS cut; CREATE TABLE cut (id bigint PRIMARY KEY, v int)")
        values = ", ".join(f"({n * 7}, {n})" for n in range(500))
        link.execute(f"INSERT INTO cut VALUES {values}")
    settings = {"chunk_column": by} if by else {}
    home = MSSQLHome("cut", url=url_of(), **settings).bind(Surroundings())
    context, request = Context(), ReadRequest()
    with ExitStack() as held:
        own = held.enter_context(home.open(context))
        chunks = own.split(request, 4)
        assert len(chunks) == 4
        assert own.share()
        others = [held.enter_context(other) for other in home.beside(own, 3, context)]
        with connect() as link:
            link.execute("INSERT INTO cut VALUES (-1, 0)")
        sessions = [own, *others]
        assert len(sessions) > 1
        frames = [
            frame
            for at, chunk in enumerate(chunks)
            for frame in sessions[at % len(sessions)].read(request, chunk)
        ]
    assert sorted(pl.concat(frames)["id"]) == [n * 7 for n in range(500)]


@needs_server
def test_a_heap_is_read_in_one_piece() -> None:
    is_babelfish()
    with connect() as link:
        link.execute("DROP TABLE IF EXISTS heap; CREATE TABLE heap (id int)")
        link.execute("INSERT INTO heap VALUES (1), (2)")
    home = MSSQLHome("heap", url=url_of()).bind(Surroundings())
    with home.open(Context()) as session:
        assert len(session.split(ReadRequest(), 4)) == 1
