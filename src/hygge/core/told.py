"""What a library is told by its own names: mostly ordinary values, among which some are secrets.

`type: sql` and `s3.connect-timeout: "100"` are shown as they are: to blot every `sql` and every
`100` out of what is printed would hide nothing and spoil much. A value is secret if its name says
so, if it is written as `${...}`, or if something in it looks like a password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

from hygge.core.guesses import names_a_secret
from hygge.core.secrets import Interpolated, Secret, has_secret

_SWITCHES = ("true", "false")


def told(name: str, value: Any) -> str | Secret:
    """A value as it is to be held: a Secret only if it is one. Raises ValueError for no text."""
    if isinstance(value, Secret):
        return value
    if not isinstance(value, str):
        raise ValueError(f"'{name}' needs a text")
    if isinstance(value, Interpolated) or "${" in value or has_secret(value):
        return Secret(value.template if isinstance(value, Interpolated) else value)
    secret = names_a_secret(name) and value.lower() not in _SWITCHES
    return Secret(value) if secret else value


def _validated(given: Any) -> dict[str, str | Secret]:
    if not isinstance(given, Mapping):
        raise ValueError("a mapping is needed")
    return {str(name): told(str(name), value) for name, value in given.items()}


def revealed(values: Mapping[str, str | Secret]) -> dict[str, str]:
    """What the library is told. Raises ConfigError where a variable is not set."""
    return {k: v.reveal() if isinstance(v, Secret) else v for k, v in values.items()}


def _shown(values: Mapping[str, str | Secret]) -> dict[str, str]:
    return {name: str(value) for name, value in values.items()}


Told = Annotated[
    Mapping[str, str | Secret],
    PlainValidator(_validated, json_schema_input_type=dict[str, str]),
    PlainSerializer(_shown, return_type=dict[str, str]),
]
"""A setting that is such a mapping."""
