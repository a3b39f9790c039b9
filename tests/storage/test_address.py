"""Addresses are shown, so they hold no credentials."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from hygge.core.errors import ConfigError
from hygge.storage.address import Address, credentials_in


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("s3://AK:Zq7Xj9@b/x", "secret_access_key"), ("s3://AK:Zq7/Xj9@b/x", "secret_access_key"),
        ("S3A://Zq7Xj9@b", "secret_access_key"), ("gs://u:Zq7Xj9@b/x", "service_account"),
        ("abfss://c:Zq7Xj9@a.dfs.core.windows.net/x", "account_key"),
        ("az://k:Zq7Xj9@c/x", "account_key"), ("sftp://u:Zq7Xj9@h/x", "password"),
    ],
)  # fmt: skip
def test_credentials_are_refused(url: str, where: str) -> None:
    assert where in credentials_in(url)
    with pytest.raises(ConfigError, match="has credentials in it") as caught:
        Address.parse(url)
    said = f"{caught.value.message} {caught.value.hint}"
    assert "Zq7" not in said and "Xj9" not in said
    assert f"`{where}`" in said


@pytest.mark.parametrize(
    "url",
    ["s3://b/x", "s3://b/a@b/c:d", "gs://b", "sftp://u@h/x", "sftp://u@h:2222/a:b@c",
     "abfss://c@a.dfs.core.windows.net/x@y", "az://c/x", "sftp://h:22/x"],
)  # fmt: skip
def test_a_container_a_user_a_port_and_keys_are_none(url: str) -> None:
    assert credentials_in(url) == ""
    assert str(Address.parse(url)) == url


def test_the_log_of_rust_is_quiet_unless_it_is_asked_for() -> None:
    """A setting of this process alone: what it starts does not inherit it."""
    pytest.importorskip("deltalake")
    program = (
        "import os, sys, hygge.lake.delta;"
        "print('deltalake' in sys.modules, os.environ.get('RUST_LOG'))"
    )
    env = {name: value for name, value in os.environ.items() if name != "RUST_LOG"}
    for more, left in (({}, "None"), ({"RUST_LOG": "debug"}, "debug")):
        done = subprocess.run(
            [sys.executable, "-c", program], env={**env, **more}, capture_output=True, text=True,
            check=True,
        )  # fmt: skip
        assert done.stdout.split() == [str(not more), left]
