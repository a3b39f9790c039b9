"""Settings of an entity, as Python's `Flow(**settings)` gives them."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from hygge.core.errors import ConfigError
from hygge.core.settings import build
from hygge.project import EntitySettings, Incremental
from hygge.project.keywords import FlowSettings


def settings(**given: Any) -> EntitySettings:
    made = build(EntitySettings, "Flow", None, given)
    assert isinstance(made, EntitySettings)
    return made


def test_type_checkers_know_every_setting() -> None:
    assert set(FlowSettings.__annotations__) == set(EntitySettings.model_fields)


def test_one_key_or_several() -> None:
    assert settings(key_column="id").keys == ("id",)
    assert settings(key_column=["a", "b"]).keys == ("a", "b")
    assert settings().keys == ()


@pytest.mark.parametrize(
    ("lag", "value"),
    [
        (None, timedelta()), (0, timedelta()), ("0", timedelta()), ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(minutes=90)), (1000, 1000), ("2000", 2000), (0.5, Decimal("0.5")),
    ],
)  # fmt: skip
def test_lags(lag: Any, value: object) -> None:
    assert Incremental(column="x", lag=lag).lag_value == value


@pytest.mark.parametrize("lag", [-1, True, "soon", [1], float("nan"), float("inf"), "-5m"])
def test_what_is_no_lag(lag: Any) -> None:
    with pytest.raises(ConfigError, match=r"incremental\.lag"):
        settings(incremental={"column": "x", "lag": lag})


@pytest.mark.parametrize("chunks", ["auto", "off", 1, 1024, "8"])
def test_chunks(chunks: Any) -> None:
    assert settings(chunks=chunks).chunks == (int(chunks) if chunks == "8" else chunks)


@pytest.mark.parametrize("chunks", [0, 1025, True, "all", 1.5])
def test_what_are_no_chunks(chunks: Any) -> None:
    with pytest.raises(ConfigError, match="a number of slices"):
        settings(chunks=chunks)


def test_all_that_is_wrong_at_once() -> None:
    with pytest.raises(ConfigError) as error:
        settings(key_colum="id", mode="upsert", columns=["a", "a"], retries=1000)
    assert len(error.value.problems) == 4
    assert "did you mean 'key_column'?" in str(error.value)


def test_null_is_not_set() -> None:
    assert settings(tags=None, retries=None, batch_size=None) == settings()
