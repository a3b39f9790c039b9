"""Which of the values a library is told are secrets."""

from __future__ import annotations

import pytest
from pydantic import BaseModel, ValidationError

from hygge.core.secrets import MASK, Interpolated, Secret, redact
from hygge.core.told import Told, revealed, told


class Model(BaseModel):
    told: Told


@pytest.mark.parametrize(
    "name",
    ["token", "credential", "s3.secret-access-key", "s3.access-key-id", "s3.session-token",
     "adls.account-key", "adls.sas-token", "adls.connection-string", "header.Authorization",
     "header.X-Api-Key", "AWS_SECRET_ACCESS_KEY", "azure_storage_sas_key", "account_key",
     "google_service_account_key", "aws_sse_customer_key_base64", "password", "PWD"],
)  # fmt: skip
def test_names_that_say_so(name: str) -> None:
    value = f"Zq{name}"
    assert told(name, value) == Secret(value)
    assert redact(f"a {value} b") == f"a {MASK} b"


@pytest.mark.parametrize(
    ("name", "value"),
    [("type", "sqlx"), ("uri", "sqlite:///w.db"), ("s3.connect-timeout", "10007"),
     ("s3.region", "eu-west-77"), ("warehouse", "file:///wh"), ("timeout", "77s"),
     ("aws_sse_bucket_key_enabled", "true"), ("token-refresh-enabled", "False"),
     ("keyspace", "spacious"), ("compass", "northern")],
)  # fmt: skip
def test_ordinary_values_stay(name: str, value: str) -> None:
    made = Model(told={name: value})
    assert made.told[name] == value and isinstance(made.told[name], str)
    assert revealed(made.told) == {name: value}
    assert redact(f"a {value} b") == f"a {value} b"
    assert value in repr(made)


def test_what_is_secret_whatever_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZQ_URL", "http://Zq1-seen")
    given = {
        "uri": "postgresql://u:Zq2-pass@h/db", "x": "${ZQ_X:-Zq3-seen}",
        "warehouse": Interpolated("Zq4-seen", "${ZQ_URL}"), "y": "a=1;AccountKey=Zq5-seen",
    }  # fmt: skip
    made = Model(told=given)
    assert all(isinstance(value, Secret) for value in made.told.values())
    assert revealed(made.told)["warehouse"] == "http://Zq1-seen"
    for shown in (repr(made), str(made.model_dump()), made.model_dump_json(),
                  redact(str(revealed(made.told)["x"]))):  # fmt: skip
        assert not any(f"Zq{n}" in shown for n in (2, 3, 4, 5))


@pytest.mark.parametrize("bad", [{"a": 1}, ["a"], "a"])
def test_what_is_no_mapping_of_texts(bad: object) -> None:
    with pytest.raises(ValidationError, match=r"is needed|needs a text"):
        Model.model_validate({"told": bad})


def test_the_schema_is_of_texts() -> None:
    about = Model.model_json_schema()["properties"]["told"]
    assert about["type"] == "object" and about["additionalProperties"] == {"type": "string"}


@pytest.mark.parametrize(
    ("written", "apart"),
    [("postgresql://u:Zq6@h/db", "postgresql://u:***@h/db"), ("${URI}", "${URI}"),
     ("${URI:-Zq7}", "${URI}"), ("Zq8", MASK), ("https://h/x?token=Zq9", "https://h/x?token=***"),
     ("https://h/x", "https://h/x")],
)  # fmt: skip
def test_what_tells_secrets_apart(written: str, apart: str) -> None:
    Secret("https://h")  # what is known to `redact` is not asked
    assert Secret(written).told_apart == apart
