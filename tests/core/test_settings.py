"""What a connector that is not hygge's is told is kept secret where its name says that it is."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from hygge.core.errors import ConfigError
from hygge.core.secrets import redact
from hygge.core.settings import HomeConfig, Settings, build


class Part(Settings):
    client_secret: str


class Readings(HomeConfig):
    url: str = ""
    api_key: str = ""
    sort_key: str = ""
    page_token: int = 0
    headers: Mapping[str, str] = {}
    part: Part | None = None


def test_settings_named_like_secrets() -> None:
    build(Readings, "readings", None, {
        "url": "https://api.example/x?token=Zx9one", "api_key": "Zx9two", "sort_key": "country",
        "headers": {"X-Auth": "Zx9three", "Authorization": "Bearer Zx9four", "Accept": "json9"},
        "part": {"client_secret": "Zx9five"},
    })  # fmt: skip
    assert redact("Zx9one, Zx9two, Bearer Zx9four, Zx9five") == "***, ***, ***, ***"
    assert redact("by country in json9 from api.example") == "by country in json9 from api.example"


def test_a_secret_of_the_wrong_kind_is_not_quoted() -> None:
    with pytest.raises(ConfigError) as caught:
        build(Readings, "readings", None, {"api_key": 90210, "page_token": "Zx9", "sort_key": 5})
    said = str(caught.value)
    assert "'api_key' must be a text" in said and "'sort_key' must be a text, not 5" in said
    assert "90210" not in said and "Zx9" not in said
