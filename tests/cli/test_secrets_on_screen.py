"""What databases say of a statement with a secret in it: nothing of it on screen or on disk."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.cli.support import hygge, numbers
from tests.servers import Database

from hygge.cli.render import summary
from hygge.run.result import EntityResult, RunResult

P, V = "Zx9secretQ7", "Kj4variableW8"
"""As written in a statement, and as a variable holds it."""
DUCKDB = {
    "secret": f"CREATE SECRET s (TYPE s3 KEY_ID 'AK', SECRET '{P}')",
    "variable": "SET VARIABLE x = '${MYSECRET}' oops",
}
POSTGRES = {
    "user": f"ALTER USER nobody_here PASSWORD '{P}'",
    "mapping": f"CREATE USER MAPPING FOR PUBLIC SERVER nosuch OPTIONS (user 'u', password '{P}')",
    "variable": "SET x.y TO '${MYSECRET}' oops",
    "excerpt": f"SET x.y TO '{'wide ' * 9}' oops PASSWORD $${P}$$",
    "folded": "SET ROLE ${MYSECRET}",
    "configured": f"SELECT set_config('app.token', '{P}', nonsense)",
}


def told(folder: Path, kind: str, sessions: dict[str, str], env: dict[str, str]) -> str:
    """What a run of one flow for each says, whose connection fails with its statement."""
    numbers(folder / "in" / "rows.parquet")
    where = {"url": "${MYURL}"} if kind == "postgres" else {"path": "w.duckdb"}
    config = {
        "connections": {n: {"type": kind, **where, "session": [s]} for n, s in sessions.items()},
        "flows": {
            name: {
                "home": {"type": "parquet", "path": "in/rows.parquet"},
                "store": {"type": kind, "connection": name, "table": name},
                "retries": 0,
            }
            for name in sessions
        },
        "concurrency": 1,
    }
    (folder / "hygge.yml").write_text(json.dumps(config, indent=1))
    done = hygge("go", "--report", "report.json", cwd=folder, code=1, env={"MYSECRET": V, **env})
    for file in folder.rglob("*"):
        if file.is_file() and file.name != "hygge.yml":
            held = file.read_bytes().lower()
            assert P.lower().encode() not in held and V.lower().encode() not in held, file
    said = done.out + done.err
    assert P.lower() not in said.lower() and V.lower() not in said.lower(), said
    assert f"{len(sessions)} failed" in said, said
    return said


def test_duckdb(tmp_path: Path) -> None:
    said = told(tmp_path, "duckdb", DUCKDB, {})
    assert "KEY_ID ***, SECRET ***)" in said
    assert 'syntax error at or near "oops"' in said


def test_postgres(tmp_path: Path, postgres: Database) -> None:
    said = told(tmp_path, "postgres", POSTGRES, {"MYURL": postgres.url})
    for what in (
        'role "nobody_here" does not exist', 'server "nosuch" does not exist',
        "LINE 1: SET x.y TO '***' oops\n", "wide ' oops PASSWORD ***\n",
        'role "***" does not exist', "set_config('app.token', ***, nonsense)\n",
    ):  # fmt: skip
        assert what in said, said


def test_warnings_of_an_entity_with_a_telling_name(capsys: pytest.CaptureFixture[str]) -> None:
    from hygge.cli.console import say

    warning = "password_hash: digits past 6 are cut"
    entity = EntityResult(
        entity="password_resets", status="moved", source="a", destination="b", mode="append",
        attempts=1, warnings=(warning,),
    )  # fmt: skip
    moment = datetime.fromtimestamp(time.time(), UTC)
    result = RunResult(run_id="r", started=moment, finished=moment, status="ok", entities=(entity,))
    say(summary(result))
    assert f"password_resets: {warning}" in capsys.readouterr().out
    assert result.to_json()["entities"][0]["warnings"] == [warning]


def test_a_failure_of_an_entity_with_a_telling_name(tmp_path: Path) -> None:
    numbers(tmp_path / "in" / "rows.parquet")
    flow = {
        "home": {"type": "parquet", "path": "in/rows.parquet"},
        "store": {"type": "parquet", "path": "out"},
        "rename": {"id": "name"},
    }
    (tmp_path / "hygge.yml").write_text(json.dumps({"flows": {"secret_santa": flow}}))
    hygge("go", "--report", "report.json", cwd=tmp_path, code=1)
    (entity,) = json.loads((tmp_path / "report.json").read_text())["entities"]
    assert "'name'" in entity["error"] and "***" not in entity["error"]
