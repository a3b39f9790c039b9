"""What the four file Homes have in common: paths, columns, windows, chunks."""

from __future__ import annotations

import pickle
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.files.driving import bound, everything

from hygge.core.chunk import WHOLE, Chunk, ReadRequest
from hygge.core.conform import conform
from hygge.core.context import Context
from hygge.core.errors import (
    Cancelled,
    ConfigError,
    ConnectError,
    DataError,
    SchemaDrift,
    TransientError,
)  # fmt: skip
from hygge.core.fields import parse_type
from hygge.core.registry import lookup
from hygge.core.watermark import Window, after
from hygge.homes.parquet import ParquetHome

KINDS = {"parquet": "parquet", "ipc": "arrow", "csv": "csv", "ndjson": "ndjson"}


def put(frame: pl.DataFrame, path: Path) -> Path:
    """Write a frame in the format that the path's ending says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writers: dict[str, Any] = {
        "parquet": frame.write_parquet, "arrow": frame.write_ipc, "csv": frame.write_csv,
        "ndjson": frame.write_ndjson,
    }  # fmt: skip
    writers[path.suffix[1:]](path)
    return path


def home(kind: str, path: Path | str, **settings: Any) -> Any:
    return lookup("home", kind)("t", path=path, **settings)


def ids(kind: str, path: Path | str, **settings: Any) -> list[int]:
    return everything(home(kind, path, **settings))["id"].to_list()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def numbers(start: int, stop: int) -> pl.DataFrame:
    return pl.DataFrame({"id": range(start, stop), "text": [f"å{i}" for i in range(start, stop)]})


def test_a_file_a_folder_and_a_glob(tmp_path: Path, kind: str) -> None:
    end = KINDS[kind]
    put(numbers(3, 5), tmp_path / "in" / f"b.{end}")
    put(numbers(0, 3), tmp_path / "in" / f"a.{end}")
    for name in (f".hidden.{end}", f"_temporary.{end}", "readme.md", "x.other"):
        (tmp_path / "in" / name).write_text("not data")
    put(numbers(90, 99), tmp_path / "in" / "deeper" / f"c.{end}")
    assert ids(kind, tmp_path / "in" / f"b.{end}") == [3, 4]
    assert ids(kind, tmp_path / "in") == [0, 1, 2, 3, 4]
    assert ids(kind, f"{tmp_path}/in/*.{end}") == [0, 1, 2, 3, 4]
    assert ids(kind, f"{tmp_path}/in/[a].{end}") == [0, 1, 2]
    assert ids(kind, tmp_path / "in" / "a") == [0, 1, 2]  # the ending may be left out
    assert len(ids(kind, f"{tmp_path}/**/*.{end}")) == 14


def test_brackets_in_a_name_that_is_there_are_part_of_it(tmp_path: Path, kind: str) -> None:
    file = put(numbers(0, 3), tmp_path / "in [old]" / f"a [1].{KINDS[kind]}")
    assert ids(kind, file) == ids(kind, file.parent) == [0, 1, 2]


def test_nothing_there(tmp_path: Path, kind: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "near").mkdir()
    with pytest.raises(ConnectError, match="without any") as caught:
        everything(home(kind, tmp_path / "in"))
    with pytest.raises(ConnectError, match="is not there") as caught:
        everything(home(kind, tmp_path / "inn"))
    assert str(caught.value.hint) == f"did you mean in? {tmp_path} holds: in, near"
    for n in range(8):
        (tmp_path / f"more{n}").mkdir()
    with pytest.raises(ConnectError) as caught:
        everything(home(kind, tmp_path / "zzz"))
    assert str(caught.value.hint).endswith("more6 and 2 more")
    with pytest.raises(ConnectError, match="no file matches"):
        everything(home(kind, f"{tmp_path}/x*.csv"))
    with pytest.raises(ConfigError, match="needs a name or a path"):
        bound(lookup("home", kind)())


def test_hive_folders_become_columns(tmp_path: Path, kind: str) -> None:
    end = KINDS[kind]
    put(numbers(0, 2), tmp_path / "year=2023" / "place=K%C3%B8ge" / f"a.{end}")
    put(numbers(2, 3), tmp_path / "year=2024" / "place=__HIVE_DEFAULT_PARTITION__" / f"a.{end}")
    put(numbers(9, 10), tmp_path / "year=2024" / "place=x" / f"_a.{end}")
    got = everything(home(kind, tmp_path, hive=True))
    assert got.select("id", "year", "place").rows() == [
        (0, 2023, "Køge"), (1, 2023, "Køge"), (2, 2024, None),
    ]  # fmt: skip
    assert got.schema["year"] == pl.Int64
    request = ReadRequest(columns=("place",))
    with bound(home(kind, tmp_path, hive=True)).open(Context()) as session:
        assert pl.concat(session.read(request, WHOLE))["place"].to_list() == ["Køge", "Køge", None]
    text = everything(home(kind, tmp_path, hive=True, types={"year": "string"}))
    assert text["year"].to_list() == ["2023", "2023", "2024"]


def test_files_that_differ_are_one_table(tmp_path: Path, kind: str) -> None:
    end = KINDS[kind]
    put(pl.DataFrame({"id": [1], "v": [1]}), tmp_path / f"a.{end}")
    put(pl.DataFrame({"v": [2.5], "id": [2], "more": ["x"]}), tmp_path / f"b.{end}")
    got = everything(home(kind, tmp_path))
    assert got.sort("id").to_dicts() == [
        {"id": 1, "v": 1.0, "more": None}, {"id": 2, "v": 2.5, "more": "x"},
    ]  # fmt: skip


def test_types_that_exclude_each_other(tmp_path: Path) -> None:
    put(pl.DataFrame({"v": [1]}), tmp_path / "a.parquet")
    put(pl.DataFrame({"v": ["x"]}), tmp_path / "b.parquet")
    with pytest.raises(SchemaDrift, match=r"b\.parquet does not go with .*a\.parquet: 'v'"):
        everything(home("parquet", tmp_path))
    got = everything(home("parquet", tmp_path, types={"v": "string"}))
    assert got["v"].to_list() == ["1", "x"]


MOMENTS = pl.DataFrame(
    {
        "id": range(6),
        "n": [10, 20, None, 40, 50, 60],
        "at": [datetime(2024, 1, d, tzinfo=UTC) for d in range(1, 6)] + [None],
        "wall": [datetime(2024, 1, d) for d in range(1, 7)],
        "day": [date(2024, 1, d) for d in range(1, 7)],
        "price": [Decimal(d) / 4 for d in range(6)],
    },
    schema_overrides={"price": pl.Decimal(10, 2)},
)
TYPES = {
    "n": "int64", "at": "timestamp(us, UTC)", "wall": "timestamp(us)", "day": "date",
    "price": "decimal(10,2)",
}  # fmt: skip


@pytest.mark.parametrize(
    ("column", "lower", "upper", "want"),
    [
        ("n", None, 40, [0, 1, 2]),
        ("n", 20, 50, [1, 3]),
        ("n", 60, 61, [5]),
        ("at", None, datetime(2024, 1, 3, tzinfo=UTC), [0, 1, 5]),
        ("at", datetime(2024, 1, 3, tzinfo=UTC), datetime(2024, 1, 5, tzinfo=UTC), [2, 3]),
        ("wall", datetime(2024, 1, 3), datetime(2024, 1, 5), [2, 3]),
        ("day", date(2024, 1, 3), date(2024, 1, 5), [2, 3]),
        ("price", Decimal("0.50"), Decimal("1.00"), [2, 3]),
        ("n", None, None, [0, 1, 2, 3, 4, 5]),
    ],
)
def test_windows(
    tmp_path: Path, kind: str, column: str, lower: Any, upper: Any, want: list[int]
) -> None:
    end = KINDS[kind]
    put(MOMENTS.head(3), tmp_path / f"a.{end}")
    put(MOMENTS.tail(3), tmp_path / f"b.{end}")
    window = Window(column, parse_type(TYPES[column]), lower, upper)
    with bound(home(kind, tmp_path, types=TYPES)).open(Context()) as session:
        request = ReadRequest(columns=("id",), window=window)
        batches = list(session.read(request, WHOLE))
        assert all(b.columns == ["id"] for b in batches)
        assert [int(i) for b in batches for i in b["id"]] == want
        assert session.count(request, WHOLE) in (None, len(want))
        assert session.maximum("n") == 60
        assert session.maximum("at") == datetime(2024, 1, 5, tzinfo=UTC)
        assert session.maximum("price") == Decimal("1.25")
        assert session.clock() is not None


def test_a_column_without_values_has_no_maximum(tmp_path: Path, kind: str) -> None:
    rows = pl.DataFrame({"id": [1], "n": [None]}, schema_overrides={"n": pl.Int64})
    put(rows, tmp_path / f"a.{KINDS[kind]}")
    with bound(home(kind, tmp_path, types={"n": "int64"})).open(Context()) as session:
        assert session.maximum("n") is None


def test_row_groups_outside_a_window_are_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hygge.homes import parquet

    rows = numbers(0, 1_000)
    rows.write_parquet(tmp_path / "a.parquet", row_group_size=100)
    read: list[int] = []
    real = parquet.read_group

    def counted(path: Path, number: int, *rest: Any) -> Any:
        read.append(number)
        return real(path, number, *rest)

    monkeypatch.setattr(parquet, "read_group", counted)
    window = Window("id", parse_type("int64"), 250, 420)
    with bound(home("parquet", tmp_path)).open(Context()) as session:
        got = pl.concat(session.read(ReadRequest(window=window), WHOLE))
    assert got["id"].to_list() == list(range(250, 420))
    assert read == [2, 3, 4]


def read_chunk(one: Any, request: ReadRequest, chunk: Chunk) -> list[int]:
    """Read one chunk with a session of its own."""
    with one.open(Context()) as session:
        frames = [conform(f, session.schema(), entity="t") for f in session.read(request, chunk)]
        got = pl.concat(frames)["id"].to_list() if frames else []
        assert session.count(request, chunk) in (None, len(got))
        assert chunk.rows in (None, len(got))
        return got


@pytest.mark.parametrize("parts", [1, 2, 3, 7])
def test_chunks_together_are_the_whole(tmp_path: Path, kind: str, parts: int) -> None:
    end = KINDS[kind]
    for number in range(4):
        path = tmp_path / f"{number}.{end}"
        rows = numbers(number * 100, number * 100 + 100)
        if kind == "parquet":
            rows.write_parquet(path, row_group_size=30)
        elif kind == "ipc":
            rows.write_ipc(path, record_batch_size=30)
        else:
            put(rows, path)
    one = bound(home(kind, tmp_path))
    with one.open(Context()) as session:
        chunks = session.split(ReadRequest(), parts)
    assert len(chunks) == (min(parts, 4) if kind in ("csv", "ndjson") else parts)
    got = [read_chunk(one, ReadRequest(), pickle.loads(pickle.dumps(c))) for c in chunks]
    assert sorted(i for part in got for i in part) == list(range(400))
    assert all(got)


def test_a_chunk_read_by_a_spawned_process(tmp_path: Path, kind: str) -> None:
    for number in range(2):
        put(numbers(number * 10, number * 10 + 10), tmp_path / f"{number}.{KINDS[kind]}")
    one = bound(home(kind, tmp_path))
    with one.open(Context()) as session:
        chunks = session.split(ReadRequest(), 2)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        futures = [pool.submit(read_chunk, one, ReadRequest(), c) for c in chunks]
        assert [f.result(60) for f in futures] == [list(range(10)), list(range(10, 20))]


def test_batches_are_of_the_size_asked_for(tmp_path: Path, kind: str) -> None:
    put(numbers(0, 1_000), tmp_path / f"a.{KINDS[kind]}")
    with bound(home(kind, tmp_path)).open(Context()) as session:
        heights = [b.height for b in session.read(ReadRequest(batch_rows=300), WHOLE)]
    assert heights == [300, 300, 300, 100]


def test_a_file_that_goes_away(tmp_path: Path, kind: str) -> None:
    paths = [put(numbers(i, i + 1), tmp_path / f"{i}.{KINDS[kind]}") for i in range(2)]
    with bound(home(kind, tmp_path)).open(Context()) as session:
        session.schema()
        paths[1].unlink()
        with pytest.raises(TransientError, match="gone"):
            list(session.read(ReadRequest(), WHOLE))


@pytest.mark.parametrize("parts", [1, 2])
def test_a_file_that_is_replaced_while_it_is_read(tmp_path: Path, kind: str, parts: int) -> None:
    """Neither a mixture of two files, nor the first rows of the second, nor an old copy."""
    path = put(numbers(0, 10), tmp_path / f"a.{KINDS[kind]}")
    put(numbers(10, 20), tmp_path / f"b.{KINDS[kind]}")
    one = bound(home(kind, tmp_path))
    with one.open(Context()) as session:
        chunks = session.split(ReadRequest(), parts)
        session.schema()
        put(numbers(100, 120), tmp_path / "new" / path.name).rename(path)
        with pytest.raises(TransientError, match="was changed while it was read"):
            list(session.read(ReadRequest(), chunks[0]))
    if parts > 1:  # a worker lists the files anew
        with (
            one.open(Context()) as session,
            pytest.raises(TransientError, match="was changed while it was read"),
        ):
            list(session.read(ReadRequest(), chunks[0]))


def test_a_file_half_written_while_it_is_read(tmp_path: Path, kind: str) -> None:
    """That it cannot be read then is no fault of its own: trying again may help."""
    path = put(numbers(0, 10), tmp_path / f"a.{KINDS[kind]}")
    with bound(home(kind, tmp_path)).open(Context()) as session:
        session.schema()
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * 2 // 3])
        with pytest.raises(TransientError, match="was changed while it was read"):
            list(session.read(ReadRequest(), WHOLE))


@pytest.mark.parametrize("dtype", [pl.Int8, pl.Int32, pl.Int64, pl.UInt64])
def test_a_bound_just_outside_the_columns_type(tmp_path: Path, dtype: Any) -> None:
    """The exclusive bound after the greatest number there is."""
    top = dtype.max()
    rows = pl.DataFrame({"id": [1, 2], "n": pl.Series([1, pl.select(top).item()], dtype=dtype)})
    path = put(rows, tmp_path / "a.parquet")
    with bound(home("parquet", path)).open(Context()) as session:
        last = session.maximum("n")
        window = Window("n", session.schema()["n"].type, 1, last + 1)
        batches = session.read(ReadRequest(columns=("id",), window=window), WHOLE)
        assert [i for b in batches for i in b["id"]] == [1, 2]


@pytest.mark.parametrize("unit", ["ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "Europe/Copenhagen"])
@pytest.mark.parametrize("end", ["parquet", "arrow"])
def test_windows_of_times_in_every_form(
    tmp_path: Path, end: str, unit: Any, zone: str | None
) -> None:
    """Bounds are Python's: microseconds, and UTC where there is a zone."""
    odd = 123 if unit == "ns" else 0
    hours = pl.Series([hour * 3_600_000_000_000 + odd for hour in range(5)])
    times = hours.cast(pl.Datetime("ns")).dt.cast_time_unit(unit)
    if zone:
        times = times.dt.replace_time_zone("UTC").dt.convert_time_zone(zone)
    path = put(pl.DataFrame({"id": range(5), "at": times}), tmp_path / f"a.{end}")
    base = datetime(1970, 1, 1, tzinfo=UTC if zone else None)
    kind = "parquet" if end == "parquet" else "ipc"
    with bound(home(kind, path)).open(Context()) as session:
        assert session.maximum("at") == base.replace(hour=4)
        for lower, upper, want in (
            (base.replace(hour=1), base.replace(hour=3), [1, 2]),
            (base.replace(year=1), base.replace(year=9999), [0, 1, 2, 3, 4]),
        ):
            window = Window("at", session.schema()["at"].type, lower, upper)
            batches = session.read(ReadRequest(columns=("id",), window=window), WHOLE)
            assert [i for b in batches for i in b["id"]] == want


def test_a_file_of_another_kind(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"a.{KINDS[kind]}"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\xff\xfe" * 10)
    with pytest.raises(DataError, match=str(path)):
        everything(home(kind, tmp_path))


def test_cancelling_stops_a_read(tmp_path: Path, kind: str) -> None:
    put(numbers(0, 100), tmp_path / f"a.{KINDS[kind]}")
    put(numbers(0, 100), tmp_path / f"b.{KINDS[kind]}")
    with bound(home(kind, tmp_path)).open(Context()) as session:
        batches = session.read(ReadRequest(batch_rows=10), WHOLE)
        next(batches)
        session.cancel()
        with pytest.raises(Cancelled):
            list(batches)


def test_tables(tmp_path: Path, kind: str) -> None:
    end = KINDS[kind]
    put(numbers(0, 1), tmp_path / f"one.{end}")
    put(numbers(0, 1), tmp_path / "two" / f"part.{end}")
    put(numbers(0, 1), tmp_path / "three" / "year=2024" / f"part.{end}")
    (tmp_path / "empty").mkdir()
    (tmp_path / ".hygge").mkdir()
    (tmp_path / "notes.md").write_text("")
    tables = bound(home(kind, tmp_path)).tables(Context())
    assert [str(t) for t in tables] == ["one", "three", "two"]
    for name in ("one", "two"):
        placed = lookup("home", kind).place_entity({"path": tmp_path}, name, shared=True)
        assert ids(kind, placed["path"]) == [0]


async def test_read_in_python(tmp_path: Path, kind: str) -> None:
    put(numbers(0, 25), tmp_path / f"a.{KINDS[kind]}")
    seen = [b.height async for b in home(kind, tmp_path, batch_size=10).read()]
    assert seen == [10, 10, 5]


def test_unknown_columns_in_types(tmp_path: Path, kind: str) -> None:
    put(numbers(0, 2), tmp_path / f"a.{KINDS[kind]}")
    if kind == "ndjson":  # a column that no record has is one of NULLs there
        assert everything(home(kind, tmp_path, types={"x": "date"}))["x"].to_list() == [None, None]
        return
    with pytest.raises(ConfigError, match="`types` names 'x'"):
        everything(home(kind, tmp_path, types={"x": "date"}))


def test_a_large_row_group_is_read_in_pieces(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from hygge.files import parquet

    monkeypatch.setattr(parquet, "PIECE_BYTES", 1_000)
    rows = MOMENTS.select(pl.all().repeat_by(1_000).explode()).with_columns(
        text=pl.lit("å") + pl.col("id").cast(pl.String)
    )
    rows.write_parquet(tmp_path / "a.parquet", row_group_size=4_000)
    groups = parquet.row_groups(tmp_path / "a.parquet")
    for columns in (None, ["text", "at"]):
        pieces = [
            piece
            for number, group in enumerate(groups)
            for piece in parquet.read_group(tmp_path / "a.parquet", number, group, columns)
        ]
        assert len(pieces) > 5
        assert pl.concat(pieces).equals(rows.select(columns or rows.columns))
    assert everything(home("parquet", tmp_path)).equals(rows)


@pytest.mark.parametrize("scale", [0, 2, 38])
def test_the_largest_of_all_decimals_can_be_a_watermark(tmp_path: Path, scale: int) -> None:
    """What comes after it is no decimal of Polars' any more."""
    top, kind = Decimal((0, (9,) * 38, -scale)), pl.Decimal(38, scale)
    rows = pl.DataFrame({"n": pl.Series([Decimal(0), top, None], dtype=kind)})
    rows.write_parquet(tmp_path / "t.parquet")
    beyond = Decimal((0, (1,), 38 - scale))
    with bound(ParquetHome("t", path=tmp_path / "t.parquet")).open(Context()) as session:
        assert session.maximum("n") == top
        column = session.schema()["n"].type
        assert after(top, column) == beyond
        for lower, upper, expected in (
            (None, beyond, [Decimal(0), top, None]),
            (top, beyond, [top]),
            (beyond, beyond, []),
            (None, top, [Decimal(0), None]),
        ):
            request = ReadRequest(window=Window("n", column, lower, upper))
            frames = list(session.read(request, WHOLE))
            assert [v for f in frames for v in f["n"]] == expected
