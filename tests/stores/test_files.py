"""What the four file Stores have in common."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime, time
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.files.driving import bound, by_duckdb, everything, load, state_of

from hygge.core.context import Context
from hygge.core.errors import (
    BadValue,
    ConfigError,
    DataError,
    SchemaDrift,
    StateError,
    UnsupportedError,
    VerifyError,
)  # fmt: skip
from hygge.core.fields import Schema, parse_type
from hygge.core.load import LoadRequest
from hygge.core.registry import lookup
from hygge.core.terms import Terms
from hygge.core.watermark import Window
from hygge.testing.loading import load_frames

KINDS = ("parquet", "ipc", "csv", "ndjson")
COLUMNAR = ("parquet", "ipc")

AWKWARD = pl.DataFrame(
    {
        "id": [1, 2, 3, 4],
        "text": ["Blåbærgrød", "", None, 'a "quoted", \n two-line'],
        "code": ["00123", "NA", "1e5", " x "],
        "price": [Decimal("12345678901234567.89"), Decimal("-0.01"), None, Decimal(0)],
        "ratio": [0.1, -1e300, None, 5e-324],
        "flag": [True, False, None, True],
        "day": [date(1, 1, 1), date(9999, 12, 31), None, date(2024, 2, 29)],
        "at": [datetime(2024, 1, 1, 1, 2, 3, 4), datetime(1900, 1, 1), None, datetime(2262, 5, 1)],
        "instant": [datetime(2024, 1, 1, tzinfo=UTC)] * 3 + [None],
        "clock": [time(0), time(23, 59, 59, 999_999), None, time(12)],
        "big": [2**63 - 1, -(2**63), None, 0],
    },
    schema_overrides={"price": pl.Decimal(38, 2)},
)


def store(kind: str, folder: Path, **settings: Any) -> Any:
    return lookup("store", kind)("t", path=folder, **settings)


def home(kind: str, path: Path, **settings: Any) -> Any:
    return lookup("home", kind)("t", path=path, **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_awkward_values_come_back_as_they_were(tmp_path: Path, kind: str) -> None:
    load(store(kind, tmp_path / "t"), "replace", [AWKWARD])
    assert everything(home(kind, tmp_path / "t")).equals(AWKWARD)


def test_duckdb_and_polars_read_parquet_without_hygge(tmp_path: Path) -> None:
    load(store("parquet", tmp_path / "t", part_rows=3), "replace", [AWKWARD])
    assert pl.read_parquet(tmp_path / "t").equals(AWKWARD)
    got = sorted(by_duckdb(tmp_path / "t"), key=lambda r: r["id"])
    assert [r["price"] for r in got] == AWKWARD["price"].to_list()
    assert [r["text"] for r in got] == AWKWARD["text"].to_list()


@pytest.mark.parametrize("kind", KINDS)
def test_an_empty_table_keeps_its_columns(tmp_path: Path, kind: str) -> None:
    commit = load(store(kind, tmp_path / "t"), "replace", [AWKWARD.clear()])
    assert commit.rows == 0
    assert everything(home(kind, tmp_path / "t")).schema == AWKWARD.schema
    if kind == "parquet":
        assert pl.read_parquet(tmp_path / "t").schema == AWKWARD.schema
    if kind == "csv":
        (part,) = (tmp_path / "t").glob("*.csv")
        assert part.read_text() == ",".join(AWKWARD.columns) + "\n"
    load(store(kind, tmp_path / "t"), "append", [AWKWARD])
    assert everything(home(kind, tmp_path / "t")).equals(AWKWARD)


@pytest.mark.parametrize("kind", KINDS)
def test_replace_and_append(tmp_path: Path, kind: str) -> None:
    one = store(kind, tmp_path / "t")
    for times in (1, 2, 3):
        assert load(one, "append", [AWKWARD]).rows == times * AWKWARD.height
    assert everything(home(kind, tmp_path / "t")).height == 3 * AWKWARD.height
    commit = load(one, "replace", [AWKWARD.head(1)])
    assert commit.rows == 1
    assert commit.state is not None
    assert commit.state.generation == 4
    assert everything(home(kind, tmp_path / "t")).equals(AWKWARD.head(1))


@pytest.mark.parametrize("kind", KINDS)
def test_small_batches_do_not_make_small_files(tmp_path: Path, kind: str) -> None:
    rows = pl.DataFrame({"id": range(1_000)})
    batches = [rows.slice(at, 7) for at in range(0, 1_000, 7)]
    commit = load(store(kind, tmp_path / "t", part_rows=400), "replace", batches)
    assert commit.state is not None
    assert [p["rows"] for p in commit.state.extra["parts"]] == [400, 400, 200]
    assert everything(home(kind, tmp_path / "t"))["id"].to_list() == list(range(1_000))


def test_a_part_is_bounded_in_bytes_too(tmp_path: Path) -> None:
    rows = pl.DataFrame({"text": ["x" * 1_000] * 1_000})
    commit = load(store("parquet", tmp_path / "t", part_bytes=200_000), "replace", [rows])
    assert commit.rows == 1_000
    assert 5 <= len(commit.files) <= 7


@pytest.mark.parametrize("kind", ["csv", "ndjson"])
def test_text_formats_do_not_merge(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnsupportedError, match="cannot merge"):
        load(store(kind, tmp_path / "t"), "merge", [AWKWARD], keys=("id",))
    binary = pl.DataFrame({"raw": [b"x"]})
    with pytest.raises(UnsupportedError, match="'raw'"):
        load(store(kind, tmp_path / "t"), "replace", [binary])
    assert not (tmp_path / "t").exists()


@pytest.mark.parametrize("kind", ["parquet", "ipc", "csv"])
def test_numbers_that_are_none(tmp_path: Path, kind: str) -> None:
    rows = pl.DataFrame({"x": [float("nan"), float("inf"), -float("inf"), None]})
    load(store(kind, tmp_path / "t"), "replace", [rows])
    assert everything(home(kind, tmp_path / "t")).equals(rows)


def test_json_has_no_numbers_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(BadValue, match="row 2: nan does not fit JSON"):
        load(store("ndjson", tmp_path / "t"), "replace", [pl.DataFrame({"x": [1.0, float("nan")]})])


@pytest.mark.parametrize("kind", COLUMNAR)
@pytest.mark.parametrize("mode", ["append", "merge"])
def test_new_and_wider_columns(tmp_path: Path, kind: str, mode: Any) -> None:
    one = store(kind, tmp_path / "t", part_rows=2)
    first = pl.DataFrame(
        {"id": [1, 2, 3], "n": [1, 2, None], "gone": ["a", "b", None]},
        schema_overrides={"n": pl.Int16},
    )
    load(one, mode, [first], keys=("id",))
    second = pl.DataFrame({"new": [date(2024, 1, 1)], "id": [9], "n": [2**40]})
    commit = load(one, mode, [second], keys=("id",))
    assert commit.rows == 4
    want = [
        {"id": 1, "n": 1, "gone": "a", "new": None}, {"id": 2, "n": 2, "gone": "b", "new": None},
        {"id": 3, "n": None, "gone": None, "new": None},
        {"id": 9, "n": 2**40, "gone": None, "new": date(2024, 1, 1)},
    ]  # fmt: skip
    assert everything(home(kind, tmp_path / "t")).sort("id").to_dicts() == want
    if kind == "parquet":  # plain readers see one schema in every file
        assert pl.read_parquet(tmp_path / "t").sort("id").to_dicts() == want
    commit = load(one, mode, [first.with_columns(id=pl.col("id") + 100)], keys=("id",))
    assert commit.rows == 7


@pytest.mark.parametrize("kind", KINDS)
def test_types_that_exclude_each_other(tmp_path: Path, kind: str) -> None:
    one = store(kind, tmp_path / "t")
    load(one, "append", [pl.DataFrame({"v": [1]})])
    with pytest.raises(SchemaDrift, match=r"'v' is int64 there and string at the source") as caught:
        load(one, "append", [pl.DataFrame({"v": ["x"]})])
    assert "--full-refresh" in str(caught.value.hint)
    assert load(one, "replace", [pl.DataFrame({"v": ["x"]})]).rows == 1


@pytest.mark.parametrize("kind", COLUMNAR)
def test_a_key_twice_in_one_load(tmp_path: Path, kind: str) -> None:
    one = store(kind, tmp_path / "t")
    load(one, "merge", [pl.DataFrame({"id": [1], "v": ["kept"]})], keys=("id",))
    same = pl.DataFrame({"id": [2, 2], "v": ["same", "same"]})
    assert load(one, "merge", [same], keys=("id",)).rows == 2
    differing = pl.DataFrame({"id": [3, 3], "v": ["one", "other"]})
    with pytest.raises(DataError, match="id=3") as caught:
        load(one, "merge", [differing], keys=("id",))
    assert "key_column" in str(caught.value.hint)
    with pytest.raises(DataError, match="'id' is NULL"):
        load(one, "merge", [pl.DataFrame({"id": [4, None], "v": ["a", "b"]})], keys=("id",))
    assert everything(home(kind, tmp_path / "t"))["id"].sort().to_list() == [1, 2]


@pytest.mark.parametrize("kind", COLUMNAR)
def test_merge_into_what_was_appended(tmp_path: Path, kind: str) -> None:
    one = store(kind, tmp_path / "t", part_rows=3)
    rows = pl.DataFrame({"id": range(10), "v": [0] * 10})
    load(one, "append", [rows.head(6)])
    load(one, "append", [rows.tail(4)])
    commit = load(one, "merge", [pl.DataFrame({"id": [2, 11], "v": [1, 1]})], keys=("id",))
    assert commit.rows == 11
    got = everything(home(kind, tmp_path / "t"))
    assert dict(got.rows()) == {**dict.fromkeys(range(10), 0), 2: 1, 11: 1}


@pytest.mark.parametrize("kind", KINDS)
def test_many_small_appends_compact_themselves(tmp_path: Path, kind: str) -> None:
    one = store(kind, tmp_path / "t")
    for number in range(70):
        load(one, "append", [pl.DataFrame({"id": [number]})])
    held = state_of(one)
    assert held is not None
    assert held.rows == 70
    assert len(held.extra["parts"]) < 10
    assert sorted(everything(home(kind, tmp_path / "t"))["id"]) == list(range(70))


@pytest.mark.parametrize("every", ["24h", "off"])
def test_windows_that_are_replaced_join_small_parts(tmp_path: Path, every: str) -> None:
    """Where it is due or there are many of them, as for appends; what is joined is noted then."""
    settings = {"optimize": {"compact": every}} if every != "off" else {}
    one = store("parquet", tmp_path / "t", **settings)
    for number in range(70):
        window = Window("id", parse_type("int64"), number, number + 2)
        frame = pl.DataFrame({"id": [number, number + 1], "load": [number] * 2})
        load_frames(bound(one), [frame], "delete_insert", terms=Terms(window=window))
    held = state_of(one)
    assert held is not None and held.rows == 71
    assert len(held.extra["parts"]) < (4 if every != "off" else 70)
    got = everything(home("parquet", tmp_path / "t"))
    assert sorted(got.rows()) == [*((n, n) for n in range(70)), (70, 69)]


@pytest.mark.parametrize("kind", KINDS)
def test_compact(tmp_path: Path, kind: str) -> None:
    one = store(kind, tmp_path / "t", part_rows=100)
    load(one, "append", [pl.DataFrame({"id": range(90)})])
    for number in range(100, 105):
        load(one, "append", [pl.DataFrame({"id": [number]})])
    before = state_of(one)
    assert bound(one).compact(Context()) == (6, 2)
    after = state_of(one)
    assert before is not None
    assert after is not None
    assert after.generation == before.generation + 1
    for name in ("load_id", "fingerprint", "watermark", "rows", "loaded", "checksum", "fields"):
        assert getattr(after, name) == getattr(before, name)
    assert bound(one).compact(Context()) == (2, 2)
    assert everything(home(kind, tmp_path / "t")).height == 95
    with pytest.raises(StateError, match="nothing that hygge loaded"):
        bound(store(kind, tmp_path / "other")).compact(Context())


def write_chunk(one: Any, ticket: Any, chunk: int) -> Any:
    """Write ten rows from another process."""
    writer = one.writer(ticket, chunk, Context())
    writer.write(pl.DataFrame({"id": range(chunk * 10, chunk * 10 + 10)}))
    return writer.finish()


@pytest.mark.parametrize("kind", KINDS)
def test_chunks_written_by_spawned_processes(tmp_path: Path, kind: str) -> None:
    one = bound(store(kind, tmp_path / "t"))
    one = pickle.loads(pickle.dumps(one))
    request = LoadRequest(
        entity="e", mode="replace", fields=Schema.of({"id": pl.Int64}), fingerprint="f",
        load_id="l" * 20,
    )  # fmt: skip
    with one.open(Context()) as session:
        assert session.state() is None
        task = session.begin(request)
        with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
            futures = [pool.submit(write_chunk, one, task.ticket, c) for c in range(3)]
            receipts = [f.result(60) for f in futures]
        assert task.staged_rows(receipts) == 30
        state = request.state(watermark=None, receipts=receipts, committed_at="")
        assert task.commit(receipts, state).rows == 30
    assert sorted(everything(home(kind, tmp_path / "t"))["id"]) == list(range(30))


def test_a_staged_file_without_a_receipt_is_not_published(tmp_path: Path) -> None:
    one = bound(store("parquet", tmp_path / "t"))
    request = LoadRequest(
        entity="e", mode="replace", fields=Schema.of({"id": pl.Int64}), fingerprint="f",
        load_id="l" * 20,
    )  # fmt: skip
    with one.open(Context()) as session:
        task = session.begin(request)
        receipts = [write_chunk(one, task.ticket, c) for c in range(2)]
        assert task.staged_rows(receipts[:1]) == 20
        state = request.state(watermark=None, receipts=receipts[:1], committed_at="")
        with pytest.raises(VerifyError):
            task.commit(receipts[:1], state)
    assert not (tmp_path / "t").exists()


async def test_alone_in_python(tmp_path: Path) -> None:
    one = lookup("store", "parquet")(
        "users", path=tmp_path / "users", options={"compression": "snappy"}
    )
    commit = await one.write(AWKWARD)
    assert (commit.rows, commit.state.generation) == (4, 1)
    await one.write(AWKWARD)
    assert pl.read_parquet(tmp_path / "users").height == 8
    async with one.load("merge", key="id") as scope:
        await scope.write(AWKWARD.head(2).with_columns(text=pl.lit("new")))
    got = everything(home("parquet", tmp_path / "users")).sort("id")
    assert got["text"].to_list() == ["new", "new", None, AWKWARD["text"][3]]
    with pytest.raises(ZeroDivisionError):
        async with one.load("replace") as scope:
            await scope.write(AWKWARD)
            raise ZeroDivisionError
    assert everything(home("parquet", tmp_path / "users")).height == 4


def test_settings(tmp_path: Path) -> None:
    parquet = lookup("store", "parquet")
    with pytest.raises(ConfigError, match="settles into a folder") as caught:
        bound(parquet("t", path=tmp_path / "t.parquet"))
    assert str(tmp_path / "t") in str(caught.value.hint)
    with pytest.raises(ConfigError, match="did you mean 'compression'"):
        parquet("t", compresion="zstd")
    with pytest.raises(ConfigError, match="files cannot lie on 'ftp://'"):
        bound(parquet("t", path="ftp://bucket/t"))
    with pytest.raises(ConfigError, match="needs a name or a path"):
        bound(parquet())
    assert bound(parquet("users"), tmp_path).folder == tmp_path / "data" / "users"
    assert bound(parquet("users"), tmp_path).place() == "data/users"
    assert parquet("users").place() == "data/users"
    assert "one exchange" in bound(parquet("users"), tmp_path).readers("replace")
    assert parquet("users") == parquet("users")
    assert parquet("users").identity() == bound(parquet("users"), tmp_path).identity()


@pytest.mark.parametrize("role", ["home", "store"])
def test_entities_lie_below_their_flow(role: Any) -> None:
    cls = lookup(role, "parquet")
    assert cls.place_entity({"path": "in/"}, "users", shared=True)["path"] == "in/users"
    assert cls.place_entity({}, "users", shared=True)["path"] == "data/users"
    assert cls.place_entity({"path": "x"}, "users", shared=False) == {"path": "x"}
    for name in ("../up", "a/b", "", ".hidden", "a\\b", "nul\0"):
        with pytest.raises(ConfigError, match="cannot be the name of a folder"):
            cls.place_entity({"path": "in"}, name, shared=True)


@pytest.mark.parametrize(
    ("settings", "extension"),
    [({"compression": c}, "parquet") for c in ("zstd", "snappy", "gzip", "lz4", "brotli")]
    + [({"row_group_rows": 2}, "parquet")],
)  # fmt: skip
def test_parquet_settings_reach_the_files(
    tmp_path: Path, settings: dict[str, Any], extension: str
) -> None:
    from pyarrow.parquet import read_metadata

    load(store("parquet", tmp_path / "t", **settings), "replace", [AWKWARD])
    (part,) = (tmp_path / "t").glob("part-*")
    footer = read_metadata(part)
    if "compression" in settings:
        named = footer.row_group(0).column(0).compression.lower()
        assert named.removesuffix("_raw") == settings["compression"]
    else:
        assert footer.num_row_groups == 2


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
def test_zoned_times_in_csv_are_extended_iso(tmp_path: Path, unit: Any) -> None:
    """Beside naive ones, of whatever unit and zone; and they are read back as they were."""
    instants = [datetime(2026, 1, 2, 3, 4, 5, 806_000, tzinfo=UTC), None]
    naive = pl.Series("n", [datetime(2026, 1, 2), None], dtype=pl.Datetime("us"))
    frame = pl.DataFrame(
        [pl.Series("t", instants, dtype=pl.Datetime(unit, "Europe/Copenhagen")), naive]
    )
    store("csv", tmp_path / "t").write_sync(frame)
    (part,) = (tmp_path / "t").glob("*.csv")
    digits = {"ms": "806", "us": "806000", "ns": "806000000"}[unit]
    wanted = f"2026-01-02T03:04:05.{digits}+00:00,2026-01-02T00:00:00.000000"
    assert part.read_text().splitlines()[1] == wanted
    got = pl.concat(home("csv", tmp_path / "t").read_sync())
    assert got["t"].dt.convert_time_zone("UTC").to_list() == instants


def test_csv_settings_reach_the_files(tmp_path: Path) -> None:
    one = store("csv", tmp_path / "t", delimiter=";", header=False)
    load(one, "append", [pl.DataFrame({"a": [1, None], "b": ["x;y", ""]})])
    (part,) = (tmp_path / "t").glob("*.csv")
    assert part.read_text() == '1;"x;y"\n;""\n'
    assert load(one, "append", [pl.DataFrame({"a": [2], "b": [None], "c": [True]})]).rows == 3
    got = home("csv", tmp_path / "t", delimiter=";", header=False)
    want = [(1, "x;y", None), (2, None, True), (None, "", None)]
    assert sorted(everything(got).rows(), key=str) == want
