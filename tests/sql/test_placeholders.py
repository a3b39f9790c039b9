"""Placeholders: filled where they stand, and never in text, names, comments or casts."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hygge.core.errors import ConfigError
from hygge.sql.placeholders import CHUNK, WINDOW, fill, need, placeholders

NAMES = (*WINDOW, *CHUNK)
inner = st.text(st.sampled_from(" :sinceutlowrp'\"`-/*$;\n\\"), max_size=12)


def safe(text: str, *never: str) -> str:
    for part in never:
        text = text.replace(part, "")
    return text


PASSED_OVER = st.one_of(
    inner.map(lambda t: "'" + safe(t, "\\").replace("'", "''") + "'"),
    inner.map(lambda t: '"' + safe(t, "\\").replace('"', '""') + '"'),
    inner.map(lambda t: "`" + safe(t, "`") + "`"),
    inner.map(lambda t: "--" + safe(t, "\n") + "\n"),
    inner.map(lambda t: "/*" + safe(t, "*/", "*", "/") + "*/"),
    inner.map(lambda t: "$x$" + safe(t, "$") + "$x$"),
    st.sampled_from(NAMES).map(lambda name: f"a::{name}"),
    st.sampled_from(NAMES).map(lambda name: f":{name}x"),
    st.just(":other"),
    st.just("1 < 2"),
)
ASKED = st.sampled_from(NAMES)
pieces = st.lists(st.one_of(PASSED_OVER, ASKED.map(lambda name: (name,))), max_size=12)


@given(pieces, st.booleans())
def test_only_what_is_one_is_filled(parts: list[str | tuple[str]], escapes: bool) -> None:
    query = " ".join(p if isinstance(p, str) else f":{p[0]}" for p in parts)
    filled = " ".join(p if isinstance(p, str) else f"<{p[0]}>" for p in parts)
    if escapes and "#" in query:
        return
    asked = frozenset(p[0] for p in parts if isinstance(p, tuple))
    assert placeholders(query, escapes=escapes) == asked
    assert fill(query, {name: f"<{name}>" for name in NAMES}, escapes=escapes) == filled


def test_backslashes_end_a_text_or_do_not() -> None:
    query = r"SELECT '\' :since"
    assert placeholders(query) == {"since"}
    assert placeholders(r"SELECT '\' :since '", escapes=True) == set()
    assert placeholders("SELECT 1 # :since\n", escapes=True) == set()


def test_slices_of_arrays_are_no_placeholders() -> None:
    assert placeholders("SELECT a[1:upper], [x:since] FROM t") == set()


@given(st.text(max_size=20))
def test_sqlite_reads_a_text_as_it_was(text: str) -> None:
    if "\x00" in text or any("\ud800" <= c <= "\udfff" for c in text):
        return
    quoted = "'" + text.replace("'", "''") + "'"
    query = fill(f"SELECT {quoted}, :since", {"since": "7"})
    with closing(sqlite3.connect(":memory:")) as db:
        assert db.execute(query).fetchone() == (text, 7)


@pytest.mark.parametrize("query", ["SELECT 1", "SELECT :since", "SELECT ':since', ':until'"])
def test_what_is_missing_is_said(query: str) -> None:
    with pytest.raises(ConfigError, match="t is read") as caught:
        need(query, WINDOW, "t is read incrementally")
    assert ":since" in str(caught.value.hint)
    need("SELECT :since, :until", WINDOW, "t")
