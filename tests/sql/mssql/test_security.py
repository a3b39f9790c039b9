"""Row security: rows that are hidden from who loads are not taken for gone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.sql.mssql.recorded import ANSWERS, Recorded, session
from tests.sql.mssql.support import connect, is_babelfish, needs_server, url_of

from hygge import MSSQLHome, MSSQLStore
from hygge.core.chunk import WHOLE, ReadRequest
from hygge.core.context import Context, Surroundings
from hygge.core.errors import ConnectError
from hygge.core.fields import Schema
from hygge.core.terms import Deletes, Terms
from hygge.sql.mssql.link import MSSQLLink
from hygge.sql.mssql.security import policies
from hygge.sql.mssql.settler import MSSQLSettler
from hygge.sql.settle.place import Place
from hygge.testing._store_base import some_rows
from hygge.testing.loading import load_frames, request_for, state_of

PLACE = Place("dbo", "t", "shop")
ON_ROWS, ON_STATE = (0, "rls", "tenants"), (1, "rls", "states")
NO_VIEWS: dict[str, Any] = {"'sys.security_predicates'": [(None,)]}


def filtered(*found: tuple[int, str, str]) -> Recorded:
    return Recorded(security_policies=found)


def sight(link: Recorded, *, compares: bool, **settings: Any) -> str:
    return MSSQLSettler(**settings).check_sight(link, PLACE, compares=compares)


def test_a_filtered_table_is_not_compared_with() -> None:
    with pytest.raises(ConnectError, match=r"policy rls\.tenants may hide rows .* come twice") as c:
        sight(filtered(ON_ROWS), compares=True)
    assert "sees_all_rows: true" in (c.value.hint or "") and "append" in (c.value.hint or "")
    assert "rls.tenants may hide rows" in sight(filtered(ON_ROWS), compares=False)
    assert sight(filtered(), compares=True) == ""


@pytest.mark.parametrize("compares", [True, False])
def test_a_hidden_state_is_no_state(compares: bool) -> None:
    with pytest.raises(ConnectError, match=r"rls\.states may hide its state, in .*_hygge_state"):
        sight(filtered(ON_STATE), compares=compares)


def test_who_loads_is_known_to_see_all_rows() -> None:
    link = filtered(ON_ROWS, ON_STATE)
    assert sight(link, compares=True, sees_all_rows=True) == ""
    assert link.said == []


def test_only_filters_that_are_enabled_are_asked_for() -> None:
    """Once for a connection whether there can be any, and not of servers before 2016."""
    link = filtered()
    assert policies(link, "[dbo].[t]", "[dbo].[u]") == ["", ""]
    assert policies(link, "[dbo].[t]") == [""]
    (first, both, one) = link.said
    assert "OBJECT_ID('sys.security_predicates')" in first
    assert "predicate_type = 0" in both and "is_enabled = 1" in both
    assert "OBJECT_ID(N'[dbo].[u]')" in both and "[u]" not in one
    older = Recorded(**NO_VIEWS)
    assert policies(older, "[dbo].[t]") == policies(older, "[dbo].[u]") == [""]
    assert len(older.said) == 1


@pytest.mark.parametrize(
    ("seen", "policy", "rows", "filled"),
    [
        ([(1,)], [], 0, True),
        ([], [], 9, False),
        ([], [ON_ROWS], 9, True),
        ([], [ON_ROWS], 0, False),
    ],
)
def test_a_table_whose_rows_are_all_hidden_is_not_empty(
    seen: Any, policy: Any, rows: int, filled: bool
) -> None:
    """To take it for emptied would have all rows come again."""
    answers = {"SELECT TOP 1 1": seen, "security_policies": policy, "sys.partitions": [(rows,)]}
    assert MSSQLSettler().is_filled(Recorded(**answers), PLACE) is filled


@pytest.mark.parametrize("hidden", [True, False])
def test_who_reads_is_told_once(hidden: bool) -> None:
    notes: list[str] = []
    answers = {**ANSWERS, "security_policies": [ON_ROWS] if hidden else []}
    with session(Recorded(**answers), notes) as reading:
        reading.schema()
        assert len(reading.relation.columns) == 2
    assert [("row security" in note) for note in notes] == [True] * hidden


SCHEMA = "hygge_security"


@pytest.fixture
def link() -> Iterator[MSSQLLink]:
    is_babelfish()
    with connect() as link:
        if not link.rows(f"SELECT 1 FROM sys.schemas WHERE name = '{SCHEMA}'"):
            link.execute(f"CREATE SCHEMA {SCHEMA}")
        try:
            yield link
        finally:
            for name, kind in link.rows(
                "SELECT o.name, RTRIM(o.type) FROM sys.objects o JOIN sys.schemas s ON "
                f"s.schema_id = o.schema_id WHERE s.name = '{SCHEMA}' AND o.type IN "
                "('U', 'IF', 'SP') ORDER BY CASE o.type WHEN 'SP' THEN 1 WHEN 'IF' THEN 2 "
                "ELSE 3 END"
            ):
                what = {"U": "TABLE", "IF": "FUNCTION", "SP": "SECURITY POLICY"}[kind]
                link.execute(f"DROP {what} {SCHEMA}.[{name}]")


def store(**settings: Any) -> MSSQLStore:
    return MSSQLStore("t", url=url_of(), schema=SCHEMA, **settings).bind(Surroundings())


@needs_server
def test_a_server_is_asked_whether_or_not_it_knows_policies(link: MSSQLLink) -> None:
    assert link.has_policies is not is_babelfish()
    assert policies(link, f"[{SCHEMA}].[t]", f"[{SCHEMA}].[nothing]") == ["", ""]
    for at in (0, 2):
        load_frames(store(), [some_rows(at, 3)], "merge", ("k",))
    notes: list[str] = []
    home = MSSQLHome(f"{SCHEMA}.t", url=url_of()).bind(Surroundings())
    with home.open(Context(note=lambda message, severity: notes.append(message))) as reading:
        assert reading.count(ReadRequest(), WHOLE) == 5
    assert notes == []


@needs_server
@pytest.mark.parametrize("mode", ["merge", "delete_insert", "replace"])
def test_a_load_that_compares_is_refused_before_it_makes_anything(
    link: MSSQLLink, mode: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = () if mode == "replace" else ("k",)
    load_frames(store(), [some_rows(0, 3)], mode, keys)
    monkeypatch.setattr(
        "hygge.sql.mssql.security.policies",
        lambda link, *tables: ["rls.tenants", ""][: len(tables)],
    )
    notes: list[str] = []
    context = Context(note=lambda message, severity: notes.append(message))
    with store().open(context) as settling:
        with pytest.raises(ConnectError, match="come twice"):
            settling.rehearse(mode)
        fields, held = Schema.of(some_rows(0, 1)), settling.state()
        with pytest.raises(ConnectError, match="come twice"):
            settling.begin(request_for(held, fields, mode, keys))
        terms = Terms(deletes=Deletes(find=True))
        with pytest.raises(ConnectError, match="come twice"):
            settling.begin(request_for(held, fields, "append", ("k",), terms=terms))
        settling.rehearse("append")
    assert [("rows are appended" in note) for note in notes] == [True]
    load_frames(store(sees_all_rows=True), [some_rows(0, 3)], mode, keys)
    load_frames(store(), [some_rows(3, 2)], "append")
    state = state_of(store())
    assert state is not None and state.generation == 3


@needs_server
def test_rows_that_a_policy_hides(link: MSSQLLink) -> None:
    """On a server that has policies: nothing is loaded twice, whatever is seen."""
    if is_babelfish():
        pytest.skip("Babelfish has no security policies")
    load_frames(store(), [some_rows(0, 3)], "append")
    link.execute(
        f"CREATE FUNCTION {SCHEMA}.shown(@k bigint) RETURNS TABLE WITH SCHEMABINDING AS "
        "RETURN SELECT 1 AS ok WHERE @k < 0"
    )
    link.execute(
        f"CREATE SECURITY POLICY {SCHEMA}.hides ADD FILTER PREDICATE {SCHEMA}.shown(k) "
        f"ON {SCHEMA}.t WITH (STATE = ON)"
    )
    assert policies(link, f"[{SCHEMA}].[t]") == [f"{SCHEMA}.hides"]
    assert link.rows(f"SELECT k FROM {SCHEMA}.t") == []
    state = state_of(store())
    assert state is not None and state.rows == 3, "it was not emptied"
    load_frames(store(), [some_rows(3, 2)], "append")
    for mode, keys in (("merge", ("k",)), ("delete_insert", ("k",)), ("replace", ())):
        with pytest.raises(ConnectError, match="hides may hide rows"):
            load_frames(store(), [some_rows(0, 3)], mode, keys)
    notes: list[str] = []
    home = MSSQLHome(f"{SCHEMA}.t", url=url_of()).bind(Surroundings())
    with home.open(Context(note=lambda message, severity: notes.append(message))) as reading:
        reading.schema()
    assert len(notes) == 1 and "row security" in notes[0]
    link.execute(f"ALTER SECURITY POLICY {SCHEMA}.hides WITH (STATE = OFF)")
    assert policies(link, f"[{SCHEMA}].[t]") == [""]
    assert link.row(f"SELECT COUNT(*) FROM {SCHEMA}.t")[0] == 5
    link.execute(
        f"CREATE SECURITY POLICY {SCHEMA}.states ADD FILTER PREDICATE {SCHEMA}.shown("
        f"LEN([table]) - 100) ON {SCHEMA}._hygge_state WITH (STATE = ON)"
    )
    with pytest.raises(ConnectError, match="states may hide its state"):
        load_frames(store(), [some_rows(5, 1)], "append")
