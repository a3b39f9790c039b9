"""What all tests share."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.servers.plugin"]

# Drawing is quick but the machine may be busy: no deadlines, and the same examples each time.
settings.register_profile(
    "hygge",
    deadline=None,
    derandomize=True,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.differing_executors],
)
settings.load_profile("hygge")
