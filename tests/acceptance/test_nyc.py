"""Hourly weather as CSV: `NA` for what is missing, instants with a `Z`, long fractions.

The real file is used where HYGGE_TEST_DATA names the folder that has it; a generated one with the
same columns and kinds of values always is.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tests.acceptance.support import Parquet, in_order, run

COLUMNS = (
    "origin", "year", "month", "day", "hour", "temp", "dewp", "humid", "wind_dir", "wind_speed",
    "wind_gust", "precip", "pressure", "visib", "time_hour",
)  # fmt: skip
WHOLE = ("year", "month", "day", "hour", "wind_dir")
FLOW = """\
flows:
  weather:
    home:
      type: csv
      path: {path}
      nulls: [NA]
    store:
      type: parquet
      path: lake/weather
"""


@dataclass(frozen=True)
class Weather:
    """A file, the project that moves it, and how many readings it has."""

    file: Path
    project: Path
    rows: int

    @property
    def copy(self) -> Parquet:
        return Parquet(self.project / "lake" / "weather")


def generate(path: Path, rows: int) -> None:
    """Write readings. What is missing from a column is missing from its first rows too."""
    chance = Random(2013)
    start = datetime(2013, 1, 1, 6, tzinfo=UTC)
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(COLUMNS)
        for n in range(rows):
            at = start + timedelta(hours=n)
            gust = "NA" if n < rows // 2 or n % 3 else f"{chance.uniform(10, 60):.17g}"
            wind = "NA" if n < 40 or n % 17 == 0 else chance.randrange(0, 361, 10)
            out.writerow(
                [
                    ("EWR", "JFK", "LGA")[n % 3], at.year, at.month, at.day, at.hour,
                    f"{chance.randrange(1094, 10004) / 100:g}", f"{chance.uniform(-9, 78):.2f}",
                    f"{chance.uniform(12, 100):.2f}", wind, chance.choice((0, 10.357019999999999)),
                    gust, chance.choice((0, 0.01, 1.21)),
                    "NA" if n % 9 == 0 else f"{chance.randrange(9838, 10421) / 10:g}",
                    chance.choice((10, 0.12)), f"{at:%Y-%m-%dT%H:%M:%SZ}",
                ]
            )  # fmt: skip


@pytest.fixture(scope="module", params=["generated", "nyc"])
def weather(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Weather]:
    """Readings, moved once by `hygge go`."""
    root = tmp_path_factory.mktemp("weather")
    if request.param == "nyc":
        folder = os.environ.get("HYGGE_TEST_DATA")
        if not folder:
            pytest.skip("HYGGE_TEST_DATA names no folder with nyc/weather.csv")
        file, rows = Path(folder) / "nyc" / "weather.csv", 26_115
    else:
        file, rows = root / "weather.csv", 3_000
        generate(file, rows)
    text = FLOW.format(path=json.dumps(str(file)))
    (root / "hygge.yml").write_text(text, encoding="utf-8")
    run("go", cwd=root)
    yield Weather(file, root, rows)


def in_file(weather: Weather, column: str, read: Callable[[str], Any]) -> list[Any]:
    """A column's values as the standard library reads them; `NA` is None."""
    with weather.file.open(encoding="utf-8", newline="") as file:
        return [None if r[column] == "NA" else read(r[column]) for r in csv.DictReader(file)]


def test_every_reading_arrives(weather: Weather) -> None:
    assert weather.copy.count == weather.rows
    assert tuple(weather.copy.types) == COLUMNS


def test_times_are_instants_in_utc(weather: Weather) -> None:
    assert weather.copy.types["time_hour"] == "TIMESTAMP WITH TIME ZONE"
    got = weather.copy.ask("SELECT epoch_us(time_hour) FROM it ORDER BY 1")
    moments = in_file(weather, "time_hour", datetime.fromisoformat)
    assert [v for (v,) in got] == sorted(round(m.timestamp()) * 1_000_000 for m in moments)


def test_na_is_null(weather: Weather) -> None:
    asked = ", ".join(f"count(*) - count({name})" for name in COLUMNS)
    (nulls,) = weather.copy.ask(f"SELECT {asked} FROM it")
    expected = [in_file(weather, name, str).count(None) for name in COLUMNS]
    assert list(nulls) == expected
    assert expected[COLUMNS.index("wind_gust")] > weather.rows / 2


@pytest.mark.parametrize("column", [c for c in COLUMNS if c not in ("origin", "time_hour")])
def test_numbers_are_the_same_to_the_last_digit(weather: Weather, column: str) -> None:
    kind = weather.copy.types[column]
    assert kind == ("BIGINT" if column in WHOLE else "DOUBLE")
    read = int if column in WHOLE else float
    got = in_order(weather.copy.ask(f"SELECT {column} FROM it"))
    assert got == in_order([(v,) for v in in_file(weather, column, read)])


def test_rows_stay_together(weather: Weather) -> None:
    names = ("temp", "wind_gust", "pressure")
    got = weather.copy.ask(f"SELECT origin, epoch_us(time_hour), {', '.join(names)} FROM it")
    with weather.file.open(encoding="utf-8", newline="") as file:
        expected = [
            (
                row["origin"],
                round(datetime.fromisoformat(row["time_hour"]).timestamp()) * 1_000_000,
                *(None if row[name] == "NA" else float(row[name]) for name in names),
            )
            for row in csv.DictReader(file)
        ]
    assert in_order(got) == in_order(expected)


def test_going_again_leaves_exactly_the_same(weather: Weather) -> None:
    before = weather.copy.types, sorted(weather.copy.ask("SELECT it::VARCHAR FROM it"))
    run("go", cwd=weather.project)
    assert (weather.copy.types, sorted(weather.copy.ask("SELECT it::VARCHAR FROM it"))) == before
