"""Names, globs and tags."""

from __future__ import annotations

import pytest

from hygge import ConfigError
from hygge.run.options import RunOptions
from hygge.run.select import Candidate, chosen, idle, matches

ALL = [
    Candidate("sales", "orders", ("nightly", "big")),
    Candidate("sales", "tmp_orders"),
    Candidate("sales", "main.users"),
    Candidate("crm", "users", ("nightly",)),
    Candidate("weather", "weather", ("hourly",)),
]


def names(**options: object) -> list[str]:
    return [c.full_name for c in chosen(ALL, RunOptions(**options))]  # type: ignore[arg-type]


def test_nothing_said_is_everything_in_order() -> None:
    assert names() == [
        "sales.orders",
        "sales.tmp_orders",
        "sales.main.users",
        "crm.users",
        "weather",
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("sales", ["sales.orders", "sales.tmp_orders", "sales.main.users"]),
        ("orders", ["sales.orders"]),
        ("users", ["crm.users"]),
        ("main.users", ["sales.main.users"]),
        ("sales.*", ["sales.orders", "sales.tmp_orders", "sales.main.users"]),
        ("*.users", ["sales.main.users", "crm.users"]),
        ("*orders", ["sales.orders", "sales.tmp_orders"]),
        ("tag:nightly", ["sales.orders", "crm.users"]),
        ("tag:*ly", ["sales.orders", "crm.users", "weather"]),
        ("weather", ["weather"]),
    ],
)
def test_select(pattern: str, expected: list[str]) -> None:
    assert names(select=(pattern,)) == expected


def test_several_patterns_add_up_and_keep_the_order_of_the_project() -> None:
    assert names(select=("crm", "sales.orders")) == ["sales.orders", "crm.users"]


def test_exclude_takes_away_from_what_is_selected() -> None:
    assert names(select=("sales",), exclude=("*tmp_*", "tag:big")) == ["sales.main.users"]
    assert names(exclude=("sales",)) == ["crm.users", "weather"]


def test_an_exclude_that_leaves_nothing_out_is_told() -> None:
    options = RunOptions(select=("crm",), exclude=("slaes", "tag:big", "nope"))
    assert idle(ALL, options) == [
        "exclude 'slaes' leaves nothing out: nothing is called so; did you mean 'sales'?",
        "exclude 'nope' leaves nothing out: nothing is called so",
    ]


def test_flow_entity_and_only() -> None:
    assert names(flows=("crm",)) == ["crm.users"]
    assert names(entities=("sales.orders", "weather")) == ["sales.orders", "weather"]
    assert names(only=frozenset({"crm.users", "gone.now"})) == ["crm.users"]
    assert names(only=frozenset()) == []


def test_choices_narrow_one_another() -> None:
    assert names(flows=("sales",), select=("tag:nightly",)) == ["sales.orders"]
    assert names(flows=("sales",), select=("crm",)) == []


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({"flows": ("sale",)}, "no flow is called 'sale'", "did you mean 'sales'?"),
        ({"entities": ("sales.order",)}, "no entity is called 'sales.order'",
         "did you mean 'sales.orders'?"),
        ({"select": ("tag:nigthly",)}, "no flow, entity or tag is called 'tag:nigthly'",
         "did you mean 'tag:nightly'?"),
        ({"select": ("zzzz*",)}, "no flow, entity or tag is called 'zzzz*'",
         "`hygge ls` shows what there is"),
    ],
)  # fmt: skip
def test_a_name_that_means_nothing_is_an_error(
    options: dict[str, tuple[str, ...]], message: str, hint: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        names(**options)
    assert caught.value.message == message
    assert caught.value.hint == hint


def test_case_counts() -> None:
    assert not matches("Sales", ALL[0])
    assert not matches("tag:Nightly", ALL[0])
