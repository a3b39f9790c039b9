"""Which column is proposed for a watermark."""

from __future__ import annotations

import pytest
from tests.project.discovery.support import field, table

from hygge.core.home import Table
from hygge.project.discovery.proposal import propose, words

ID = field("id", key=1)


@pytest.mark.parametrize(
    "name",
    ["updated_at", "UpdatedAt", "LAST_UPDATE", "modified", "ModifiedDate", "last_modified_on",
     "lastmodified", "changedAt", "row_update_time", "updatedat"],
)  # fmt: skip
def test_a_time_of_the_last_change_is_merged_with_a_lag(name: str) -> None:
    found = propose(table(ID, field("at", "timestamp(us)"), field(name, "timestamp(us)")))
    assert found is not None
    assert (found.column, found.mode, found.lag) == (name, "merge", "15m")


@pytest.mark.parametrize("name", ["updated_by", "ModifiedUserId", "change_reason", "update_count"])
def test_a_name_that_speaks_of_something_else_is_passed_over(name: str) -> None:
    assert propose(table(field("code", "string", key=1), field(name, "timestamp(us)"))) is None


def test_one_that_is_never_null_goes_first_and_a_time_before_a_day() -> None:
    found = propose(
        table(
            ID, field("updated_on", "date", null=False), field("changed_at", "timestamp(us)"),
            field("modified_at", "timestamp(us, UTC)", null=False),
        )
    )  # fmt: skip
    assert found is not None
    assert found.column == "modified_at"
    assert "NULL" not in found.why


def test_a_nullable_time_says_so_and_a_day_has_a_lag_of_days() -> None:
    found = propose(table(ID, field("updated_on", "date")))
    assert found is not None
    assert (found.lag, found.column) == ("1d", "updated_on")
    assert "NULL" in found.why


def test_a_row_version_goes_before_all() -> None:
    found = propose(
        table(ID, field("updated_at", "timestamp(us)"), field("v", "uint64", of="rowversion"))
    )
    assert found is not None
    assert (found.column, found.mode, found.lag) == ("v", "merge", "")


def test_what_the_source_counts_is_appended() -> None:
    found = propose(table(field("number"), field("name", "string"), counter="number"))
    assert found is not None
    assert (found.column, found.mode) == ("number", "append")
    assert "only added" in found.why
    by_name = propose(table(field("ArtistId", "int32", key=1)))
    assert by_name is not None
    assert by_name.column == "ArtistId"


def test_a_time_of_creation_comes_last() -> None:
    found = propose(
        table(field("code", "string", key=1), field("created_at", "timestamp(us)", null=False))
    )
    assert found is not None
    assert (found.column, found.mode) == ("created_at", "merge")
    assert "only added" in found.why


@pytest.mark.parametrize(
    "nothing",
    [
        table(field("updated_at", "timestamp(us)")),  # no key to merge on
        table(field("a", key=1), field("b", key=2)),
        table(field("day", "int32", key=1)),
        table(field("id", "string", key=1), field("updated_at", "string")),
        Table("main", "broken"),
    ],
)
def test_nothing_is_proposed_where_nothing_fits(nothing: Table) -> None:
    assert propose(nothing) is None


def test_words_of_names() -> None:
    assert words("LastModifiedDate") == ["last", "modified", "date"]
    assert words("last_modified-DATE2") == ["last", "modified", "date", "2"]
    assert words("HTTPStatus") == ["http", "status"]
    assert words("ændretDato") == ["ændret", "dato"] or words("ændretDato")
