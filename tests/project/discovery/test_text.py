"""Names and texts that come back as they were."""

from __future__ import annotations

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hygge.core.home import Table
from hygge.project.discovery.naming import MOST_BYTES, entity_names, slug
from hygge.project.discovery.yaml_text import comment, in_home, setting, text
from hygge.project.names import key_of, name_problem
from hygge.project.reader import read_bytes
from hygge.project.templates import fill, resolve

AWKWARD = [
    "Order Details", "a/b", "a\\b", "..", ".hidden", "con", "NUL", "com1.x", "æøå", "名前",
    "x" * 300, "日" * 90, "", " ", "a:b", 'q"uote', "tab\there", "trailing.", "null", "true", "no",
    "12", "1e3", "- a", "# b", "a # b", "${HOME}", "{entity}", "\ufeffbom", "\u2028", "a'b", "*x",
    "&y", "!z", "%", "@",
]  # fmt: skip
NAMES = st.text() | st.sampled_from(AWKWARD)


def read(written: str) -> object:
    node, problems = read_bytes(f"a:\n  - {written}  # said\nb: {written}\n".encode(), "x.yml")
    assert node is not None, problems
    listed, alone = node.items["a"].elements[0].value, node.items["b"].value
    assert listed == alone
    return alone


@example("${y}")
@example("$${y}}")
@given(NAMES)
def test_a_text_is_read_as_it_was(value: str) -> None:
    assert read(text(value)) == value
    assert resolve(str(read(setting(value)))) == value
    assert fill(str(read(in_home(value))), {}) == value


@pytest.mark.parametrize(
    "plain", ["id", "created_at", "Order Details", "a.b", "x/y", "æøå", "名前"]
)
def test_ordinary_names_stand_bare(plain: str) -> None:
    assert text(plain) == plain


@pytest.mark.parametrize("other", ["no", "Yes", "null", "12", "1.5", "", "a: b", "- a", "a "])
def test_what_means_something_else_is_quoted(other: str) -> None:
    assert text(other).startswith('"')


@given(NAMES)
def test_a_comment_is_one_printable_line(value: str) -> None:
    said = comment(value, 40)
    assert len(said) <= 40
    assert read(f"x  # {said}") == "x"


@given(st.lists(st.tuples(st.sampled_from(["", "main", "Main", "a_b"]), NAMES), unique=True))
def test_entities_have_safe_and_distinct_names_whatever_the_order(
    pairs: list[tuple[str, str]],
) -> None:
    tables = list({str(t): t for t in (Table(*pair) for pair in pairs)}.values())
    names = entity_names(tables)
    assert set(names) == {str(t) for t in tables}
    assert [name_problem(n) for n in names.values()] == [None] * len(names)
    assert len({key_of(n) for n in names.values()}) == len(names)
    assert all(len(n.encode()) <= MOST_BYTES for n in names.values())
    random.Random(1).shuffle(tables)
    assert entity_names(tables) == names


def test_plain_names_are_kept_and_others_told_apart() -> None:
    names = entity_names(
        [Table("sales", "orders"), Table("hr", "users"), Table("crm", "Users"), Table("x", "a b"),
         Table("y", "c"), Table("y", "C")]
    )  # fmt: skip
    assert names["sales.orders"] == "orders"
    assert (names["hr.users"], names["crm.Users"]) == ("hr_users", "crm_Users")
    assert names["x.a b"] == "a_b"
    assert names["y.c"] != names["y.C"]
    assert names["y.c"].startswith("c_")


def test_names_that_are_taken_are_left_alone() -> None:
    assert entity_names([Table("main", "Users")], ["users"])["main.Users"] == "main_Users"


def test_a_name_that_is_a_device_or_too_long() -> None:
    assert slug("con") == "table_con"
    assert slug("...") == "table"
    long, other = slug("x" * 300), slug("x" * 301)
    assert long != other
    assert len(long) <= MOST_BYTES
