"""`hygge demo`: a whole small load, start to end, and what it proved."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from pathlib import Path

import polars as pl

from hygge.cli.console import bold, dim, say
from hygge.cli.failure import OK
from hygge.cli.running import exit_code, follower, tell_summary, watched
from hygge.cli.sample import write_sqlite, write_visits
from hygge.cli.text import columns, count, here, size
from hygge.core.errors import ConfigError
from hygge.core.scratch import Scratch
from hygge.project import load_project
from hygge.run.coordinator import Coordinator

_PROJECT = """\
name: hygge-demo
connections:
  shop: {type: sqlite, path: shop.db}
"""

_SHOP = """\
# Every table of the shop's database, each into a folder of Parquet files.
home: {type: sqlite, connection: shop}
store: {type: parquet, path: lake/shop}
tables: ["main.*"]
"""

_VISITS = """\
# One CSV file; `NA` is nothing, and the times are instants.
home:
  type: csv
  path: visits.csv
  nulls: ["NA"]
  types: {visited_at: "timestamp(us, UTC)", seconds: "decimal(9,3)"}
store: {type: parquet, path: lake/visits}
"""


def demo(*, keep: Path | None) -> int:
    """Make the demo project, move its data, show it; returns the exit code.

    Parameters
    ----------
    keep: a new or empty folder to make it in, and leave it; None uses a temporary one.
    """
    with ExitStack() as held:
        if keep is None:
            folder = held.enter_context(Scratch("hygge-demo"))
        else:
            folder = keep.resolve()
            _check_empty(folder, keep)
        write_project(folder)
        return _run(folder, keep)


def write_project(folder: Path) -> None:
    """Write the demo's project and data: an SQLite shop of four tables, and a CSV of visits."""
    for name, text in (("shop", _SHOP), ("visits", _VISITS)):
        path = folder / "flows" / name / "flow.yml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / "hygge.yml").write_text(_PROJECT, encoding="utf-8")
    write_sqlite(folder / "shop.db")
    write_visits(folder / "visits.csv")


def _check_empty(folder: Path, given: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ConfigError(
            f"--keep: {given} is not empty", hint="give a folder that is new or empty"
        )


def _run(folder: Path, keep: Path | None) -> int:
    sizes = [(name, size((folder / name).stat().st_size)) for name in ("shop.db", "visits.csv")]
    say(f"A small shop, made for you in {bold(here(str(folder)))}:\n")
    say(columns(sizes))
    say(f"\nTwo flows of a few lines each move it into Parquet, as {bold('hygge go')} does:\n")
    project = load_project(config_path=folder)
    shown = follower()
    coordinator = Coordinator(project=project, listeners=(shown,))
    ended = watched(coordinator.execute, coordinator.cancel, shown)
    tell_summary(ended)
    code = exit_code(ended)
    if code != OK or ended.result is None:
        return code
    _show_arrivals(folder)
    proofs = [e.proof for e in ended.result.entities if e.proof is not None]
    counted = sum(p.staged or 0 for p in proofs)
    say(
        f"\n{count(counted, 'row')} were counted as they were read, written and laid down.\n"
        "The counts agreed before anything was published."
    )
    say(f"\n{bold('Next')}")
    if keep is not None:
        say(f"  cd {keep}")
        steps = [
            ("hygge go", "# again: the same rows, not twice"),
            ("hygge journal", "# what ran, and what it proved"),
        ]
    else:
        steps = [
            ("hygge demo --keep DIR", "# the same, and the folder stays"),
            ("hygge init my-project", "# a project of your own"),
        ]
    say(columns([(command, dim(what)) for command, what in steps]))
    return OK


def _show_arrivals(folder: Path) -> None:
    say(f"\n{bold('What arrived')}")
    cells = max(60, min(shutil.get_terminal_size().columns, 110))
    for entity in ("shop/orders", "visits"):
        place = folder / "lake" / entity
        frame = pl.scan_parquet(str(place / "*.parquet"))
        rows = frame.select(pl.len()).collect().item()
        say(f"\n  {bold(here(str(place)))}  {count(rows, 'row')}")
        with pl.Config(tbl_rows=3, tbl_width_chars=cells - 2, tbl_hide_dataframe_shape=True):
            table = str(frame.head(3).collect())
        say("\n".join("  " + line for line in table.splitlines()))
