"""What a catalogue says, and what the configuration says of it."""

from __future__ import annotations

import pytest

from hygge.core.errors import ConfigError
from hygge.core.fields import parse_type
from hygge.sql.relation import Column, Relation, by_column, meanings, not_there

INT, TEXT = parse_type("int64"), parse_type("string")
ORDERS = Relation(
    "sales", "orders", "table",
    (
        Column("line", "INTEGER", INT, required=True, key=2),
        Column("id", "INTEGER", INT, required=True, key=1),
        Column("price", "NUMERIC", None),
        Column("note", "TEXT", TEXT, loss="blanks at the end"),
    ),
)  # fmt: skip


def test_types_by_column_go_before_those_by_native_type() -> None:
    types = {"numeric": parse_type("decimal(9,2)"), "id": TEXT, "Integer": parse_type("int32")}
    schema = ORDERS.schema_of(types, entity="orders")
    assert [str(f.type) for f in schema] == ["int32", "string", "decimal(9,2)", "string"]
    assert ORDERS.key == ("id", "line")
    assert schema["note"].loss == "blanks at the end"
    assert ORDERS.schema_of({**types, "note": INT}, entity="orders")["note"].loss == ""


def test_a_column_that_is_called_like_a_type_is_meant() -> None:
    natives = {"text": "INTEGER", "other": "TEXT"}
    assert by_column({"text": TEXT}, natives, entity="t") == {"text": TEXT}


def test_what_cannot_be_known_is_said() -> None:
    with pytest.raises(ConfigError, match=r"no type for price \(NUMERIC\)"):
        ORDERS.schema_of({}, entity="orders")
    with pytest.raises(ConfigError, match="neither a column nor the type of one") as caught:
        ORDERS.schema_of({"Price": INT}, entity="orders")
    assert caught.value.hint == "did you mean 'price'?"


def test_names_with_dots() -> None:
    assert meanings("", "a.b") == [("", "a.b"), ("a", "b")]
    assert meanings("s", "a.b") == [("s", "a.b")]
    assert meanings("", "a") == [("", "a")]


def test_near_misses_of_tables() -> None:
    error = not_there("order", ["sales.orders", "sales.users"], "shop")
    assert error.hint == "did you mean 'sales.orders'?"
    assert not_there("x", [], "shop").hint == "tables there: none"
