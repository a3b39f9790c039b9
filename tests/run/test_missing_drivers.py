"""A driver that is not installed fails the flows that need it, and no others."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

PROJECT = """
flows:
  plain: {home: {type: csv, path: a.csv}, store: {type: parquet, path: out}}
  to_delta: {home: {type: csv, path: a.csv}, store: {type: delta, path: lake/a}}
  of_delta: {home: {type: delta, path: lake/b}, store: {type: parquet, path: out_b}}
  to_iceberg: {home: {type: csv, path: a.csv}, store: {type: iceberg, path: ice}}
  of_iceberg: {home: {type: iceberg, path: ice}, store: {type: parquet, path: out_c}}
  to_mysql: {home: {type: csv, path: a.csv}, store: {type: mysql, connection: my, table: a}}
  of_mysql: {home: {type: mysql, connection: my, table: b}, store: {type: parquet, path: out_d}}
  by_mysql: {home: {type: csv, path: a.csv}, store: {type: sql, connection: my, table: c}}
connections: {my: {type: mysql, url: "mysql://me@127.0.0.1:1/shop"}}
"""
RUN = """
import json, sys
drivers = ("deltalake", "pyiceberg", "pymysql")
sys.modules.update(dict.fromkeys(drivers))  # as if they were not installed
from hygge import Coordinator
result = Coordinator().execute()
print(json.dumps([(e.entity, e.status, e.error_class, e.hint) for e in result.entities]))
"""


def test_only_the_flows_that_need_it_fail(tmp_path: Path) -> None:
    (tmp_path / "hygge.yml").write_text(PROJECT)
    (tmp_path / "a.csv").write_text("a\n1\n")
    ran = subprocess.run(
        [sys.executable, "-c", RUN], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    told = {name: rest for name, *rest in json.loads(ran.stdout.splitlines()[-1])}
    assert told.pop("plain")[0] == "moved"
    for name, rest in told.items():
        extra = name.partition("_")[2]
        assert rest == ["failed", "MissingDriver", f"pip install 'hygge[{extra}]'"], name
    assert len(told) == 7
