"""The benchmarks run, find every source, and tell what is over a limit."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from benchmarks.__main__ import one_source
from benchmarks.line import Line, table
from benchmarks.measure import Timing
from benchmarks.plot import OVER, svg
from benchmarks.settling import into_each
from benchmarks.targets.postgres import MERGE_LIMIT
from tests.servers import Database
from tests.servers.postgres import POSTGRES

from benchmarks import sources

SLOW = Line(
    "SQLite & co", Timing(3.0, 2.5, 3.5, 700.0, 3, 4.2), floor=2.0, ratio_limit=1.3, peak_limit=600
)
FINE = Line("floor", Timing(2.0, 2.0, 2.0, 100.0, 3))


def test_a_line_tells_every_limit_it_is_over() -> None:
    assert SLOW.ratio == 1.5
    assert SLOW.failures == [
        "SQLite & co: 1.50x its floor, limit 1.3x", "SQLite & co: peak 700 MB, limit 600 MB",
    ]  # fmt: skip
    assert not FINE.failures


def test_results_as_json_and_as_a_table() -> None:
    assert json.loads(json.dumps(SLOW.to_json()))["ratio"] == 1.5
    assert table([SLOW]).splitlines()[-1] == (
        "| SQLite & co | 3.00 | 2.50 to 3.50 | 4.2 | 700 | 1.50x |"
    )


def test_the_plot_is_an_svg_with_a_bar_for_each_line() -> None:
    drawn = ET.fromstring(svg([SLOW, FINE]))
    texts = [t.text for t in drawn.iter("{http://www.w3.org/2000/svg}text")]
    bars = [r for r in drawn.iter("{http://www.w3.org/2000/svg}rect") if r.get("x")]
    assert "SQLite & co" in texts
    assert "3.00 s, 1.50x, 700 MB" in texts
    assert [bar.get("fill") == OVER for bar in bars] == [True, False]
    long, half = (float(bar.get("width", 0)) for bar in bars)
    assert half == pytest.approx(long / 1.5, abs=0.1)
    assert svg([])


@pytest.mark.parametrize("name", sources.names())
def test_a_source_says_what_it_times(name: str, tmp_path: Path) -> None:
    if name in ("postgres", "mysql"):
        pytest.skip("its server is started by `make bench`")
    with sources.job(name, tmp_path, 1000) as job:
        assert job.title
        if job.skip:
            pytest.skip(job.skip)
        assert job.home["type"] in (name, "sql") or job.into != "Parquet"
        assert job.drain
        assert job.drained


def test_a_store_is_timed_beside_its_floors(
    postgres: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(POSTGRES.variable, postgres.url)
    monkeypatch.setenv("BENCH_POSTGRES_URL", "")  # set by it, and put back when the test ends
    monkeypatch.setitem(MERGE_LIMIT, 1000, 0.15)
    found = into_each(["postgres"], tmp_path, 1000, 1)
    lines = {line.name.partition(": ")[2]: line for line in found}
    assert list(lines) == [
        "floor, COPY (binary) out, piped into COPY in", "PostgreSQL to PostgreSQL, append",
        "PostgreSQL to PostgreSQL, replace", "merge of 1 % into PostgreSQL, beside replacing",
    ]  # fmt: skip
    append, replaced = (lines[f"PostgreSQL to PostgreSQL, {m}"] for m in ("append", "replace"))
    piped = lines["floor, COPY (binary) out, piped into COPY in"]
    assert append.floor == replaced.floor == piped.timing.seconds > 0
    merged = lines["merge of 1 % into PostgreSQL, beside replacing"]
    assert merged.floor == replaced.timing.seconds
    assert merged.ratio_limit == 0.15
    assert {line.timing.runs for line in lines.values()} == {1}


def test_a_source_is_timed_beside_its_floors(tmp_path: Path) -> None:
    lines = one_source("sqlite", tmp_path, 1000, 1)
    assert [line.name for line in lines] == [
        "0.001 M rows: floor, drain SQLite by ADBC", "0.001 M rows: floor, encode Parquet",
        "0.001 M rows: SQLite to Parquet",
    ]  # fmt: skip
    drain, encode, moved = (line.timing.seconds for line in lines)
    assert lines[-1].floor == max(drain, encode)
    assert drain > 0
    assert moved > 0
    assert (tmp_path / "project-sqlite-0" / "out").is_dir()
