"""Files brought up to date: only what changed is edited, and what a person wrote stays."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.project.discovery.support import field, table

from hygge.project.discovery.merge import merge
from hygge.project.discovery.page import texts
from hygge.project.discovery.record import Known
from hygge.project.discovery.render import entity_text
from hygge.project.reader import read_bytes

BEFORE = table(field("id", key=1), field("name", "string"), field("note", "string"))
TEXT = entity_text(BEFORE, "orders", with_schema=True)
KNOWN = Known.of(BEFORE, "orders.yml")
ADDED = table(*(BEFORE.fields or ()), field("at", "date"))


def now(*fields: object) -> Known:
    return Known.of(table(*fields), "orders.yml")  # type: ignore[arg-type]


def columns(text: str) -> list[str]:
    node, problems = read_bytes(text.encode(), "x.yml")
    assert node is not None
    assert not problems
    listed = node.get("columns")
    return texts(listed) if listed is not None else []


def changed(before: str, after: str) -> tuple[list[str], list[str]]:
    """The lines that went, and those that came."""
    old, new = before.splitlines(), after.splitlines()
    return [line for line in old if line not in new], [line for line in new if line not in old]


def test_no_change_leaves_the_file_alone() -> None:
    assert merge(TEXT, KNOWN, KNOWN, "x.yml").text == TEXT


def test_a_new_column_is_one_line_behind_the_one_before_it() -> None:
    new = now(field("id", key=1), field("name", "string"), field("city", "string", null=False),
              field("note", "string"))  # fmt: skip
    done = merge(TEXT, KNOWN, new, "x.yml")
    assert changed(TEXT, done.text) == ([], ["  - city  # string, not null"])
    assert columns(done.text) == ["id", "name", "city", "note"]
    assert not done.notes
    assert done.settled == new


def test_new_columns_before_all_others_and_after_each_other() -> None:
    new = now(field("a"), field("b"), field("id", key=1), field("name", "string"), field("c"),
              field("d"), field("note", "string"), field("e"))  # fmt: skip
    assert columns(merge(TEXT, KNOWN, new, "x.yml").text) == list(new.columns)


def test_a_column_that_is_gone_goes_and_what_still_names_it_is_told() -> None:
    text = TEXT + "rename: {name: full_name}\n"
    done = merge(text, KNOWN, now(field("id", key=1), field("note", "string")), "x.yml")
    assert changed(text, done.text) == (["  - name  # string"], [])
    assert done.notes == ("`rename` still names 'name', which the source has no more",)


def test_a_changed_type_changes_the_comment_and_keeps_a_persons_words() -> None:
    text = TEXT.replace("- note  # string", "- note  # string, in Danish")
    new = now(field("id", key=1), field("name", "string"), field("note", "string(9)", null=False))
    done = merge(text, KNOWN, new, "x.yml")
    assert changed(text, done.text) == (
        ["  - note  # string, in Danish"], ["  - note  # string(9), not null, in Danish"],
    )  # fmt: skip
    own = TEXT.replace("- note  # string", "- note  # never shown")
    assert merge(own, KNOWN, new, "x.yml").text == own


def test_what_a_person_took_out_or_wrote_beside_stays() -> None:
    text = TEXT.replace("  - note  # string\n", "").replace("name: orders", "# mine\nname: sales")
    new = now(field("id", key=1), field("name", "string"), field("note", "string(9)"),
              field("at", "date"))  # fmt: skip
    done = merge(text, KNOWN, new, "x.yml")
    assert changed(text, done.text) == ([], ["  - at  # date"])
    assert "note" not in columns(done.text)


def test_a_column_with_words_of_ones_own_becomes_a_comment_when_it_goes() -> None:
    text = TEXT.replace("- note  # string", "- note  # ask Ida before using it")
    done = merge(text, KNOWN, now(field("id", key=1), field("name", "string")), "x.yml")
    assert "  # - note  # ask Ida before using it\n" in done.text
    assert columns(done.text) == ["id", "name"]


def test_a_key_that_changed_is_rewritten_where_it_stands_as_found() -> None:
    new = now(field("id", key=1), field("name", "string", key=2), field("note", "string"))
    done = merge(TEXT, KNOWN, new, "x.yml")
    assert "key_column: [id, name]\n" in done.text
    assert not done.notes
    own = TEXT.replace("key_column: id", "key_column: note  # ours")
    kept = merge(own, KNOWN, new, "x.yml")
    assert "key_column: note  # ours\n" in kept.text
    assert kept.notes == (
        "the source's key was id, and is id, name; `key_column` was left as it is",
    )


@pytest.mark.parametrize(
    "text",
    [
        TEXT.partition("columns:")[0] + "columns: [id, name, note]\n",
        TEXT.replace("  - name  # string", '  -\n    "name"').replace("  - id", "  -\n    id")
        .replace("  - note", "  -\n    note"),
    ],
)  # fmt: skip
def test_columns_that_have_no_lines_of_their_own_are_told_until_they_are_done(text: str) -> None:
    new = Known.of(ADDED, "orders.yml")
    done = merge(text, KNOWN, new, "x.yml")
    assert done.text == text
    assert done.notes == ("add 'at' to its `columns` by hand: date",)
    assert merge(text, done.settled, new, "x.yml").notes == done.notes
    by_hand = TEXT.partition("columns:")[0] + "columns: [id, name, note, at]\n"
    after = merge(by_hand, done.settled, new, "x.yml")
    assert (after.text, after.notes, after.settled) == (by_hand, (), new)


def test_without_columns_all_are_moved_and_nothing_is_to_do() -> None:
    text = TEXT.partition("columns:")[0]
    done = merge(text, KNOWN, Known.of(ADDED, "orders.yml"), "x.yml")
    assert (done.text, done.notes) == (text, ())


def test_a_list_is_never_emptied_since_that_would_mean_all() -> None:
    text = TEXT.replace("  - id  # int64, key\n", "").replace("  - name  # string\n", "")
    done = merge(text, KNOWN, now(field("id", key=1), field("name", "string")), "x.yml")
    assert done.text == text
    assert done.notes == ("take 'note' out of its `columns` by hand: the source has it no more",)


def test_a_file_that_cannot_be_read_is_left_and_told() -> None:
    broken = TEXT + "columns: [\n"
    done = merge(broken, KNOWN, Known.of(ADDED, "orders.yml"), "x.yml")
    assert (done.text, done.settled) == (broken, KNOWN)
    assert done.notes


@pytest.mark.parametrize("ending", ["\r\n", "\n"])
def test_line_ends_and_a_mark_at_the_beginning_stay(ending: str) -> None:
    text = "\ufeff" + TEXT.rstrip("\n").replace("\n", ending)
    done = merge(text, KNOWN, Known.of(ADDED, "orders.yml"), "x.yml")
    assert done.text == f"{text}{ending}  - at  # date{ending}"


NAMES = st.lists(
    st.sampled_from(["id", "a b", "x", "y", "#z", "null", "${v}", "æ", "'q'", "- d"]),
    unique=True, min_size=1,
)  # fmt: skip


@given(NAMES, NAMES, st.data())
def test_every_change_is_made_and_nothing_else(
    before: list[str], after: list[str], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(before), unique=True, min_size=1))
    old = table(*(field(n) for n in before))
    new = Known.of(table(*(field(n, "string") for n in after)), "x.yml")
    known = Known.of(old, "x.yml")
    written = entity_text(
        replace(old, fields=table(*(field(n) for n in kept)).fields), "x", with_schema=False
    )
    text = written + "# the last word\n"
    done = merge(text, known, new, "x.yml")
    wanted = {n for n in kept if n in after} | {n for n in after if n not in before}
    assert done.text.endswith("# the last word\n")
    if wanted:
        assert set(columns(done.text)) == wanted
        assert [c for c in columns(done.text) if c in kept] == [c for c in kept if c in after]
        assert done.settled == new
        assert not done.notes
    else:
        assert len(columns(done.text)) == 1
        assert done.notes
    again = merge(done.text, done.settled, new, "x.yml")
    assert (again.text, again.notes) == (done.text, done.notes)
