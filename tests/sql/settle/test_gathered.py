"""Batches that are gathered and sent in one go."""

from __future__ import annotations

import polars as pl
import pytest
from tests.servers import Database

from hygge import PostgresStore, Schema
from hygge.core.context import Context, Surroundings
from hygge.core.errors import BadValue
from hygge.core.fields import Field, parse_type
from hygge.sql.postgres.settler import PostgresSettler
from hygge.sql.postgres.wire import encode
from hygge.testing.corpus import KEY
from hygge.testing.loading import commit, load_frames, request_for, write


def frames(count: int) -> list[pl.DataFrame]:
    """Two rows each."""
    return [pl.DataFrame({KEY: [2 * n, 2 * n + 1], "v": [None, f"text {n}"]}) for n in range(count)]


def store_in(database: Database, name: str) -> PostgresStore:
    return PostgresStore(name, url=database.url).bind(Surroundings())


@pytest.mark.parametrize(("at_once", "piece"), [(0, 4 << 20), (100, 4 << 20), (100, 8), (9999, 8)])
def test_each_row_comes_once_however_it_is_sent(
    at_once: int, piece: int, warehouse: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PostgresSettler, "at_once", at_once)
    monkeypatch.setattr(encode, "PIECE_BYTES", piece)
    name = f"sent_{at_once}_{piece}"
    load_frames(store_in(warehouse, name), frames(30), "append")
    told = warehouse.execute(f"SELECT count(*), sum({KEY}), count(v), min(v) FROM {name}")
    assert told.split() == ["60", "1770", "30", "text", "0"]


def test_the_value_that_is_refused_is_named_though_others_were_sent_with_it(
    warehouse: Database,
) -> None:
    wrong = pl.DataFrame({KEY: [98, 99], "v": ["a", "b\0c"]})
    fields = Schema([Field(KEY, parse_type("int64"), key=1), Field("v", parse_type("string"))])
    together = [*frames(3), wrong, *frames(2)]
    with pytest.raises(BadValue, match=rf"\b{KEY}=99\b") as caught:
        load_frames(store_in(warehouse, "wrong"), together, "append", fields=fields)
    assert "NUL" in (caught.value.hint or "")


def test_a_writer_that_stops_sends_nothing_more(warehouse: Database) -> None:
    store, fields = store_in(warehouse, "stopped"), Schema.of(frames(1)[0])
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), fields, "append"))
        writer = load.writer(0)
        writer.write(frames(1)[0])
        writer.abort()
        load.abort()
    with store.open(Context()) as session:
        load = session.begin(request_for(session.state(), fields, "append"))
        commit(load, [write(load, frames(2))])
    assert warehouse.execute("SELECT count(*) FROM stopped").split() == ["4"]
