"""Other tools at the same work, where they are installed; reported beside, and never needed.

`python -m benchmarks.peers NAME URL OUT` reads the table `bench` at a URL into a folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

SCHEMA = "public"


def installed() -> list[str]:
    """Those that are there and answer."""
    found = ["dlt"] if all(map(find_spec, ("dlt", "connectorx", "psycopg"))) else []
    return found + [name for name in ("sling", "ingestr") if _answers(name)]


def _answers(program: str) -> bool:
    path = shutil.which(program)
    return bool(path) and not subprocess.run([path, "--version"], capture_output=True).returncode


def dlt(url: str, out: Path) -> None:
    """dlt's `sql_table` by its fastest backend, ConnectorX."""
    import dlt as tool
    from dlt.destinations import filesystem
    from dlt.sources.sql_database import sql_table

    source = sql_table(url, table="bench", schema=SCHEMA, backend="connectorx",
                       backend_kwargs={"return_type": "arrow_stream"})  # fmt: skip
    pipeline = tool.pipeline(
        "bench", destination=filesystem(str(out / "dlt")), pipelines_dir=str(out / "state")
    )
    pipeline.run(source, loader_file_format="parquet", write_disposition="replace")


def sling(url: str, out: Path) -> None:
    subprocess.run(
        ["sling", "run", "--src-conn", f"{url}?sslmode=disable", "--src-stream", f"{SCHEMA}.bench",
         "--tgt-object", f"file://{out}/sling/bench.parquet"],
        check=True, env=os.environ | {"SLING_ALLOW_EMPTY": "true"},
    )  # fmt: skip


def ingestr(url: str, out: Path) -> None:
    """Into a DuckDB file, since it writes no Parquet."""
    subprocess.run(
        ["ingestr", "ingest", "--source-uri", url, "--source-table", f"{SCHEMA}.bench",
         "--dest-uri", f"duckdb:///{out}/ingestr.duckdb", "--dest-table", "main.bench", "--yes"],
        check=True,
    )  # fmt: skip


def main(name: str, url: str, folder: str) -> None:
    out = Path(folder)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    {"dlt": dlt, "sling": sling, "ingestr": ingestr}[name](url, out)


if __name__ == "__main__":
    main(*sys.argv[1:])
