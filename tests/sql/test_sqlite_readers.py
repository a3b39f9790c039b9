"""Connections that pass from session to session: reused, never mixed up, none left open."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.sql.databases import drain, make, open_home

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.sql.sqlite import readers
from hygge.sql.sqlite.access import Database


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that were opened, in order."""
    seen: list[Path] = []

    def told(path: Path) -> Database:
        seen.append(path)
        return open_reader(path)

    open_reader = readers.open_reader
    monkeypatch.setattr(readers, "open_reader", told)
    return seen


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return make(
        tmp_path / "t.db", "CREATE TABLE t (id INTEGER PRIMARY KEY)",
        rows={"t": [(i,) for i in range(20)]},
    )  # fmt: skip


def none_left() -> bool:
    return not readers.READERS._idle and not readers.READERS._out


def test_the_next_session_takes_over_while_another_reads(path: Path, opened: list[Path]) -> None:
    with open_home(path) as one:
        for _ in range(3):
            with open_home(path) as two:
                assert drain(two).height == 20
        assert drain(one).height == 20
    assert opened == [path] * 2
    assert none_left()
    with open_home(path):
        assert len(opened) == 3
    assert none_left()


def test_each_session_has_its_own_snapshot(path: Path, opened: list[Path]) -> None:
    make(path, "PRAGMA journal_mode = WAL")
    with open_home(path) as one:
        assert one.maximum("id") == 19
        with open_home(path) as two:
            assert two.maximum("id") == 19
        with Database(path, "rw") as writer:
            writer.execute("INSERT INTO t VALUES (50)")
            writer.execute("CREATE TABLE u (x INTEGER)")
        with open_home(path) as two, open_home(path, "u") as three:
            assert two.maximum("id") == 50
            assert drain(three).columns == ["x"]
        assert one.maximum("id") == 19
    assert len(opened) == 3
    assert none_left()


def test_one_that_is_not_as_it_was_is_closed(path: Path, opened: list[Path]) -> None:
    with open_home(path):
        with open_home(path) as left:
            next(left.read(ReadRequest(batch_rows=2), WHOLE))
        with open_home(path, "", query="SELECT id FROM t") as query:
            assert drain(query).height == 20
        with open_home(path) as plain:
            assert drain(plain).height == 20
    assert len(opened) == 4
    assert none_left()


def test_another_file_in_its_place_is_opened(path: Path, opened: list[Path]) -> None:
    with open_home(path) as one:
        with open_home(path):
            pass
        other = make(path.with_name("new.db"), "CREATE TABLE t (x TEXT)", rows={"t": [("a",)]})
        other.replace(path)
        with open_home(path) as two:
            assert drain(two).rows() == [("a",)]
        assert drain(one).height == 20
    assert len(opened) == 3
    assert none_left()
