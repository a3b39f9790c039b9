"""What all tests share."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from hygge.core import secrets

pytest_plugins = ["tests.servers.plugin"]

# A shell that starts a run in the background has it ignore Ctrl-C, and so would every program that
# a test starts and interrupts.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# A developer's own settings for libpq are not for the servers of the tests.
for name in [name for name in os.environ if name.startswith("PG")]:
    del os.environ[name]

# Drawing is quick but the machine may be busy: no deadlines, and the same examples each time.
settings.register_profile(
    "hygge",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile("hygge")


@pytest.fixture(autouse=True)
def _without_the_secrets_of_other_tests(monkeypatch: pytest.MonkeyPatch) -> None:
    """What one test has for a password may be a plain word in what another prints."""
    monkeypatch.setattr(secrets, "_known", {})
    monkeypatch.setattr(secrets, "_pattern", None)
