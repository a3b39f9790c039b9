"""CSV as it comes: encodings, marks, words for NULL, rows that are wrong."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.files.driving import bound, everything

from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context
from hygge.core.errors import BadValue, ConfigError, DataError
from hygge.files import delimited
from hygge.files.records import Records
from hygge.homes.csv import CSVHome


def read(tmp_path: Path, text: str | bytes, **settings: Any) -> pl.DataFrame:
    """The rows of a file with this text."""
    path = tmp_path / "t.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return everything(CSVHome("t", path=path, **settings))


def test_one_inference_over_the_whole_input(tmp_path: Path) -> None:
    lines = [f"{i},{i:05d},x" for i in range(100_000)]
    got = read(tmp_path, "n,code,t\n" + "\n".join([*lines, "2.7,1,y"]) + "\n")
    assert got.height == 100_001
    assert got["n"].dtype == pl.Float64
    assert got["n"][-1] == 2.7
    assert got["code"].dtype == pl.String
    assert got["code"][5] == "00005"


def test_nulls_and_empty_texts(tmp_path: Path) -> None:
    got = read(tmp_path, 'a,b,c\nNA,"NA",1\n,"",\n-,x,NA\n', nulls=["NA", "-"])
    assert got.rows() == [(None, "NA", 1), (None, "", None), (None, "x", None)]


def test_quoted_numbers_are_numbers(tmp_path: Path) -> None:
    got = read(tmp_path, '"a","b"\n"1","2.5"\n"",""\n')
    assert got.rows() == [(1, 2.5), (None, None)]


def test_a_decimal_comma(tmp_path: Path) -> None:
    text = "a;b;c;d\n1,5;2;1,2,3;1.5\n-0,25;3;x;2\n"
    got = read(tmp_path, text, delimiter=";", decimal=",")
    assert got.rows() == [(1.5, 2, "1,2,3", "1.5"), (-0.25, 3, "x", "2")]
    got = read(tmp_path, text, delimiter=";", decimal=",", types={"a": "decimal(4,2)"})
    assert got["a"].to_list() == [Decimal("1.50"), Decimal("-0.25")]
    with pytest.raises(BadValue, match=r"d, row 1: '1\.5' does not fit .* comma"):
        read(tmp_path, text, delimiter=";", decimal=",", types={"d": "float64"})


def test_times_with_a_zone(tmp_path: Path) -> None:
    text = "at\n2013-01-01T06:00:00Z\n2013-01-01T08:00:00+02:00\n"
    assert read(tmp_path, text)["at"].to_list() == [datetime(2013, 1, 1, 6, tzinfo=UTC)] * 2
    got = read(tmp_path, text, types={"at": "timestamp(us, Europe/Copenhagen)"})
    assert got["at"][0] == datetime(2013, 1, 1, 6, tzinfo=UTC)


@pytest.mark.parametrize("encoding", ["utf8", "utf-8-sig", "latin-1", "cp1252", "utf-16"])
def test_encodings(tmp_path: Path, encoding: str) -> None:
    text = "navn;pris\nBlåbærgrød;1\nÉté;2\n"
    got = read(tmp_path, text.encode(encoding), encoding=encoding, delimiter=";")
    assert got.rows() == [("Blåbærgrød", 1), ("Été", 2)]


def test_a_character_cut_in_two_by_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 300)
    rows = ["åæø" * (1 + i % 5) for i in range(500)]
    assert read(tmp_path, "t\n" + "\n".join(rows))["t"].to_list() == rows
    quoted = "t\n" + "\n".join(f'"{r}\n{r}"' for r in rows)
    assert read(tmp_path, quoted)["t"].to_list() == [f"{r}\n{r}" for r in rows]


def test_the_wrong_encoding_names_the_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"t\.csv, line 3: byte 0xf8 is not utf8") as caught:
        read(tmp_path, "navn\nx\nKøge\n".encode("latin-1"))
    assert "cp1252" in str(caught.value.hint)
    with pytest.raises(ConfigError, match="no encoding"):
        CSVHome("t", encoding="klingon")


def test_without_a_header(tmp_path: Path) -> None:
    got = read(tmp_path, "1,x\n2,y\n", header=False, types={"column_1": "int16"})
    assert got.columns == ["column_1", "column_2"]
    assert got.rows() == [(1, "x"), (2, "y")]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a,b\n1,2\n3\n", r"row 2: Expected 2 columns, got 1: 3"),
        ("a,b\n1,2\n3,4,5\n", r"row 2: Expected 2 columns, got 3: 3,4,5"),
        ("a,a\n1,2\n", "names 'a' twice"),
        ("", "is empty"),
        ('a,b\n1,"x\n3,4\n5,6\n', "a quote is opened and never closed"),
        ('a,b\n1,x\n2,"x"y\n', "line 3: '\"x\"y' goes on after its closing quote"),
        ('a,b\n"1\n1","x ""y"" "z,2\n', 'line 3: \'"x ""y"" "z\' goes on'),
        ('"a"b,c\n1,2\n', "line 1: '\"a\"b' goes on"),
    ],
)
def test_rows_that_are_wrong(tmp_path: Path, text: str, why: str) -> None:
    with pytest.raises(DataError, match=why) as caught:
        read(tmp_path, text)
    assert str(tmp_path / "t.csv") in caught.value.message


def test_a_doubled_name_is_told_before_arrow_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its thread outlived the refusal, and aborted one process in fifteen."""
    monkeypatch.setattr(delimited, "_parsed", None)
    with pytest.raises(DataError, match="names 'a, \"b' twice"):
        read(tmp_path, '\ufeff\r\n"a, ""b","a, ""b"\r\n1,2\r\n')


def test_a_process_ends_after_a_row_was_refused(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,b\n1,2,3\n" + "1,2\n" * 5_000_000)
    code = f"import hygge; list(hygge.CSVHome('t', path={str(tmp_path / 't.csv')!r}).read_sync())"
    ended = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert (ended.returncode, "row 1:" in ended.stderr) == (1, True), ended.stderr


_ROWS = (
    b'a,"b ""c"" ,",\n', b'"","d\n,","",5" pipe\r\n', b"\r\n", b"x,y\r", b'"e",\n', b'""\n', b'"f"'
)  # fmt: skip


@pytest.mark.parametrize("cut", range(1, 40))
def test_rows_are_found_whatever_the_blocks(tmp_path: Path, cut: int) -> None:
    def cut_up(data: bytes) -> list[bytes]:
        records = Records(tmp_path, '"', ",", 1_000)
        pieces = [data[start : start + cut] for start in range(0, len(data), cut)]
        return [*(records.whole(piece) for piece in pieces), records.rest()]

    right = b"".join(_ROWS)
    ends = {sum(map(len, _ROWS[:n])) for n in range(len(_ROWS) + 1)}
    assert set(itertools.accumulate(map(len, cut_up(right)))) <= ends
    assert b"".join(cut_up(right)) == right
    for at, more in ((len(right), b"f"), (13, b"x"), (13, b" "), (len(right), b',"')):
        with pytest.raises(DataError, match=r"line [17]"):
            cut_up(right[:at] + more + right[at:])


def test_a_quote_left_open_in_a_large_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delimited, "BLOCK_BYTES", 1_000)
    with pytest.raises(DataError, match="quote"):
        read(tmp_path, 'a,b\n1,"x\n' + "2,y\n" * 5_000)
    plain = read(tmp_path, 'a,b\n1,"x\n' + "2,y\n" * 5_000, quote="")
    assert plain.height == 5_001


def test_a_quote_left_open_in_a_column_that_is_not_wanted(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('a,b\n1,"x\n3,4\n5,6\n')
    with (
        bound(CSVHome("t", path=path, types={"a": "int64", "b": "string"})).open(
            Context()
        ) as session,
        pytest.raises(DataError, match="quote"),
    ):
        list(session.read(ReadRequest(columns=("a",)), WHOLE))
    path.write_text('a,b\n1,5" pipe\n3,"x, ""y"""\n')  # a quote within a value is a character
    assert everything(CSVHome("t", path=path))["b"].to_list() == ['5" pipe', 'x, "y"']


def test_a_value_that_does_not_fit(tmp_path: Path) -> None:
    text = "id,price\n1,10.50\n2,10.505\n"
    with pytest.raises(BadValue) as caught:
        read(tmp_path, text, types={"price": "decimal(10,2)"})
    assert caught.value.column == "price"
    assert caught.value.row == "row 2"
    assert caught.value.value == "10.505"
    assert "t.csv" in caught.value.message


def test_one_column_keeps_its_empty_rows(tmp_path: Path) -> None:
    assert read(tmp_path, "a\n1\n\n3\n")["a"].to_list() == [1, None, 3]
    assert read(tmp_path, "a,b\r\n1,2\r\n\r\n3,4")["a"].to_list() == [1, 3]


def test_what_was_inferred_says_so(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("a,b\n1,2\n")
    with bound(CSVHome("t", path=path)).open(Context()) as session:
        session.schema()
        assert session.inferred
    with bound(CSVHome("t", path=path, types={"a": "int8", "b": "string"})).open(
        Context()
    ) as session:
        session.schema()
        assert not session.inferred


@pytest.mark.skipif("HYGGE_TEST_DATA" not in os.environ, reason="needs HYGGE_TEST_DATA")
def test_the_weather_of_new_york() -> None:
    path = Path(os.environ["HYGGE_TEST_DATA"]) / "nyc" / "weather.csv"
    got = everything(CSVHome("weather", path=path, nulls=["NA"]))
    assert got.height == 26_115
    assert got.schema["time_hour"] == pl.Datetime("us", "UTC")
    assert got.schema["temp"] == pl.Float64
    assert got["wind_gust"].null_count() > 0


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf\r\n"])
def test_an_empty_file_is_told_before_arrow_is_asked(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Arrow's thread outlives its refusal, and aborted one process in four that left at once."""
    monkeypatch.setattr(delimited, "_parsed", None)
    (tmp_path / "empty.csv").write_bytes(content)
    with pytest.raises(DataError, match="not even a header"):
        delimited.columns_of(tmp_path / "empty.csv", delimited.Dialect())
